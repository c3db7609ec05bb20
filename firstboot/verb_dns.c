/* kbuild-agent dns: the records of kbuild.dns, made and looked at. */
#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "config.h"
#include "dns.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "node.h"
#include "report.h"
#include "self.h"
#include "verbs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CREDENTIALS	"/etc/kbuild/credentials/dns.json"
#define CREDENTIALS_MAX (64 * KIB)
#define ADDRESSES_MAX	8

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

/*
 * For people at a terminal, where systemd hands over nothing: read here, as root, and then handed on as
 * if this run had taken it from the handoff.
 */
static int read_keys(
	struct agent *a, const char *path, struct arena *arena, struct node **ret, struct error *e)
{
	static const struct mark nowhere = { 0 };
	struct error ignored = { 0 };
	struct node *keys = NULL;
	_buf_ text = BUF_INIT;
	int r;

	if (!path && getenv("CREDENTIALS_DIRECTORY"))
		return 0;
	path = path ? path : CREDENTIALS;
	r = file_read(AT_FDCWD, path, CREDENTIALS_MAX, &text);
	if (r < 0)
		return error_errno(e, r, "cannot read the DNS credentials %s", path);
	/* Not the parser's words: they could quote a secret. */
	if (json_parse(&keys, arena, path, buf_str(&text), text.len, &ignored) < 0 ||
		keys->kind != NODE_MAP)
		r = error_set(e, ERR_INVALID, "the DNS credentials %s are not a map in JSON", path);
	if (text.data)
		explicit_bzero(text.data, text.len);
	if (r < 0)
		return r;
	*ret = node_map(arena, &nowhere);
	node_set(arena, *ret, &nowhere, "dns", keys);
	a->handed = *ret;
	return 0;
}

static int run_action(struct agent *a, size_t i, const struct dns_options *o, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct dns_report found;
	int r = agent_start_roles(a, AGENT_NET, e);

	if (r == 0)
		r = actions[i].run(a, o, arena, &found, e);
	if (r == DNS_NOT_ASKED)
		return error_set(e, ERR_INVALID, "%s has no 'dns'", a->config_path);
	if (r == 0)
		print(a, &found);
	/* Whoever gives a copy the names means it to take the other one's place, altogether. */
	if (r == 0 && actions[i].writes)
		r = self_adopt(a, e);
	return r;
}

static int run_dns(struct ctx *c, const struct verb_args *args, struct error *e)
{
	_cleanup_(agent_config_freep) struct agent_config *config = NULL;
	const char *addresses[ADDRESSES_MAX + 1] = { NULL };
	struct agent *a = agent_of(c);
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct node *handed = NULL;
	struct dns_options o = {
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
	r = read_keys(a, verb_opt(args, "credentials"), arena, &handed, e);
	if (r == 0)
		r = agent_become_owner(a, e);
	if (r == 0)
		r = run_action(a, i, &o, e);
	a->config = NULL;
	a->handed = NULL;
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
