/* Which cloud a verb is about: the table of clouds, --cloud and --region, the definition's word. */
#include "arena.h"
#include "ctx.h"
#include "definition.h"
#include "error.h"
#include "mark.h"
#include "node.h"
#include "ovh_row.h"
#include "provider.h"
#include "row.h"
#include "servers.h"
#include "verb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct provider *const table[] = { &provider_local, &provider_ovh, &provider_openstack,
	NULL };

const struct provider *const *clouds(void)
{
	return table;
}

static int unknown(const char *name, struct error *e)
{
	const char *names[ARRAY_SIZE(table)] = {}, *near;

	for (size_t i = 0; table[i]; i++)
		names[i] = table[i]->name;
	near = nearest_word(name, names);
	error_set(e, ERR_USAGE, "there is no cloud '%s'", name);
	if (near)
		return error_append(e, "; did you mean '%s'?", near);
	error_append(e, "; there is:");
	for (size_t i = 0; names[i]; i++)
		error_append(e, " %s", names[i]);
	return -e->code;
}

/* "openstack:gra" is the entry gra of clouds.yaml. */
static int find_provider(
	const char *name, const struct provider **ret, const char **ret_account, struct error *e)
{
	size_t len = strcspn(name, ":");

	*ret_account = name[len] && name[len + 1] ? name + len + 1 : NULL;
	for (size_t i = 0; table[i]; i++) {
		*ret = table[i];
		if (strlen(table[i]->name) != len || strncmp(table[i]->name, name, len) != 0)
			continue;
		if (name[len] && !*ret_account)
			return error_set(
				e, ERR_USAGE, "--cloud '%s' lacks a name behind ':'", name);
		if (*ret_account && strcmp(table[i]->name, "openstack") != 0)
			return error_set(e, ERR_USAGE,
				"--cloud '%s': only 'openstack' has entries, those of clouds.yaml",
				name);
		return 0;
	}
	return unknown(name, e);
}

static const char *said(const struct definition *def, const char *key)
{
	return def ? node_str(node_get(def->server, key)) : NULL;
}

static const char *environment(void)
{
	const char *name = getenv("KBUILD_CLOUD");

	return name && *name ? name : "local";
}

const char *servers_cloud_name(const struct verb_args *a, const struct definition *def)
{
	const char *option = verb_opt(a, "cloud"), *declared = said(def, "cloud");

	return option ? option : declared ? declared : environment();
}

/* What a later command has to say; name NULL: the environment says which cloud. */
static void write_words(struct cloud *c, const char *name)
{
	snprintf(c->words, sizeof c->words, "%s%s%s%s", name ? " --cloud " : "", name ? name : "",
		c->region ? " --region " : "", c->region ? c->region : "");
}

int servers_cloud(struct ctx *c, const struct verb_args *a, const struct definition *def,
	struct cloud *ret, struct error *e)
{
	const char *name = servers_cloud_name(a, def), *region = verb_opt(a, "region");
	const char *declared = said(def, "cloud");
	struct cloud cloud = {
		.state_dir = c->state_dir,
		.cache_dir = c->cache_dir,
		.clock = c->clock,
		.progress = c->progress,
		.verbose = c->verbose,
	};
	int r = find_provider(name, &cloud.provider, &cloud.account, e);

	if (r < 0 || !cloud.provider)
		return r;
	/* The definition's region is one of its own cloud. */
	cloud.region = region ? region
		       : declared && strcmp(declared, cloud.provider->name) == 0
			       ? said(def, "region")
			       : NULL;
	write_words(&cloud, strcmp(name, environment()) != 0 ? name : NULL);
	if (region && !cloud.provider->open)
		return error_set(e, ERR_USAGE, "the cloud '%s' has no regions: leave --region out",
			cloud.provider->name);
	if (c->offline && cloud.provider->open)
		return error_set(e, ERR_USAGE,
			"the cloud '%s' is reached over the network, and --offline forbids that",
			name);
	r = cloud.provider->open ? cloud.provider->open(&cloud, e) : 0;
	if (r < 0)
		servers_cloud_close(&cloud);
	else
		*ret = cloud;
	return r;
}

void servers_cloud_close(struct cloud *c)
{
	if (c->provider && c->provider->close)
		c->provider->close(c);
	*c = (struct cloud){};
}

int servers_definition(struct ctx *c, const char *path, struct definition **ret, struct error *e)
{
	struct diags d = DIAGS_INIT;
	int r = definition_load(ret, path, &d, e);

	/* Warnings are the build's to tell, once. */
	if (r < 0) {
		diags_free(&c->diags);
		c->diags = d;
	} else {
		diags_free(&d);
	}
	return r;
}

int servers_open(struct ctx *c, const struct verb_args *a, const char *name, struct cloud *ret,
	struct arena *arena, struct server *ret_server, struct error *e)
{
	int r = servers_cloud(c, a, NULL, ret, e);

	if (r == 0)
		r = servers_pick(ret, name, arena, ret_server, e);
	if (r == 0)
		servers_lack(c, ret_server->lacks);
	return r;
}
