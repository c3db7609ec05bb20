/* kbuild-agent dns: the records of kbuild.dns, made and looked at. */
#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "config.h"
#include "dns.h"
#include "error.h"
#include "report.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

#define ADDRESSES_MAX 8

static void note(_unused_ void *arg, const char *text)
{
	report(REPORT_INFO, "%s", text);
}

static void print(const struct agent *a, const struct dns_report *r)
{
	_buf_ text = BUF_INIT;

	if (a->json) {
		dns_report_json(r, &text);
		buf_addc(&text, '\n');
	} else {
		dns_report_text(r, &text);
	}
	fputs(buf_str(&text), stdout);
}

static const struct {
	const char *name;
	bool writes;
	int (*run)(struct agent *a, const struct dns_options *o, struct arena *arena,
		struct dns_report *ret, struct error *e);
} actions[] = {
	{ "sync", true, dns_sync },
	{ "show", false, dns_show },
};

static int run_action(struct agent *a, size_t i, const struct dns_options *o, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct dns_report found;
	int r;

	if (actions[i].writes) {
		r = agent_lock(a, "dns", e);
		if (r == AGENT_BUSY) {
			error_set(e, ERR_FAILED, "another 'dns sync' is at work");
			return error_transient(e);
		}
		if (r < 0)
			return r;
	}
	r = agent_start_roles(a, AGENT_NET, e);
	if (r == 0)
		r = actions[i].run(a, o, arena, &found, e);
	if (r == DNS_NOT_ASKED)
		return error_set(e, ERR_INVALID, "%s has no 'dns'", a->config_path);
	if (r == 0)
		print(a, &found);
	return r;
}

static int run_dns(struct ctx *c, const struct verb_args *args, struct error *e)
{
	_cleanup_(agent_config_freep) struct agent_config *config = NULL;
	const char *addresses[ADDRESSES_MAX + 1] = { NULL };
	struct agent *a = agent_of(c);
	struct dns_options o = {
		.credentials = verb_opt(args, "credentials"),
		.publish = verb_opt(args, "publish") != NULL,
		.note = note,
	};
	size_t i = 0;
	int r;

	while (i < ARRAY_SIZE(actions) && strcmp(actions[i].name, verb_arg(args, 0)) != 0)
		i++;
	if (i == ARRAY_SIZE(actions))
		return error_set(
			e, ERR_USAGE, "dns: 'sync' or 'show', not '%s'", verb_arg(args, 0));
	for (size_t n = 0; n < ADDRESSES_MAX && verb_opt_nth(args, "address", n); n++)
		addresses[n] = verb_opt_nth(args, "address", n);
	if (addresses[0])
		o.addresses = addresses;
	r = agent_config_load(&config, a->config_path, e);
	if (r < 0)
		return r;
	a->config = config;
	r = run_action(a, i, &o, e);
	a->config = NULL;
	return r;
}

static const struct verb_option options[] = {
	{ "credentials", "FILE", "instead of /etc/kbuild/credentials/dns.json", 0 },
	{ "address", "IP", "that leads to this server; once for IPv4, once for IPv6", 0 },
	{ "publish", NULL, "publish the zone even when nothing changed", 0 },
	{},
};

const struct verb verb_dns = {
	.name = "dns",
	.args = "sync|show",
	.summary = "point the records of kbuild.dns to this server, or show them",
	.min = 1,
	.max = 1,
	.options = options,
	.run = run_dns,
	.examples =
		"  kbuild-agent dns show\n"
		"  kbuild-agent dns sync --address 203.0.113.7\n",
};
