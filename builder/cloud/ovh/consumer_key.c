/* Asking for a key, and waiting for it. */
#include "consumer_key.h"

#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "node.h"
#include "ovh.h"
#include "ovh_conf.h"
#include "progress.h"
#include "reply.h"
#include "rights.h"

#include <inttypes.h>
#include <string.h>

#define POLL_MS 3000

static const struct field key_fields[] = {
	{ "consumerKey", reply_word, offsetof(struct login_key, consumer_key), FIELD_REQUIRED },
	{ "validationUrl", reply_word, offsetof(struct login_key, url), FIELD_REQUIRED },
	{},
};

int login_request(const struct login *l, struct arena *a, struct login_key *ret, struct error *e)
{
	const struct ovh_keys keys = { .endpoint = l->conf->keys.endpoint,
		.application_key = l->conf->keys.application_key,
		.visitor = true };
	_cleanup_(ovh_freep) struct ovh *api = NULL;
	struct login_key key = {};
	struct node *answer;
	_buf_ body = BUF_INIT;
	int r = ovh_new(&api, &keys, l->http, l->clock, e);

	if (r < 0)
		return r;
	ovh_rights_rules(l->project, l->zone, &body);
	/* Made twice, one of the two is never agreed to and ends by itself. */
	r = ovh_must(api,
		&(struct ovh_query){ .method = "POST",
			.path = "/auth/credential",
			.body = buf_str(&body),
			.open = true,
			.harmless = true },
		a, &answer, e);
	if (r == 0)
		r = reply_read(answer, "credential", key_fields, &key, a, e);
	if (r == 0)
		*ret = key;
	return r;
}

struct current {
	const char *status, *expiration;
};

static const struct field current_fields[] = {
	{ "status", reply_word, offsetof(struct current, status), FIELD_REQUIRED },
	{ "expiration", reply_text, offsetof(struct current, expiration) },
	{},
};

/* 0: it is valid now; 1: not yet. */
static int look(struct ovh *api, struct arena *a, struct login_key *key, struct error *e)
{
	struct current now = {};
	struct node *answer;
	int r = ovh_call(api,
		&(struct ovh_query){
			.method = "GET", .path = "/auth/currentCredential", .may_be_denied = true },
		a, &answer, e);

	if (r == OVH_DENIED)
		return 1;
	if (r != 0)
		return -e->code;
	r = reply_read(answer, "credential", current_fields, &now, a, e);
	if (r < 0)
		return r;
	if (strcmp(now.status, "pendingValidation") == 0)
		return 1;
	if (strcmp(now.status, "validated") != 0)
		return error_set(e, ERR_FAILED,
			"OVH calls the new consumer key '%s': it was refused in the browser, or has "
			"ended; 'kbuild login ovh' asks for another",
			now.status);
	key->expiration = now.expiration;
	return 0;
}

int login_wait(const struct login *l, int64_t timeout_ms, struct arena *a, struct login_key *key,
	struct error *e)
{
	const struct ovh_keys keys = { .endpoint = l->conf->keys.endpoint,
		.application_key = l->conf->keys.application_key,
		.application_secret = l->conf->keys.application_secret,
		.consumer_key = key->consumer_key };
	const int64_t end = clock_now_ms(l->clock) + timeout_ms;
	_cleanup_(ovh_freep) struct ovh *api = NULL;
	int r = ovh_new(&api, &keys, l->http, l->clock, e);

	if (r < 0)
		return r;
	for (;;) {
		r = look(api, a, key, e);
		if (r <= 0)
			return r;
		progress_tick(l->progress);
		if (clock_now_ms(l->clock) + POLL_MS > end)
			break;
		if (clock_sleep_ms(l->clock, POLL_MS) < 0)
			return error_set(e, ERR_INTERRUPTED, "interrupted");
	}
	return error_set(e, ERR_CONFIRM,
		"nobody agreed to the new key within %" PRId64
		" s, so nothing was changed: run "
		"'kbuild login ovh' again and open the page it prints",
		timeout_ms / 1000);
}
