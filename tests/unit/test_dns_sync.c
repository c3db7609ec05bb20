/* kbuild.dns made true in a fake zone: what is written, what is left alone, and every place to die. */
#include "dns_play.h"

static void records_are_made_published_and_served(void)
{
	_cleanup_(play_end) struct play p;

	play_begin(&p, credentials);
	check_int(sync_zone(&p), 0);
	zone_is(&p.zone, OURS);
	check_int(p.zone.refreshes, 1);
	check_int(p.zone.writes, 5);
	check_int(p.report.n_servers, 1);
	check_str(p.report.servers[0].name, "dns104.ovh.net");
	check_int(p.report.servers[0].view, DNS_SERVES);
	check(p.report.published && p.report.written);
}

static void nothing_is_written_when_all_is_right(void)
{
	_cleanup_(play_end) struct play p;

	play_begin(&p, credentials);
	check_int(sync_zone(&p), 0);
	p.zone.writes = p.zone.calls = 0;
	check_int(sync_zone(&p), 0);
	check_int(p.zone.writes, 0);
	check(!p.report.written);
	check_int(p.report.changes.writes, 0);
}

static void what_is_ours_is_replaced_and_what_is_not_is_left(void)
{
	_cleanup_(play_end) struct play p;

	play_begin(&p, credentials);
	fake_add(&p.zone, "A", "", "198.51.100.1", 0);
	fake_add(&p.zone, "A", "", "198.51.100.2", 60);
	fake_add(&p.zone, "AAAA", "api", "2001:db8::dead", 60);
	fake_add(&p.zone, "A", "API", "198.51.100.3", 60); /* names have no case */
	fake_add(&p.zone, "A", "api2", "198.51.100.4", 60);
	fake_add(&p.zone, "A", "www.api", "198.51.100.5", 60);
	fake_add(&p.zone, "TXT", "api", "text", 60);
	fake_add(&p.zone, "CNAME", "apis", "somewhere.else.", 60);
	check_int(sync_zone(&p), 0);
	zone_is(&p.zone, "A @ " V4 " 60\nA api " V4
			 " 60\nA api2 198.51.100.4 60\n"
			 "A www.api 198.51.100.5 60\nAAAA @ " V6 " 60\nAAAA api " V6
			 " 60\n"
			 "CNAME apis somewhere.else. 60\nTXT api text 60\n");
	check_int(p.zone.refreshes, 1);
}

static void a_cname_in_the_way_is_said_and_nothing_written(void)
{
	_cleanup_(play_end) struct play p;

	play_begin(&p, credentials);
	fake_add(&p.zone, "CNAME", "api", "web.example.net.", 60);
	check_int(sync_zone(&p), -ERR_INVALID);
	check_str(p.e.msg,
		"api.example.com is a CNAME to web.example.net., and nothing can stand beside a "
		"CNAME: remove it from the zone, or 'api' from kbuild.dns.records");
	check_int(p.zone.writes, 0);
}

static void without_ipv6_its_records_go(void)
{
	_cleanup_(play_end) struct play p;

	play_begin(&p, credentials);
	fake_add(&p.zone, "A", "", V4, 60);
	fake_add(&p.zone, "A", "api", V4, 60);
	fake_add(&p.zone, "AAAA", "api", "2001:db8::dead", 60);
	fake_publish(&p.zone);
	p.zone.ipv6 = "fd00::1"; /* not of the internet */
	p.zone.lost = true;	 /* so the old one is still served for a while */
	check_int(sync_zone(&p), 0);
	check_int(p.zone.refreshes, 2);
	zone_is(&p.zone, "A @ " V4 " 60\nA api " V4 " 60\n");
}

static void addresses_are_public_or_given(void)
{
	static const struct {
		const char *ipv4, *given;
		int r;
		const char *message;
	} cases[] = {
		{ "10.0.2.15", NULL, -ERR_INVALID, "private address 10.0.2.15" },
		{ "172.31.0.1", NULL, -ERR_INVALID, "private address" },
		{ "100.64.0.1", NULL, -ERR_INVALID, "private address" },
		{ "169.254.1.1", NULL, -ERR_INVALID, "private address" },
		{ NULL, NULL, -ERR_FAILED, "no public address (yet)" },
		{ "10.0.2.15", "192.0.2.10", 0, NULL },
		{ "10.0.2.15", "192.0.2.300", -ERR_INVALID, "'192.0.2.300' is no IP address" },
		{ "172.32.0.1", NULL, 0, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const given[] = { cases[i].given, NULL };
		_cleanup_(play_end) struct play p;

		play_begin(&p, credentials);
		p.zone.ipv6 = NULL;
		p.zone.ipv4 = cases[i].ipv4;
		if (cases[i].given)
			p.options.addresses = given;
		check_int(sync_zone(&p), cases[i].r);
		if (cases[i].message && !strstr(p.e.msg, cases[i].message))
			check_fail("'%s' is not about '%s'", p.e.msg, cases[i].message);
		check(cases[i].r == 0 || p.zone.writes == 0);
	}
}

static void the_zones_default_ttl_is_known(void)
{
	_cleanup_(play_end) struct play p;

	play_begin_as(&p, credentials,
		"name: web\ndns: {zone: example.com, ttl: 3600, records: [api]}\n");
	fake_add(&p.zone, "A", "api", V4, 0);
	fake_add(&p.zone, "AAAA", "api", V6, 3600);
	fake_publish(&p.zone);
	check_int(sync_zone(&p), 0);
	check_int(p.zone.writes, 0);
}

static void new_records_may_take_their_time(void)
{
	_cleanup_(play_end) struct play p;

	play_begin(&p, credentials);
	p.zone.lag_list_ms = 20000;
	p.zone.lag_get_ms = 50000;
	p.zone.zero_id = true; /* so each has to be looked for */
	check_int(sync_zone(&p), 0);
	zone_is(&p.zone, OURS);
}

static void showing_writes_nothing(void)
{
	_cleanup_(play_end) struct play p;

	play_begin(&p, credentials);
	fake_add(&p.zone, "A", "", "198.51.100.1", 60);
	check_int(run_zone(&p, false), 0);
	check_int(p.zone.writes, 0);
	check_int(p.report.changes.writes, 4);
	check_int(p.report.servers[0].view, DNS_DIFFERS);
}

/* --- deaths --------------------------------------------------------------------------------------- */

/* Calls of a run from the zone that all of these begin with. */
static void furnish(struct fake_zone *z)
{
	fake_add(z, "A", "api", "198.51.100.1", 60);
	fake_add(z, "A", "api", "198.51.100.2", 60);
	fake_add(z, "MX", "", "1 mx.", 0);
	fake_publish(z);
}

#define ENDED "A @ " V4 " 60\nA api " V4 " 60\nAAAA @ " V6 " 60\nAAAA api " V6 " 60\nMX @ 1 mx. 0\n"

/* Dies once at each call, runs again, and tells how many calls there are. */
static unsigned die_everywhere(enum fake_death how, const int64_t lag[2], bool *ended)
{
	unsigned at = 0;

	for (*ended = false; !*ended;) {
		_cleanup_(play_end) struct play p;
		int r;

		play_begin(&p, credentials);
		furnish(&p.zone);
		p.options.yields = true; /* what it wrote itself is nobody else's */
		p.zone.lag_list_ms = lag[0];
		p.zone.lag_get_ms = lag[1];
		p.zone.die_at = ++at;
		p.zone.how = how;
		r = sync_zone(&p);
		*ended = p.zone.calls < at;
		p.zone.die_at = 0;
		if (how == LOSE_ANSWER || *ended)
			check_int(r, 0);
		else
			check_int(r, -ERR_INTERRUPTED);
		r = sync_zone(&p);
		if (r < 0)
			check_fail(
				"lag %d, died at %u in way %d: %s", (int)lag[0], at, how, p.e.msg);
		zone_is(&p.zone, ENDED);
		/* And after that nothing remains to be done. */
		p.zone.writes = 0;
		r = sync_zone(&p);
		if (r < 0)
			check_fail("lag %d, died at %u in way %d, third: %s", (int)lag[0], at, how,
				p.e.msg);
		check_int(p.zone.writes, 0);
		check(at < 200);
	}
	return at - 1;
}

static void a_death_at_any_call_is_mended_by_the_next_run(void)
{
	static const enum fake_death ways[] = { DIE_BEFORE, DIE_AFTER, LOSE_ANSWER };
	static const int64_t lags[][2] = { { 0, 0 }, { 0, 5000 }, { 50000, 0 }, { 20000, 50000 } };
	unsigned deaths = 0;
	bool ended;

	for (size_t w = 0; w < ARRAY_SIZE(ways); w++)
		for (size_t l = 0; l < ARRAY_SIZE(lags); l++)
			deaths += die_everywhere(ways[w], lags[l], &ended);
	printf("# died at %u calls\n", deaths);
	check(deaths > 150);
}

static void a_broken_memory_is_set_aside(void)
{
	_cleanup_(play_end) struct play p;

	play_begin(&p, credentials);
	check_int(file_replace(tmp_fd(), "dns.json", "{\"pending\":tr", 13, 0600), 0);
	check_int(sync_zone(&p), 0);
	zone_is(&p.zone, OURS);
	check_int(file_replace(tmp_fd(), "dns.json", "{\"zone\":\"example.com\",\"records\":7}", 34,
			  0600),
		0);
	check_int(sync_zone(&p), 0);
}

/* --- what others write ---------------------------------------------------------------------------- */

#define ZONE "/domain/zone/example.com"

static void wrong_answers_are_named(void)
{
	static const struct {
		const char *path, *reply, *message;
	} cases[] = {
		{ ZONE "/record?fieldType=A&subDomain=", "{}",
			"the list of records must be a list" },
		{ ZONE "/record?fieldType=A&subDomain=", "[\"x\"]",
			"an id must be a whole number" },
		{ ZONE "/record?fieldType=A&subDomain=", "[1e99]", "an id must be a whole number" },
		{ ZONE "/record/5420906913", "null", "'fieldType' must be text, not missing" },
		{ ZONE "/record/5420906913", "{\"fieldType\":7}", "'fieldType' must be text" },
		{ ZONE "/record/5420906913", "{\"fieldType\":\"A\",\"target\":null}",
			"record 5420906913: 'target' must be text, not nothing" },
		{ ZONE "/record/5420906913", "{\"fieldType\":\"A\",\"target\":\"x\",\"ttl\":\"y\"}",
			"'ttl' must be a whole number, not text" },
		{ ZONE "/status", "{}", "'isDeployed' must be true or false, not missing" },
		{ ZONE "/status", "{\"isDeployed\":false,\"errors\":[\"bad MX\"]}",
			"OVH does not publish the zone: bad MX" },
		{ ZONE, "[]", "'nameServers' of the zone must be a list, not missing" },
		{ ZONE, "{\"nameServers\":[]}", "has no name servers" },
		{ ZONE, "{\"nameServers\":[null]}", "a name must be text, not nothing" },
		{ ZONE "/soa", "{\"ttl\":[]}", "the zone's SOA: 'ttl' must be a whole number" },
		{ ZONE "/refresh", "{\"half\":", "written but not published" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(play_end) struct play p;

		play_begin(&p, credentials);
		fake_add(&p.zone, "A", "", "198.51.100.1", 0);
		p.zone.reply_to = cases[i].path;
		p.zone.reply = cases[i].reply;
		check(sync_zone(&p) < 0);
		if (!strstr(p.e.msg, cases[i].message))
			check_fail("'%s' is not about '%s'", p.e.msg, cases[i].message);
	}
}

static void credentials_are_whole_and_never_quoted(void)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "{}", "no DNS credentials" },
		{ "{\"endpoint\":\"ovh-eu\"}", "no keys for OVH" },
		{ "{\"application_key\":\"hush\"}", "'application_secret' is missing" },
		{ "{\"access_token\":\"hush\",\"addresses\":[]}", "'addresses' must be a list" },
		{ "{\"access_token\":\"hush\",\"nameservers\":[{}]}",
			"'nameservers' must be a list" },
		{ "{\"access_token\":\"hush\",\"addresses\":[\"192.0.2.1\",\"192.0.2.2\"]}",
			"two addresses of one family" },
		{ "{\"access_token\":\"hush\",\"endpoint\":\"mars\"}", "unknown endpoint 'mars'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(play_end) struct play p;

		play_begin(&p, cases[i].text);
		check_int(sync_zone(&p), -ERR_INVALID);
		if (!strstr(p.e.msg, cases[i].message))
			check_fail("'%s' is not about '%s'", p.e.msg, cases[i].message);
		check(!strstr(p.e.msg, "hush"));
		check_int(p.zone.calls, 0);
	}
}

static void the_report_is_for_people_and_programs(void)
{
	_cleanup_(play_end) struct play p;
	_buf_ text = BUF_INIT;
	_buf_ json = BUF_INIT;
	struct node *doc;

	play_begin(&p, credentials);
	fake_add(&p.zone, "A", "", "198.51.100.1", 60);
	check_int(sync_zone(&p), 0);
	dns_report_text(&p.report, &text);
	check_str(buf_str(&text),
		"example.com: this server is 192.0.2.10 and 2001:db8::10\n"
		"  changed   @                    A    192.0.2.10 (ttl 60), was 198.51.100.1\n"
		"  created   @                    AAAA 2001:db8::10 (ttl 60)\n"
		"  created   api                  A    192.0.2.10 (ttl 60)\n"
		"  created   api                  AAAA 2001:db8::10 (ttl 60)\n"
		"  serves    dns104.ovh.net\n");
	dns_report_json(&p.report, &json);
	check_int(json_parse(&doc, p.arena, "report", buf_str(&json), json.len, &p.e), 0);
	check_int(node_get(doc, "records")->n, 4);
	check_str(node_str(node_get(node_get(doc, "records")->items[0], "was")), "198.51.100.1");
	check_str(node_str(node_get(node_get(doc, "servers")->items[0], "state")), "serves");
}

static void a_zone_that_is_asked_for_elsewhere_is_a_warning(void)
{
	static const struct {
		const char *delegated, *elsewhere;
	} cases[] = {
		{ NULL, NULL },
		{ "DNS104.ovh.net", NULL },
		{ "ns1.other.example", "ns1.other.example" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(play_end) struct play p;
		_buf_ text = BUF_INIT;

		play_begin(&p, credentials);
		p.zone.delegated = cases[i].delegated;
		check_int(sync_zone(&p), 0);
		check_str(p.report.elsewhere ? p.report.elsewhere : "none",
			cases[i].elsewhere ? cases[i].elsewhere : "none");
		dns_report_text(&p.report, &text);
		check(!cases[i].elsewhere == !strstr(buf_str(&text), "the world asks ns1.other"));
	}
}

static void an_image_without_dns_asks_for_nothing(void)
{
	_cleanup_(play_end) struct play p;

	play_begin(&p, credentials);
	p.config->has_dns = false;
	check_int(sync_zone(&p), DNS_NOT_ASKED);
	check_int(p.zone.calls, 0);
}

int main(void)
{
	run(records_are_made_published_and_served);
	run(nothing_is_written_when_all_is_right);
	run(what_is_ours_is_replaced_and_what_is_not_is_left);
	run(a_cname_in_the_way_is_said_and_nothing_written);
	run(without_ipv6_its_records_go);
	run(addresses_are_public_or_given);
	run(the_zones_default_ttl_is_known);
	run(new_records_may_take_their_time);
	run(showing_writes_nothing);
	run(a_death_at_any_call_is_mended_by_the_next_run);
	run(a_broken_memory_is_set_aside);
	run(wrong_answers_are_named);
	run(credentials_are_whole_and_never_quoted);
	run(the_report_is_for_people_and_programs);
	run(a_zone_that_is_asked_for_elsewhere_is_a_warning);
	run(an_image_without_dns_asks_for_nothing);
	return done();
}
