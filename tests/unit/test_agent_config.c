/* The agent's configuration: defaults, whole, and wrong. */
#include "config.h"

#include "error.h"

#include "check.h"

static int parse(struct agent_config **ret, const char *text, struct error *e)
{
	return agent_config_parse(ret, "agent.yaml", text, strlen(text), e);
}

static void a_name_is_enough(void)
{
	_cleanup_(agent_config_freep) struct agent_config *c = NULL;
	struct error e = { 0 };

	check_int(parse(&c, "name: web\n", &e), 0);
	check(!c->has_app && !c->has_dns && !c->has_backup);
	check_str(c->app.project, "web");
	check_str(c->app.branch, "main");
	check_str(c->app.compose, "docker-compose.yml"); /* as docs/reference.md has it */
	check_int(c->app.interval, 180);
	check_int(c->health.interval, 300);
	check_int(c->health.tls_days, 21);
	check_int(c->volume, 0);
}

static void everything_is_read(void)
{
	static const char text[] =
		"name: web\n"
		"app: {repository: https://example.org/a.git, interval: 5m, images: bake,\n"
		"  drift: report, forced_updates: refuse, zero_downtime: [api]}\n"
		"secrets: {env: .env, values: {A: {generate: 256}}}\n"
		"dns: {zone: example.org, records: ['@', api]}\n"
		"backup: {postgres: {container: db, format: plain}, keep: {daily: 3},\n"
		"  offsite: {endpoint: https://s3.example.org, bucket: b, keep: {weekly: 9}},\n"
		"  test_restore: never}\n"
		"health: {http: [{url: https://a.example.org/, status: 204}],\n"
		"  alert: {mail: a@example.org, smtp: {server: mx}, webhook: {url: https://h/, form: ntfy}}}\n"
		"server: {cloud: ovh, region: GRA11, volume: 20G}\n";
	_cleanup_(agent_config_freep) struct agent_config *c = NULL;
	struct error e = { 0 };

	check_int(parse(&c, text, &e), 0);
	check_int(c->app.interval, 300);
	check(c->app.bake_images && !c->app.repair_drift && !c->app.follow_forced);
	check_str(c->app.zero_downtime[0], "api");
	check_str(c->dns.records[1], "api");
	check(c->backup.postgres.plain && !c->backup.test_restore);
	check_int(c->backup.keep.daily, 3);
	check_int(c->backup.keep.weekly, 4);
	check_int(c->backup.keep.monthly, 6);
	check_int(c->backup.offsite.keep.daily, 3);
	check_int(c->backup.offsite.keep.weekly, 9);
	check_int(c->backup.offsite.keep.monthly, 6);
	check_int(c->health.n_http, 1);
	check_int(c->health.http[0].status, 204);
	check_str(c->health.alert.mail[0], "a@example.org");
	check_str(c->health.alert.webhook_form, "ntfy");
	check_int(c->volume, 20 * (int64_t)GIB);
}

static void what_is_wrong_is_named_with_its_place(void)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "nam: web\n", "agent.yaml:1:1: unknown key 'nam'" },
		{ "name: web\ndns: {zone: a.org}\n", "agent.yaml:2:6: 'dns.records' is missing" },
		{ "name: web\napp: {repository: x, images: some}\n",
			"agent.yaml:2:30: 'app.images' must be bake or pull, not 'some'" },
		{ "name: [web\n", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(agent_config_freep) struct agent_config *c = NULL;
		struct error e = { 0 };

		check_int(parse(&c, cases[i].text, &e), -ERR_INVALID);
		if (cases[i].want)
			check_str(e.msg, cases[i].want);
	}
}

int main(void)
{
	run(a_name_is_enough);
	run(everything_is_read);
	run(what_is_wrong_is_named_with_its_place);
	return done();
}
