/*
 * Answers of OVH as anybody could write them: the first byte of each piece chooses a status, the rest up
 * to a NUL is the body. Whatever comes, each call ends, and a failed one has words.
 */
#include "arena.h"
#include "clock.h"
#include "error.h"
#include "http.h"
#include "json.h"
#include "node.h"
#include "provider.h"

#include <string.h>

struct script {
	const uint8_t *data;
	size_t size;
	int64_t now_ms;
};

static int say(void *arg, const struct http_request *q, struct http_response *ret,
	enum http_failure *ret_failure, struct error *e)
{
	static const long statuses[] = { 200, 200, 200, 200, 204, 400, 401, 403, 404, 409, 429,
		503 };
	struct script *s = arg;
	const uint8_t *end;

	(void)q;
	*ret_failure = HTTP_IMPOSSIBLE;
	if (s->size == 0)
		return error_set(e, ERR_NETWORK, "the end");
	ret->status = statuses[*s->data % ARRAY_SIZE(statuses)];
	end = memchr(s->data, 0, s->size);
	end = end ? end : s->data + s->size;
	if (end > s->data + 1)
		buf_add(&ret->body, s->data + 1, (size_t)(end - s->data - 1));
	end += end < s->data + s->size; /* the NUL */
	s->size -= (size_t)(end - s->data);
	s->data = end;
	return 0;
}

static int64_t now(void *arg)
{
	return ((struct script *)arg)->now_ms;
}

static int sleep_on(void *arg, int64_t ms)
{
	((struct script *)arg)->now_ms += ms;
	return 0;
}

static void words(int r, const struct error *e)
{
	if (r < 0 && (e->code != -r || !*e->msg))
		abort();
}

static void use(void *zone, struct arena *a)
{
	const struct dns_provider *p = &dns_provider_ovh;
	struct dns_record r = { 0, "A", "api", "192.0.2.1", 60 };
	struct dns_records found = { 0 };
	const char **servers;
	struct error e = { 0 };
	int64_t ttl;
	bool done;

	words(p->list(zone, &r, a, &found, &e), &e);
	for (size_t i = 0; i < found.n; i++)
		if (!found.v[i].target || !found.v[i].name || !found.v[i].type)
			abort();
	words(p->create(zone, &r, &e), &e);
	words(p->read(zone, &r, a, &e), &e);
	words(p->published(zone, &done, &e), &e);
	words(p->servers(zone, a, &servers, &e), &e);
	words(p->default_ttl(zone, &ttl, &e), &e);
	words(p->publish(zone, &e), &e);
	words(p->remove(zone, &r, &e), &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char signed_keys[] =
		"{\"application_key\":\"a\",\"application_secret\":\"b\","
		"\"consumer_key\":\"c\"}";
	static const char oauth_keys[] = "{\"client_id\":\"a\",\"client_secret\":\"b\"}";
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct script s = { data, size, 0 };
	const struct http http = { .send = say, .arg = &s };
	const struct clock clock = { now, sleep_on, &s };
	const char *text = size % 2 ? signed_keys : oauth_keys;
	struct node *keys = NULL;
	struct error e = { 0 };
	void *zone = NULL;

	if (json_parse(&keys, a, "keys", text, strlen(text), &e) < 0 ||
		dns_provider_ovh.open(
			&(struct dns_place){ &http, &clock, "example.com", keys }, &zone, &e) < 0)
		abort();
	use(zone, a);
	dns_provider_ovh.close(zone);
	return 0;
}
