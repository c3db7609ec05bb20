/*
 * kbuild login: rights for kbuild in an account at OVH. Either a consumer key, which a person agrees to in
 * a browser while this waits, or the policy of a service account, to be given to OVH by whoever may.
 */
#include "arena.h"
#include "buf.h"
#include "consumer_key.h"
#include "ctx.h"
#include "error.h"
#include "http.h"
#include "json.h"
#include "ovh.h"
#include "ovh_conf.h"
#include "progress.h"
#include "rights.h"
#include "schema.h"
#include "signin.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

#define WAIT_DEFAULT_S 600

/* A line of JSON with what is given. */
static void print_json(const char *state, const char *url, const char *file, const char *expiration)
{
	const char *const members[][2] = { { "state", state }, { "url", url }, { "file", file },
		{ "expiration", expiration } };
	_buf_ out = BUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		if (!members[i][1])
			continue;
		buf_printf(&out, "%s\"%s\":", out.len ? "," : "{", members[i][0]);
		json_write_string(&out, members[i][1], strlen(members[i][1]));
	}
	printf("%s}\n", buf_str(&out));
	fflush(stdout);
}

/* The page that makes an application and its key at once, for who has no application yet. */
static int print_page(const struct ctx *c, const struct login *l, struct arena *a)
{
	_buf_ url = BUF_INIT;

	ovh_rights_page(ovh_api_url(l->conf->section), l->project, l->zone, &url);
	if (c->json) {
		print_json("no application", buf_str(&url), NULL, NULL);
		return 0;
	}
	printf("There is no application_key yet. Open this page, log in, and it makes all three keys:\n\n"
	       "  %s\n\n"
	       "Then write them to %s (chmod 600):\n\n"
	       "  [default]\n  endpoint=%s\n\n"
	       "  [%s]\n  application_key=...\n  application_secret=...\n  consumer_key=...\n\n"
	       "'kbuild doctor --cloud ovh' tells whether they work.\n",
		buf_str(&url), ovh_conf_home_file(a), l->conf->section, l->conf->section);
	return 0;
}

/* The key, and the project that it is for: a key for one project may not look for it. */
static int keep(const struct login *l, const struct login_key *key, struct arena *a,
	const char **ret_file, struct error *e)
{
	int r = ovh_conf_store(l->conf, "consumer_key", key->consumer_key, a, ret_file, e);
	struct ovh_conf stored = *l->conf;

	if (r < 0 || !l->project || l->conf->project_at.file)
		return r;
	stored.application.file = *ret_file; /* the file may just have been made */
	return ovh_conf_store(&stored, "project", l->project, a, ret_file, e);
}

/* Nothing of the key is ever printed: it goes from the answer into the file. */
static int get_key(
	struct ctx *c, const struct login *l, int64_t timeout_ms, struct arena *a, struct error *e)
{
	struct login_key key = {};
	const char *file = "";
	int r = login_request(l, a, &key, e);

	if (r < 0)
		return r;
	if (c->json)
		print_json("pendingValidation", key.url, NULL, NULL);
	else
		printf("Open this page and agree to what kbuild asks for:\n\n  %s\n\n", key.url);
	fflush(stdout);
	progress_begin(c->progress, "waiting until the key is agreed to", NULL, 0);
	r = login_wait(l, timeout_ms, a, &key, e);
	if (r == 0)
		r = keep(l, &key, a, &file, e);
	if (r < 0)
		return r;
	progress_end(c->progress, "agreed");
	if (c->json) {
		print_json("validated", NULL, file, key.expiration);
		return 0;
	}
	printf("The consumer key is kept in %s", file);
	if (key.expiration && *key.expiration)
		printf(", and ends %s", key.expiration);
	printf(".\n'kbuild doctor --cloud ovh' tells what can be done with it.\n");
	return 0;
}

static int print_policy(const struct ovh_conf *conf, const char *zone)
{
	_buf_ out = BUF_INIT;

	ovh_rights_policy(&(struct ovh_policy){ .where = ovh_iam_place(conf->section),
				  .project = conf->project,
				  .zone = zone,
				  .federates = signin_federates(conf) },
		&out);
	fputs(buf_str(&out), stdout);
	return 0;
}

static int read_timeout(const struct verb_args *args, int64_t *ret, struct error *e)
{
	const char *text = verb_opt(args, "timeout");
	uint64_t seconds = WAIT_DEFAULT_S;

	if (text && (!parse_duration(text, &seconds) || seconds == 0 || seconds > 86400))
		return error_set(e, ERR_USAGE,
			"--timeout '%s' must be a time such as 90s or 10m, at most a day", text);
	*ret = (int64_t)seconds * 1000;
	return 0;
}

/* What would make a new consumer key useless, said before a person goes to the browser for it. */
static int check_way(const struct ovh_conf *conf, struct error *e)
{
	const char *hidden = getenv("OVH_CONSUMER_KEY");

	if ((conf->keys.client_id && *conf->keys.client_id) ||
		(conf->keys.access_token && *conf->keys.access_token))
		return error_set(e, ERR_USAGE,
			"[%s] signs in with %s already, which needs no consumer key: 'kbuild login ovh "
			"--iam' prints the policy that its service account needs",
			conf->section, conf->keys.client_id ? "client_id" : "access_token");
	if (hidden && *hidden)
		return error_set(e, ERR_USAGE,
			"OVH_CONSUMER_KEY in the environment would hide the new key: unset it first");
	return 0;
}

static int run_login(struct ctx *c, const struct verb_args *args, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(http_curl_freep) struct http_curl *curl = http_curl_new();
	const struct http http = http_curl_seam(curl);
	const struct ovh_conf_ask ask = { verb_opt(args, "endpoint"), verb_opt(args, "project"),
		NULL };
	const char *zone = verb_opt(args, "zone");
	struct ovh_conf conf;
	struct login l = { &conf, NULL, zone, &http, c->clock, c->progress };
	int64_t timeout_ms = 0;
	int r;

	if (strcmp(verb_arg(args, 0), "ovh") != 0)
		return error_set(e, ERR_USAGE,
			"'kbuild login' knows 'ovh', not '%s'; OpenStack's own way is clouds.yaml, or "
			"OS_* in the environment",
			verb_arg(args, 0));
	r = read_timeout(args, &timeout_ms, e);
	if (r == 0)
		r = ovh_conf_read(&conf, &ask, a, e);
	if (r < 0)
		return r;
	l.project = conf.project;
	if (!ovh_api_url(conf.section))
		return error_set(e, ERR_USAGE,
			"there is no endpoint '%s' at OVH: ovh-eu, ovh-ca, ovh-us, or a URL",
			conf.section);
	if (verb_opt(args, "iam"))
		return print_policy(&conf, zone);
	r = check_way(&conf, e);
	if (r < 0)
		return r;
	if (!conf.keys.application_key || !conf.keys.application_secret)
		return print_page(c, &l, a);
	return get_key(c, &l, timeout_ms, a, e);
}

static const struct verb_option options[] = {
	{ "project", "ID", "the key is for this project only (default: that of ovh.conf, else any)",
		0 },
	{ "zone", "NAME", "the key is for this DNS zone only (default: any)", 0 },
	{ "endpoint", "NAME", "ovh-eu, ovh-ca, ovh-us, or a URL (default: that of ovh.conf)", 0 },
	{ "iam", NULL, "print the policy of a service account, instead of asking for a key", 0 },
	{ "timeout", "TIME", "how long to wait for a person to agree (default: 10m)", 0 },
	{},
};

const struct verb verb_login = {
	.name = "login",
	.args = "ovh",
	.summary = "get keys for a cloud, with no more rights than needed",
	.min = 1,
	.max = 1,
	.options = options,
	.examples =
		"  kbuild login ovh --project 0123456789abcdef0123456789abcdef --zone example.com\n"
		"  kbuild login ovh --iam > policy.json\n",
	.run = run_login,
};
