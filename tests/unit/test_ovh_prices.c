/* Prices in whole numbers, the catalogue made small and kept, carbon, and the table of rights in its forms. */
#include "fake_native.h"

#include "buf.h"
#include "carbon.h"
#include "json.h"
#include "node.h"
#include "ovh_conf.h"
#include "prices.h"
#include "provider.h"
#include "rights.h"
#include "tmpdir.h"

static const char catalogue[] =
	"{\"catalogId\":1,\"locale\":{\"currencyCode\":\"EUR\",\"taxRate\":20},\"plans\":[{\"planCode\":"
	"\"project.2018\",\"pricings\":[{\"price\":0,\"intervalUnit\":\"none\",\"capacities\":["
	"\"installation\"]}]}],\"addons\":["
	"{\"planCode\":\"d2-2.consumption\",\"pricings\":[{\"price\":1170000,\"intervalUnit\":\"none\","
	"\"capacities\":[\"consumption\"]},{\"price\":9,\"capacities\":[\"consumption\"]}]},"
	"{\"planCode\":\"d2-2.monthly.postpaid\",\"pricings\":[{\"price\":0,\"intervalUnit\":\"none\","
	"\"capacities\":[\"installation\"]},{\"price\":615000000,\"intervalUnit\":\"month\","
	"\"capacities\":[\"renew\"]}]},"
	"{\"planCode\":\"volume.classic.consumption\",\"pricings\":[{\"price\":5589,\"capacities\":["
	"\"consumption\"]}]},"
	"{\"planCode\":\"volume.classic.consumption.3AZ\",\"pricings\":[{\"price\":9999,"
	"\"capacities\":[\"consumption\"]}]},"
	"{\"planCode\":\"negative.consumption\",\"pricings\":[{\"price\":-5,\"capacities\":["
	"\"consumption\"]}]},"
	"{\"planCode\":\"huge.consumption\",\"pricings\":[{\"price\":9223372036854775807,"
	"\"capacities\":[\"consumption\"]}]},"
	"{\"planCode\":null,\"pricings\":7},{\"planCode\":\"none\",\"pricings\":null}]}";

#define CATALOGUE "GET " EU "/order/catalog/public/cloud?ovhSubsidiary="

static const struct ovh_conf french = {
	.section = "ovh-eu", .subsidiary = "FR", .keys = { .visitor = true }
};

static struct ovh_prices read_prices(struct play *p, const struct ovh_conf *conf, int64_t now)
{
	struct ovh_prices prices = {};

	if (prices_read(&prices, p->ovh, conf, tmp_path, now, p->arena, &p->e) < 0)
		check_fail("%s", p->e.msg);
	return prices;
}

static void the_catalogue_is_asked_for_once_a_day(void)
{
	static const struct fake_reply script[] = {
		{ CATALOGUE "FR", .status = 200, .body = catalogue },
		{ CATALOGUE "FR", .status = 200, .body = catalogue },
		{ CATALOGUE "FR", .status = 200, .body = catalogue },
		{},
	};
	_cleanup_(play_end) struct play p = {};
	struct ovh_prices prices;
	int64_t price;

	remove_all(tmp_fd(), "ovh");
	play_begin(&p, script);
	read_prices(&p, &french, 100000);
	prices = read_prices(&p, &french, 100000 + 86400);
	check_int(p.fake.next, 1); /* of the file */
	check_str(prices.currency, "EUR");
	check_str(prices.subsidiary, "FR");
	check(prices_hour(&prices, "d2-2.consumption", &price));
	check_int(price, 1170000);
	check(prices_month(&prices, "d2-2.monthly.postpaid", &price));
	check_int(price, 615000000);
	check(!prices_hour(&prices, "negative.consumption", &price));
	check(!prices_hour(&prices, "huge.consumption", &price));
	check(!prices_hour(&prices, NULL, &price));
	read_prices(&p, &french, 100000 + 86401);
	check_int(p.fake.next, 2);
	read_prices(&p, &french, 100000 + 86400); /* the clock went back */
	check_int(p.fake.next, 3);
	fake_http_done(&p.fake);
}

static void whose_prices_is_said_asked_or_guessed(void)
{
	static const struct {
		const char *section, *said, *me; /* me: what GET /me answers; NULL: 403 */
		const char *wanted;
		bool assumed;
	} cases[] = {
		{ "ovh-eu", "GB", "{\"ovhSubsidiary\":\"PL\"}", "GB", false },
		{ "ovh-eu", NULL, "{\"ovhSubsidiary\":\"PL\"}", "PL", false },
		{ "ovh-eu", NULL, "{\"ovhSubsidiary\":\"../x\"}", "FR", true },
		{ "ovh-eu", NULL, "[]", "FR", true },
		{ "ovh-ca", NULL, NULL, "CA", true },
		{ "ovh-us", NULL, NULL, "US", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct ovh_conf conf = {
			.section = cases[i].section, .subsidiary = cases[i].said, .keys = fake_keys
		};
		_cleanup_(play_end) struct play p = {};
		_buf_ call = BUF_INIT;
		struct fake_reply script[3] = {};
		size_t n = 0;

		buf_printf(&call, CATALOGUE "%s", cases[i].wanted);
		if (!cases[i].said)
			script[n++] = (struct fake_reply){ "GET " EU "/me",
				.status = cases[i].me ? 200 : 403,
				.body = cases[i].me ? cases[i].me : "{\"message\":\"no\"}" };
		script[n] = (struct fake_reply){ buf_str(&call), .status = 200, .body = catalogue };
		remove_all(tmp_fd(), "ovh");
		play_begin(&p, script);
		check_str(read_prices(&p, &conf, 5).subsidiary, cases[i].wanted);
		check_int(read_prices(&p, &conf, 5).assumed, cases[i].assumed); /* of the cache */
		fake_http_done(&p.fake);
	}
}

static void a_file_that_is_broken_is_fetched_anew(void)
{
	static const struct fake_reply script[] = { { CATALOGUE "FR", .status = 200,
							    .body = catalogue },
		{ CATALOGUE "FR", .status = 200, .body = catalogue }, {} };
	_cleanup_(play_end) struct play p = {};

	remove_all(tmp_fd(), "ovh");
	play_begin(&p, script);
	read_prices(&p, &french, 5);
	/* There is one file; which name it has is its own affair. */
	check_int(system("for f in \"$TEST_DIR\"/ovh/*; do echo '{\"v\":1}' >\"$f\"; done"), 0);
	read_prices(&p, &french, 5);
	fake_http_done(&p.fake);
}

static void a_month_is_counted_in_whole_numbers(void)
{
	static const struct {
		const char *plan, *type;
		int64_t gib, server, volume;
		bool known;
	} cases[] = {
		{ "d2-2.consumption", NULL, 0, 854100000, 0, true },
		{ "d2-2.consumption", "region", 20, 854100000, 81599400, true },
		{ "d2-2.consumption", "region-3-az", 20, 854100000, 145985400, true },
		{ "d2-2.consumption", "localzone", 20, 854100000, 81599400, true },
		{ "d9.consumption", "region", 0, 0, 0, false },
		{ "d2-2.consumption", "region", INT64_MAX, 0, 0, false },
	};
	static const struct fake_reply script[] = {
		{ CATALOGUE "FR", .status = 200, .body = catalogue }, {}
	};
	_cleanup_(play_end) struct play p = {};
	struct ovh_prices prices;

	remove_all(tmp_fd(), "ovh");
	play_begin(&p, script);
	prices = read_prices(&p, &french, 5);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct ovh_flavor f = { .hourly = cases[i].plan };
		struct cloud_cost cost = {};

		prices_cost(&prices, &f, cases[i].type, "classic", cases[i].gib, &cost);
		check_int(cost.currency != NULL, cases[i].known);
		if (!cases[i].known)
			continue;
		check_int(cost.server, cases[i].server);
		check_int(cost.volume, cases[i].volume);
	}
}

static void carbon_is_known_where_somebody_has_published_it(void)
{
	static const struct {
		const char *region;
		int64_t vcpus, grams;
	} cases[] = {
		{ "GRA11", 1, 438 }, /* the first user's page says 0.43 kg */
		{ "EU-WEST-PAR", 2, 438 },
		{ "RBX-A", 2, 438 },
		{ "GRA11", 4, -1 },
		{ "DE1", 1, -1 },
		{ "GRAND1", 1, -1 },
		{ "GRA11", 0, -1 },
		{ NULL, 1, -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		check_int(carbon_month(cases[i].region, cases[i].vcpus), cases[i].grams);
		check_int(strncmp(carbon_basis(cases[i].region, cases[i].vcpus), "nobody", 6) != 0,
			cases[i].grams >= 0);
	}
}

/* --- rights ---------------------------------------------------------------------------------------- */

static const struct node *parse(struct arena *a, const char *text)
{
	struct node *doc;
	struct error e = {};

	if (json_parse(&doc, a, "text", text, strlen(text), &e) < 0)
		check_fail("%s: %s", e.msg, text);
	return doc;
}

static void the_rules_that_are_asked_for_allow_what_is_used(void)
{
	static const char *const projects[] = { "p1", NULL };

	for (size_t i = 0; i < ARRAY_SIZE(projects); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		_buf_ text = BUF_INIT;
		const struct node *rules;

		ovh_rights_rules(projects[i], "example.com", &text);
		rules = node_get(parse(a, buf_str(&text)), "accessRules");
		for (const struct ovh_right *r = ovh_rights; r->what; r++) {
			const char *path = ovh_right_path(r->path, "p1", "example.com", a);

			if (!ovh_rules_allow(rules, r->method, path))
				check_fail("%s %s", r->method, path);
		}
		check_int(ovh_rules_allow(rules, "GET", "/cloud/project"), projects[i] == NULL);
		check_int(ovh_rules_allow(rules, "GET", "/cloud/project/p2"), projects[i] == NULL);
		check(!ovh_rules_allow(rules, "DELETE", "/cloud/project/p1"));
		check(!ovh_rules_allow(rules, "DELETE", "/cloud/project/p1/instance/1"));
		check(!ovh_rules_allow(rules, "POST", "/domain/zone/example.com/import"));
		check(!ovh_rules_allow(rules, "GET", "/domain/zone/other.com"));
		check(ovh_rules_allow(rules, "GET", "/me"));
		check(!ovh_rules_allow(rules, "GET", "/me/bill"));
		check(!ovh_rules_allow(rules, "PUT", "/me"));
	}
}

static void rules_cover_as_ovh_reads_them(void)
{
	static const struct {
		const char *rule, *path;
		bool covers;
	} cases[] = {
		{ "/a/*", "/a/b/c", true },
		{ "/a/*", "/a", false },
		{ "/a/*", "/a/", true },
		{ "*", "/x", true },
		{ "/a/*/c", "/a/b/c/c", true },
		{ "/a/*/c", "/a/b/d", false },
		{ "/a", "/a/", false },
		{ "/a*b*c", "/axbxc", true },
		{ "/a*b*c", "/axcxb", false },
		{ "", "", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		const struct node *rules =
			parse(a, arena_printf(a, "[null,7,{},{\"method\":\"GET\",\"path\":\"%s\"}]",
					 cases[i].rule));

		if (ovh_rules_allow(rules, "GET", cases[i].path) != cases[i].covers)
			check_fail("%s and %s", cases[i].rule, cases[i].path);
		check(!ovh_rules_allow(rules, "PUT", cases[i].path));
	}
	check(!ovh_rules_allow(NULL, "GET", "/"));
}

static void the_page_and_the_policy_ask_for_the_same(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_buf_ page = BUF_INIT;
	_buf_ policy = BUF_INIT;
	const struct node *doc, *allow;

	ovh_rights_page("https://eu.api.ovh.com/1.0", "p1", "example.com", &page);
	check(strncmp(buf_str(&page), "https://eu.api.ovh.com/createToken/?GET=/cloud/project/p1&",
		      58) == 0);
	check(strstr(buf_str(&page), "&POST=/domain/zone/example.com/refresh") != NULL);
	check(!strchr(buf_str(&page), ' '));
	ovh_rights_policy(
		&(struct ovh_policy){ "eu", "p1", "example.com", "urn:me", true }, &policy);
	doc = parse(a, buf_str(&policy));
	check_str(node_str(node_get(doc, "identities")->items[0]), "urn:me");
	check_str(node_str(node_get(node_get(doc, "resources")->items[0], "urn")),
		"urn:v1:eu:resource:publicCloudProject:p1");
	check_str(node_str(node_get(node_get(doc, "resources")->items[1], "urn")),
		"urn:v1:eu:resource:dnsZone:example.com");
	check_str(node_str(node_get(node_get(doc, "resources")->items[2], "urn")),
		"urn:v1:eu:resource:account:*");
	allow = node_path(doc, "permissions.allow");
	check(allow && allow->kind == NODE_LIST && allow->n > 15);
	for (size_t i = 0; i < allow->n; i++) {
		const char *action = node_str(node_get(allow->items[i], "action"));

		check(action && !strchr(action, '*')); /* named one by one, no wildcard */
	}
}

/* Where nobody knows how a service account gets into OpenStack it needs a user, as all others do. */
static void a_policy_lets_in_who_does_not_federate(void)
{
	static const char *const own[] = { "apiovh:user/get", "apiovh:user/create",
		"apiovh:user/regeneratePassword/create" };
	static const char *const federated[] = { "openstack:imageOperator" };

	for (int federates = 0; federates < 2; federates++) {
		_buf_ policy = BUF_INIT;

		ovh_rights_policy(
			&(struct ovh_policy){ .where = "us", .federates = federates }, &policy);
		for (size_t i = 0; i < ARRAY_SIZE(own); i++)
			check_int(strstr(buf_str(&policy), own[i]) != NULL, !federates);
		for (size_t i = 0; i < ARRAY_SIZE(federated); i++)
			check_int(strstr(buf_str(&policy), federated[i]) != NULL, federates);
	}
}

int main(void)
{
	tmp_fd();
	setenv("TEST_DIR", tmp_path, 1);
	run(the_catalogue_is_asked_for_once_a_day);
	run(whose_prices_is_said_asked_or_guessed);
	run(a_file_that_is_broken_is_fetched_anew);
	run(a_month_is_counted_in_whole_numbers);
	run(carbon_is_known_where_somebody_has_published_it);
	run(the_rules_that_are_asked_for_allow_what_is_used);
	run(rules_cover_as_ovh_reads_them);
	run(the_page_and_the_policy_ask_for_the_same);
	run(a_policy_lets_in_who_does_not_federate);
	return done();
}
