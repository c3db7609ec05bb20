/*
 * Answers of OVH that are not what they should be: each member of each kind of answer is taken out, made
 * null, made another type, made too long. Whatever is needed is then named; nothing crashes.
 */
#include "fake_native.h"

#include "buf.h"
#include "consumer_key.h"
#include "json.h"
#include "node.h"
#include "os.h"
#include "ovh_conf.h"
#include "prices.h"
#include "signin.h"
#include "tmpdir.h"

/* One reader per kind of answer; which call it makes is not looked at. */
static int read_project(struct play *p)
{
	struct ovh_project project;

	return project_read(&p->native, p->arena, &project, &p->e);
}

static int read_region(struct play *p)
{
	struct ovh_region region;

	return project_region(&p->native, "GRA11", REGION_SERVERS, p->arena, &region, &p->e);
}

static int read_flavors(struct play *p)
{
	struct ovh_flavors all;

	return project_flavors(&p->native, "GRA11", p->arena, &all, &p->e);
}

static int read_quota(struct play *p)
{
	struct ovh_quota q;

	return project_quota(&p->native, "GRA11", p->arena, &q, &p->e);
}

static int read_images(struct play *p)
{
	struct ovh_image *v;
	size_t n;

	return project_images(&p->native, "GRA11", p->arena, &v, &n, &p->e);
}

static int read_catalogue(struct play *p)
{
	const struct ovh_conf conf = {
		.keys = { .visitor = true }, .section = "ovh-eu", .subsidiary = "FR"
	};
	struct ovh_prices prices;

	remove_all(tmp_fd(), "ovh");
	return prices_read(&prices, p->ovh, &conf, tmp_path, 1000, p->arena, &p->e);
}

static int read_user(struct play *p)
{
	const struct ovh_conf conf = { .section = "ovh-eu" };
	struct signin_memory memory = {};
	const struct signin s = { &p->native, &conf, tmp_path, &p->clock, NULL, "kbuild", false,
		&memory };
	struct os_access access = {};

	remove_all(tmp_fd(), "ovh");
	return signin_complete(&s, p->arena, &access, &p->e);
}

static int read_key(struct play *p)
{
	const struct ovh_conf conf = { .section = "ovh-eu",
		.keys = { .application_key = "k", .application_secret = "s" } };
	const struct login l = { &conf, "p1", "z", &p->http, &p->clock, NULL };
	struct login_key key;

	return login_request(&l, p->arena, &key, &p->e);
}

#define FLAVOR                                                                                     \
	"{\"id\":\"i\",\"name\":\"d2-4\",\"region\":\"GRA11\",\"osType\":\"linux\",\"ram\":4000,"  \
	"\"disk\":50,\"vcpus\":2,\"available\":true,\"quota\":3,\"planCodes\":{\"hourly\":\"x\"}}"

static const struct kind {
	int (*read)(struct play *p);
	const char *call,
		*whole;	       /* an answer with all that is needed; a list of one or the object */
	const char *needed[8]; /* members without which it fails, by name */
	struct fake_reply before, after; /* what is asked around it; request NULL: nothing */
} kinds[] = {
	{ read_project, "GET " P, "{\"project_id\":\"p1\",\"status\":\"ok\",\"projectName\":\"n\"}",
		{ "project_id", "status" } },
	{ read_region, "GET " P "/region/GRA11",
		"{\"name\":\"GRA11\",\"status\":\"UP\",\"type\":\"region\",\"services\":[]}",
		{ "name", "status" } },
	{ read_flavors, "GET " P "/flavor?region=GRA11", "[" FLAVOR "]",
		{ "id", "name", "region", "ram", "disk", "vcpus", "available" } },
	{ read_quota, "GET " P "/region/GRA11/quota",
		"{\"region\":\"GRA11\",\"instance\":{\"maxInstances\":1},\"volume\":{}}",
		{ "region" } },
	{ read_catalogue, "GET " EU "/order/catalog/public/cloud?ovhSubsidiary=FR",
		"{\"locale\":{\"currencyCode\":\"EUR\"},\"plans\":[],\"addons\":[{\"planCode\":\"x\","
		"\"pricings\":[{\"price\":1,\"capacities\":[\"consumption\"]}]}]}",
		{ "locale", "addons" } },
	{ read_user, "POST " P "/user",
		"{\"id\":7,\"username\":\"u\",\"status\":\"ok\",\"password\":\"w\"}",
		{ "id", "username", "status" },
		.before = { "GET " P "/user", .status = 200, .body = "[]" },
		.after = { "POST " P "/user/7/regeneratePassword", .status = 200,
			.body = "{\"id\":7,\"username\":\"u\",\"status\":\"ok\",\"password\":\"w\"}" } },
	{ read_key, "POST " EU "/auth/credential",
		"{\"consumerKey\":\"c\",\"state\":\"pendingValidation\",\"validationUrl\":\"u\"}",
		{ "consumerKey", "validationUrl" } },
	{ read_images, "GET " P "/snapshot?region=GRA11",
		"[{\"id\":\"1\",\"name\":\"a\",\"status\":\"active\",\"size\":1}]",
		{ "id", "name", "status" } },
};

/* The script around an answer. */
static void play_kind(
	struct play *p, const struct kind *k, const char *body, struct fake_reply script[4])
{
	size_t n = 0;

	memset(script, 0, 4 * sizeof *script);
	if (k->before.request)
		script[n++] = k->before;
	script[n++] = (struct fake_reply){ k->call, .status = 200, .body = body };
	script[n++] = k->after;
	play_begin(p, script);
}

enum change { MISSING, NOTHING, A_LIST, A_MAP, OVERSIZED, CHANGES };

static bool is_needed(const struct kind *k, const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(k->needed) && k->needed[i]; i++) {
		if (strcmp(k->needed[i], key) == 0)
			return true;
	}
	return false;
}

static struct node *other_value(struct arena *a, enum change change)
{
	static char large[5000];
	struct node *n;

	if (change == A_LIST)
		return node_list(a, &(struct mark){});
	if (change == A_MAP)
		return node_map(a, &(struct mark){});
	memset(large, 'x', sizeof large);
	n = node_scalar(a, &(struct mark){}, large, change == OVERSIZED ? sizeof large : 0);
	n->quoted = change == OVERSIZED;
	return n;
}

/* The answer with one member of its object changed. */
static const char *change_member(
	struct arena *a, const struct kind *k, const char *key, enum change change, struct buf *out)
{
	struct node *doc, *object;
	struct error e = {};

	check_int(json_parse(&doc, a, "k", k->whole, strlen(k->whole), &e), 0);
	object = doc->kind == NODE_LIST ? doc->items[0] : doc;
	if (change == MISSING)
		node_remove(object, key);
	else
		node_set(a, object, &(struct mark){}, key, other_value(a, change));
	node_write_json(doc, 0, out);
	return buf_str(out);
}

static void try_change(const struct kind *k, const char *key, enum change change)
{
	_cleanup_(play_end) struct play p = {};
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_buf_ body = BUF_INIT;
	struct fake_reply script[4];
	int r;

	play_kind(&p, k, change_member(a, k, key, change, &body), script);
	r = k->read(&p);
	if (r >= 0) {
		/* What is not needed may be absent; and long text is no reason where none is shown. */
		if (is_needed(k, key) && change != OVERSIZED)
			check_fail("%s: '%s' was changed (%d), and nobody minds", k->call, key,
				change);
		return;
	}
	check(p.e.code == ERR_NETWORK || p.e.code == ERR_FAILED);
	check(!p.e.transient);
	if (!strstr(p.e.msg, key) && !strstr(p.e.msg, "xxx"))
		check_fail("%s: '%s' is not named: %s", k->call, key, p.e.msg);
}

static void tampered_answers_fail_and_name_the_member(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		const struct kind *k = &kinds[i];
		struct node *doc, *object;
		struct error e = {};

		check_int(json_parse(&doc, a, "k", k->whole, strlen(k->whole), &e), 0);
		object = doc->kind == NODE_LIST ? doc->items[0] : doc;
		for (size_t m = 0; m < object->n; m++) {
			for (enum change c = MISSING; c < CHANGES; c++)
				try_change(k, object->keys[m]->str, c);
		}
		for (size_t m = 0; k->needed[m]; m++)
			check(node_get(object, k->needed[m]) != NULL);
	}
}

static void answers_of_another_kind_fail(void)
{
	static const char *const bodies[] = { "null", "[]", "{}", "7", "\"x\"", "[null]", "[[]]",
		"[7]", "true" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(bodies); k++) {
			struct fake_reply script[4];
			_cleanup_(play_end) struct play p = {};
			bool list = *kinds[i].whole == '[';
			int r;

			play_kind(&p, &kinds[i], bodies[k], script);
			r = kinds[i].read(&p);
			if (r >= 0 && !(list && strcmp(bodies[k], "[]") == 0))
				check_fail("%s takes %s", kinds[i].call, bodies[k]);
		}
	}
}

int main(void)
{
	run(tampered_answers_fail_and_name_the_member);
	run(answers_of_another_kind_fail);
	return done();
}
