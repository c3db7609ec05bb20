/*
 * One entry of clouds.yaml, with what its profile and secure.yaml have. Keys that we have no use for are left
 * alone, as the official clients do; what is nearly one of ours is a mistake and is said.
 */
#include "os_clouds.h"

#include "os_parts.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "mark.h"
#include "schema.h"

#include <stdio.h>
#include <string.h>

static void not_supported(
	const struct schema *s, const struct field *f, const struct node *n, void *out)
{
	(void)out;
	diag_add(s->diags, DIAG_ERROR, &n->at, "not-supported", NULL,
		"'%s' is not supported: servers are told apart by their certificates only",
		schema_name(s, f->key));
}

static void must_verify(
	const struct schema *s, const struct field *f, const struct node *n, void *out)
{
	const bool *wanted = f->arg;
	bool value;

	(void)out;
	if (!node_is_bool(n, &value))
		schema_wrong(s, f, n, "true or false");
	else if (value != *wanted)
		diag_add(s->diags, DIAG_ERROR, &n->at, "not-supported",
			"name the file of the authority's certificate as 'cacert'",
			"'%s' is not supported: certificates are always checked",
			schema_name(s, f->key));
}

static const bool yes = true, no = false;

static void take_auth(
	const struct schema *s, const struct field *f, const struct node *n, void *out);

static const struct field cloud_fields[] = {
	{ "auth", take_auth, 0, FIELD_REQUIRED },
	{ "auth_type", field_word, offsetof(struct os_entry, auth_type), 0, os_auth_types },
	{ "region_name", os_take_text, offsetof(struct os_entry, k.region), 0 },
	{ "regions", field_node, offsetof(struct os_entry, regions), 0 },
	{ "interface", os_take_text, offsetof(struct os_entry, k.interface), 0 },
	{ "endpoint_type", os_take_text, offsetof(struct os_entry, endpoint_type), 0 },
	{ "cacert", os_take_text, offsetof(struct os_entry, k.cacert), 0 },
	{ "verify", must_verify, 0, 0, &yes },
	{ "insecure", must_verify, 0, 0, &no },
	{ "cert", not_supported, 0, 0 },
	{ "key", not_supported, 0, 0 },
	{ "profile", field_node, 0, 0 }, /* was merged in before */
	{ "cloud", NULL, 0, 0 },
	{},
};

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* Keys of the official clients for each service ("dns_interface"), which look like ours. */
static bool of_a_service(const char *key)
{
	static const char *const ends[] = { "_interface", "_api_version", "_endpoint_override",
		"_endpoint_type", "_service_type", "_service_name", "_region_name" };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (ends_with(key, ends[i]))
			return true;
	return false;
}

/* The map without what is neither a key of the table nor nearly one. */
static const struct node *ours(const struct node *map, const struct field *fields, struct arena *a)
{
	const char *names[40] = { NULL };
	struct node *kept;

	if (!map || map->kind != NODE_MAP)
		return map;
	for (size_t i = 0; fields[i].key && i + 1 < ARRAY_SIZE(names); i++)
		names[i] = fields[i].key;
	kept = node_map(a, &map->at);
	for (size_t i = 0; i < map->n; i++) {
		const char *key = map->keys[i]->str;
		bool known = false;

		for (size_t j = 0; names[j] && !known; j++)
			known = strcmp(names[j], key) == 0;
		if (known || (!of_a_service(key) && nearest_word(key, names)))
			node_add(a, kept, map->keys[i], map->items[i]);
	}
	return kept;
}

static void take_auth(
	const struct schema *s, const struct field *f, const struct node *n, void *out)
{
	struct schema inner = *s;

	inner.where = schema_name(s, f->key);
	schema_read(&inner, ours(n, os_auth_fields, s->arena), os_auth_fields, out);
}

/* top over base, maps key by key; marks stay those of their files. */
static struct node *merge(struct arena *a, const struct node *base, const struct node *top)
{
	struct node *both;

	if (!top)
		return base ? node_copy(a, base) : NULL;
	both = node_copy(a, base && base->kind == NODE_MAP && top->kind == NODE_MAP ? base : top);
	if (!base || base->kind != NODE_MAP || top->kind != NODE_MAP)
		return both;
	for (size_t i = 0; i < top->n; i++)
		node_set(a, both, &top->keys[i]->at, top->keys[i]->str,
			merge(a, node_get(base, top->keys[i]->str), top->items[i]));
	return both;
}

/* The vendors that people name as their profile, where no file has it. */
static const struct node *known_profile(const char *name, struct arena *a)
{
	static const struct {
		const char *name, *auth_url;
	} known[] = { { "ovh", "https://auth.cloud.ovh.net/v3" },
		{ "ovh-us", "https://auth.cloud.ovh.us/v3" } };
	const struct mark nowhere = { .file = "the profile" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct node *map = node_map(a, &nowhere), *auth = node_map(a, &nowhere);
		const char *url = known[i].auth_url;

		if (strcmp(known[i].name, name) != 0)
			continue;
		node_set(a, auth, &nowhere, "auth_url", node_scalar(a, &nowhere, url, strlen(url)));
		node_set(a, map, &nowhere, "auth", auth);
		return map;
	}
	return NULL;
}

static const struct node *find_profile(
	const struct os_clouds *from, const struct node *cloud, struct arena *a, struct diags *d)
{
	const struct node *n = node_get(cloud, "profile"), *found;
	const char *name;

	n = n ? n : node_get(cloud, "cloud");
	name = node_str(n);
	if (!name)
		return NULL;
	found = node_get(node_get(from->profiles, "public-clouds"), name);
	found = found ? found : known_profile(name, a);
	if (!found)
		diag_add(d, DIAG_ERROR, &n->at, "no-profile",
			"write its auth_url under 'auth', or put it into clouds-public.yaml",
			"there is no profile '%s'", name);
	return found;
}

/* The entry, with what its profile and the secure file have. NULL: not there, e is filled. */
static const struct node *find_entry(const struct os_clouds *from, const char **name,
	struct arena *a, struct diags *d, struct error *e)
{
	const struct node *clouds = node_get(from->clouds, "clouds"), *entry;
	const char **names;

	if (!clouds || clouds->kind != NODE_MAP || clouds->n == 0) {
		error_set(e, ERR_INVALID, "%s: 'clouds' must be a map of clouds by name, not %s",
			from->path, clouds ? node_what(clouds) : "missing");
		return NULL;
	}
	if (!*name && clouds->n == 1)
		*name = clouds->keys[0]->str;
	entry = *name ? node_get(clouds, *name) : NULL;
	if (entry) {
		entry = merge(a, find_profile(from, entry, a, d), entry);
		return merge(a, entry, node_get(node_get(from->secure, "clouds"), *name));
	}
	if (*name)
		error_set(e, ERR_INVALID, "%s: there is no cloud '%.100s'", from->path, *name);
	else
		error_set(e, ERR_INVALID, "%s has several clouds: choose one by OS_CLOUD",
			from->path);
	names = arena_alloc(a, (clouds->n + 1) * sizeof *names);
	for (size_t i = 0; i < clouds->n; i++) {
		names[i] = clouds->keys[i]->str;
		error_append(e, "%s%s", i == 0 ? "; there are: " : ", ", api_clean(a, names[i]));
	}
	if (*name && nearest_word(*name, names))
		error_append(e, "; did you mean '%s'?", nearest_word(*name, names));
	return NULL;
}

/* The first of "regions": names, or maps with a name. */
static const char *first_region(const struct node *regions)
{
	const struct node *first =
		regions && regions->kind == NODE_LIST && regions->n > 0 ? regions->items[0] : NULL;
	const char *name = node_str(first);

	return name ? name : node_str(node_get(first, "name"));
}

int os_first_diag(const struct diags *d, struct error *e)
{
	const struct diag *x = d->n > 0 ? &d->v[0] : NULL;

	if (!x || d->errors == 0)
		return 0;
	if (x->at.line > 0)
		error_set(
			e, ERR_INVALID, "%s:%u:%u: %s", x->file, x->at.line, x->at.col, x->message);
	else
		error_set(e, ERR_INVALID, "%s: %s", x->file, x->message);
	if (x->hint)
		error_append(e, " (%s)", x->hint);
	if (d->errors > 1)
		error_append(e, "; and %zu more", d->errors - 1);
	return -e->code;
}

int os_clouds_entry(struct os_access *ret, const struct os_clouds *from, const char *name,
	struct arena *a, struct diags *d, struct error *e)
{
	struct os_entry x = { 0 };
	const struct node *entry = find_entry(from, &name, a, d, e);
	const struct schema s = {
		.arena = a, .diags = d, .where = name ? arena_printf(a, "clouds.%s", name) : NULL
	};
	int r;

	if (!entry)
		return -e->code;
	schema_read(&s, ours(entry, cloud_fields, a), cloud_fields, &x);
	r = os_first_diag(d, e);
	if (r < 0)
		return r;
	x.k.from = arena_printf(a, "%s: %s", from->path, api_clean(a, name));
	x.k.region = os_either(x.k.region, first_region(x.regions));
	r = os_settle(&x, a, e);
	if (r == 0)
		*ret = x.k;
	return r;
}
