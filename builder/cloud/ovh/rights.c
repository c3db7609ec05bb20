/*
 * The table, and the forms that it takes. Names of actions are those of OVH's schema (x-iam-actions): the
 * path's words, then what is done.
 */
#include "rights.h"

#include "arena.h"
#include "buf.h"
#include "json.h"
#include "node.h"

#include <string.h>

#define P      "/cloud/project/PROJECT"
#define Z      "/domain/zone/ZONE"
#define NATIVE "publicCloudProject:apiovh:"

const struct ovh_right ovh_rights[] = {
	{ "see the project", "GET", P, P, NATIVE "get", RIGHT_PROJECT, true },
	{ "see its regions", "GET", P "/region", P "/*", NATIVE "region/get", RIGHT_PROJECT, true },
	{ "see what regions there are", "GET", P "/regionAvailable", P "/*",
		NATIVE "regionAvailable/get", RIGHT_PROJECT, true },
	{ "activate a region", "POST", P "/region", P "/region", NATIVE "region/create",
		RIGHT_PROJECT, false },
	{ "see flavors", "GET", P "/flavor", P "/*", NATIVE "flavor/get", RIGHT_PROJECT, true },
	{ "see quotas", "GET", P "/region/GRA11/quota", P "/*", NATIVE "region/quota/get",
		RIGHT_PROJECT, true },
	{ "see private images", "GET", P "/snapshot", P "/*", NATIVE "snapshot/get", RIGHT_PROJECT,
		true },
	{ "see OpenStack users", "GET", P "/user", P "/*", NATIVE "user/get", RIGHT_PROJECT, true,
		true },
	{ "make its OpenStack user", "POST", P "/user", P "/user", NATIVE "user/create",
		RIGHT_PROJECT, false, true },
	{ "renew that user's password", "POST", P "/user/1/regeneratePassword",
		P "/user/*/regeneratePassword", NATIVE "user/regeneratePassword/create",
		RIGHT_PROJECT, false, true },
	{ "see the zone", "GET", Z, Z, "dnsZone:apiovh:get", RIGHT_ZONE, true },
	{ "see its records", "GET", Z "/record", Z "/*", "dnsZone:apiovh:record/get", RIGHT_ZONE,
		true },
	{ "see its state", "GET", Z "/status", Z "/*", "dnsZone:apiovh:status/get", RIGHT_ZONE,
		true },
	{ "see its SOA", "GET", Z "/soa", Z "/*", "dnsZone:apiovh:soa/get", RIGHT_ZONE, true },
	{ "make records", "POST", Z "/record", Z "/record", "dnsZone:apiovh:record/create",
		RIGHT_ZONE, false },
	{ "change records", "PUT", Z "/record/1", Z "/record/*", "dnsZone:apiovh:record/edit",
		RIGHT_ZONE, false },
	{ "remove records", "DELETE", Z "/record/1", Z "/record/*", "dnsZone:apiovh:record/delete",
		RIGHT_ZONE, false },
	{ "publish the zone", "POST", Z "/refresh", Z "/refresh", "dnsZone:apiovh:refresh",
		RIGHT_ZONE, false },
	{ "see whose prices count", "GET", "/me", "/me", "account:apiovh:me/get", RIGHT_ACCOUNT,
		true },
	{},
};

/* What a service account does in OpenStack, where it signs in to it by itself; the roles of a project user, by their names there. */
static const char *const openstack_actions[] = {
	"publicCloudProject:openstack:imageOperator",
	"publicCloudProject:openstack:computeOperator",
	"publicCloudProject:openstack:networkOperator",
	"publicCloudProject:openstack:networkSecurityOperator",
	"publicCloudProject:openstack:volumeOperator",
};

const char *ovh_right_path(const char *text, const char *project, const char *zone, struct arena *a)
{
	static const char *const words[] = { "PROJECT", "ZONE" };
	const char *const values[] = { project ? project : "*", zone ? zone : "*" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *at = strstr(text, words[i]);

		if (at)
			return arena_printf(a, "%.*s%s%s", (int)(at - text), text, values[i],
				at + strlen(words[i]));
	}
	return text;
}

/* Whether an earlier row has the same rule already. */
static bool repeated(const struct ovh_right *r)
{
	for (const struct ovh_right *o = ovh_rights; o < r; o++) {
		if (strcmp(o->method, r->method) == 0 && strcmp(o->rule, r->rule) == 0)
			return true;
	}
	return false;
}

static void add_json(struct buf *out, const char *text)
{
	json_write_string(out, text, strlen(text));
}

void ovh_rights_rules(const char *project, const char *zone, struct buf *out)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *comma = "";

	buf_adds(out, "{\"accessRules\":[");
	if (!project) {
		buf_adds(out, "{\"method\":\"GET\",\"path\":\"/cloud/project\"}");
		comma = ",";
	}
	for (const struct ovh_right *r = ovh_rights; r->what; r++) {
		if (repeated(r))
			continue;
		buf_printf(out, "%s{\"method\":\"%s\",\"path\":", comma, r->method);
		add_json(out, ovh_right_path(r->rule, project, zone, a));
		buf_addc(out, '}');
		comma = ",";
	}
	buf_adds(out, "]}");
}

void ovh_rights_page(
	const char *endpoint_url, const char *project, const char *zone, struct buf *out)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	size_t len = strlen(endpoint_url);
	char mark = '?';

	if (len > 4 && strcmp(endpoint_url + len - 4, "/1.0") == 0)
		len -= 4;
	buf_printf(out, "%.*s/createToken/", (int)len, endpoint_url);
	if (!project) {
		buf_adds(out, "?GET=/cloud/project");
		mark = '&';
	}
	for (const struct ovh_right *r = ovh_rights; r->what; r++) {
		if (repeated(r))
			continue;
		buf_printf(
			out, "%c%s=%s", mark, r->method, ovh_right_path(r->rule, project, zone, a));
		mark = '&';
	}
}

const char *ovh_iam_place(const char *endpoint)
{
	return strcmp(endpoint, "ovh-us") == 0	 ? "us"
	       : strcmp(endpoint, "ovh-ca") == 0 ? "ca"
						 : "eu";
}

static void add_urn(struct buf *out, const char *where, const char *type, const char *name)
{
	_buf_ urn = BUF_INIT;

	buf_printf(&urn, "urn:v1:%s:resource:%s:%s", where, type, name ? name : "*");
	buf_adds(out, "    {\"urn\": ");
	add_json(out, buf_str(&urn));
	buf_addc(out, '}');
}

static void add_action(struct buf *out, const char *action, const char **comma)
{
	buf_printf(out, "%s\n      {\"action\": \"%s\"}", *comma, action);
	*comma = ",";
}

void ovh_rights_policy(const struct ovh_policy *p, struct buf *out)
{
	const char *comma = "";

	buf_adds(out,
		"{\n  \"name\": \"kbuild\",\n"
		"  \"description\": \"what kbuild does, and nothing else\",\n"
		"  \"identities\": [");
	if (p->identity) {
		add_json(out, p->identity);
	} else {
		buf_printf(out, "\"urn:v1:%s:identity:credential:ACCOUNT/oauth2-CLIENT-ID\"",
			p->where);
	}
	buf_adds(out, "],\n  \"resources\": [\n");
	add_urn(out, p->where, "publicCloudProject", p->project);
	buf_adds(out, ",\n");
	add_urn(out, p->where, "dnsZone", p->zone);
	buf_adds(out, ",\n");
	add_urn(out, p->where, "account", NULL);
	buf_adds(out, "\n  ],\n  \"permissions\": {\n    \"allow\": [");
	for (const struct ovh_right *r = ovh_rights; r->what; r++) {
		if (!r->own_user || !p->federates)
			add_action(out, r->action, &comma);
	}
	for (size_t i = 0; p->federates && i < ARRAY_SIZE(openstack_actions); i++)
		add_action(out, openstack_actions[i], &comma);
	buf_adds(out, "\n    ]\n  }\n}\n");
}

/* Greedy with one step back, so that a long pattern of stars costs no more than a short one. */
static bool covers(const char *rule, const char *path)
{
	const char *star = NULL, *from = NULL;

	while (*path) {
		if (*rule == '*') {
			star = rule++;
			from = path;
		} else if (*rule == *path) {
			rule++;
			path++;
		} else if (star) {
			rule = star + 1;
			path = ++from;
		} else {
			return false;
		}
	}
	while (*rule == '*')
		rule++;
	return *rule == '\0';
}

bool ovh_rules_allow(const struct node *rules, const char *method, const char *path)
{
	for (size_t i = 0; rules && rules->kind == NODE_LIST && i < rules->n; i++) {
		const char *m = node_str(node_get(rules->items[i], "method"));
		const char *p = node_str(node_get(rules->items[i], "path"));

		if (m && p && strcmp(m, method) == 0 && covers(p, path))
			return true;
	}
	return false;
}
