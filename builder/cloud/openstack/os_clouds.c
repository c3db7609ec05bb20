/*
 * clouds.yaml and OS_*: one table of members for both. Keys that we have no use for are left alone, as the
 * official clients do; what is nearly one of ours is a mistake and is said.
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

struct entry {
	struct os_access k;
	const char *tenant_id, *tenant_name, *user_name, *default_domain;
	const char *auth_type, *endpoint_type, *profile;
	const struct node *regions;
};

static void take_text(
	const struct schema *s, const struct field *f, const struct node *n, void *out)
{
	const char *text = node_str(n);

	if (text)
		*(const char **)out = text;
	else if (!node_is_null(n)) /* "password:" with nothing behind it is not given */
		schema_wrong(s, f, n, "text");
}

/* The members of "auth", and their variables. The second row of one member is its older name. */
#define AUTH(M)                                                                                    \
	M("auth_url", "OS_AUTH_URL", k.auth_url)                                                   \
	M("username", "OS_USERNAME", k.user_name)                                                  \
	M("user_name", "OS_USER_NAME", user_name)                                                  \
	M("user_id", "OS_USER_ID", k.user_id)                                                      \
	M("user_domain_id", "OS_USER_DOMAIN_ID", k.user_domain_id)                                 \
	M("user_domain_name", "OS_USER_DOMAIN_NAME", k.user_domain_name)                           \
	M("password", "OS_PASSWORD", k.password)                                                   \
	M("project_id", "OS_PROJECT_ID", k.project_id)                                             \
	M("tenant_id", "OS_TENANT_ID", tenant_id)                                                  \
	M("project_name", "OS_PROJECT_NAME", k.project_name)                                       \
	M("tenant_name", "OS_TENANT_NAME", tenant_name)                                            \
	M("project_domain_id", "OS_PROJECT_DOMAIN_ID", k.project_domain_id)                        \
	M("project_domain_name", "OS_PROJECT_DOMAIN_NAME", k.project_domain_name)                  \
	M("default_domain", "OS_DEFAULT_DOMAIN", default_domain)                                   \
	M("application_credential_id", "OS_APPLICATION_CREDENTIAL_ID", k.credential_id)            \
	M("application_credential_name", "OS_APPLICATION_CREDENTIAL_NAME", k.credential_name)      \
	M("application_credential_secret", "OS_APPLICATION_CREDENTIAL_SECRET",                     \
		k.credential_secret)                                                               \
	M("token", "OS_TOKEN", k.token)                                                            \
	M("identity_provider", "OS_IDENTITY_PROVIDER", k.oidc_provider)                            \
	M("protocol", "OS_PROTOCOL", k.oidc_protocol)                                              \
	M("discovery_endpoint", "OS_DISCOVERY_ENDPOINT", k.oidc_discovery)                         \
	M("client_id", "OS_CLIENT_ID", k.oidc_client)                                              \
	M("client_secret", "OS_CLIENT_SECRET", k.oidc_secret)                                      \
	M("openid_scope", "OS_OPENID_SCOPE", k.oidc_scope)                                         \
	M("access_token_type", "OS_ACCESS_TOKEN_TYPE", k.oidc_token)

#define FIELD(key, env, member) { key, take_text, offsetof(struct entry, member), 0 },
static const struct field auth_fields[] = { AUTH(FIELD){} };

static const char *const auth_types[] = { "v3password", "password", "v3applicationcredential",
	"v3token", "token", "v3oidcclientcredentials", NULL };

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
	{ "auth_type", field_word, offsetof(struct entry, auth_type), 0, auth_types },
	{ "region_name", take_text, offsetof(struct entry, k.region), 0 },
	{ "regions", field_node, offsetof(struct entry, regions), 0 },
	{ "interface", take_text, offsetof(struct entry, k.interface), 0 },
	{ "endpoint_type", take_text, offsetof(struct entry, endpoint_type), 0 },
	{ "cacert", take_text, offsetof(struct entry, k.cacert), 0 },
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
	schema_read(&inner, ours(n, auth_fields, s->arena), auth_fields, out);
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

/* What the way that auth_type names does not use is not there: shells keep variables for long. */
static void keep_way(struct os_access *k, const char *auth_type)
{
	if (!os_given(auth_type))
		return;
	if (!strstr(auth_type, "password"))
		k->password = NULL;
	if (!strstr(auth_type, "applicationcredential"))
		k->credential_id = k->credential_name = k->credential_secret = NULL;
	if (strcmp(auth_type, "token") != 0 && strcmp(auth_type, "v3token") != 0)
		k->token = NULL;
	if (!strstr(auth_type, "oidc"))
		k->oidc_provider = k->oidc_protocol = k->oidc_discovery = k->oidc_client =
			k->oidc_secret = k->oidc_scope = k->oidc_token = NULL;
}

static const char *either(const char *a, const char *b)
{
	return os_given(a) ? a : b;
}

/* "publicURL" is what the older clients called it. NULL: none of the three. */
static const char *interface_of(const char *text)
{
	static const char *const known[] = { "public", "internal", "admin" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		size_t n = strlen(known[i]);

		if (strncmp(text, known[i], n) == 0 &&
			(text[n] == '\0' || strcmp(text + n, "URL") == 0))
			return known[i];
	}
	return NULL;
}

/* What is the same by another name, and what is meant when it is not said. */
static int settle(struct entry *x, struct arena *a, struct error *e)
{
	struct os_access *k = &x->k;
	const char *home = getenv("HOME"), *interface = either(k->interface, x->endpoint_type);

	k->user_name = either(k->user_name, x->user_name);
	k->project_id = either(k->project_id, x->tenant_id);
	k->project_name = either(k->project_name, x->tenant_name);
	if (!os_given(k->user_domain_id) && !os_given(k->user_domain_name))
		k->user_domain_id = x->default_domain;
	if (!os_given(k->project_domain_id) && !os_given(k->project_domain_name))
		k->project_domain_id = x->default_domain;
	if (os_given(k->cacert) && strncmp(k->cacert, "~/", 2) == 0 && home)
		k->cacert = arena_printf(a, "%s%s", home, k->cacert + 1);
	keep_way(k, x->auth_type);
	if (!os_given(interface))
		return 0;
	k->interface = interface_of(interface);
	if (!k->interface)
		return error_set(e, ERR_INVALID,
			"%s: 'interface' must be public, internal or admin, not '%.100s'", k->from,
			interface);
	return 0;
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
	struct entry x = { 0 };
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
	x.k.region = either(x.k.region, first_region(x.regions));
	r = settle(&x, a, e);
	if (r == 0)
		*ret = x.k;
	return r;
}

int os_environment(struct os_access *ret, struct arena *a, struct error *e)
{
#define VARIABLE(key, env, member) { env, offsetof(struct entry, member) },
	static const struct {
		const char *name;
		size_t offset;
	} variables[] = { AUTH(VARIABLE){ "OS_AUTH_TYPE", offsetof(struct entry, auth_type) },
		{ "OS_REGION_NAME", offsetof(struct entry, k.region) },
		{ "OS_INTERFACE", offsetof(struct entry, k.interface) },
		{ "OS_ENDPOINT_TYPE", offsetof(struct entry, endpoint_type) },
		{ "OS_CACERT", offsetof(struct entry, k.cacert) } };
	struct entry x = { .k.from = "OS_*" };
	bool known = false;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		const char *value = getenv(variables[i].name);

		if (os_given(value))
			*(const char **)((char *)&x + variables[i].offset) = arena_strdup(a, value);
	}
	for (size_t i = 0; auth_types[i] && x.auth_type; i++)
		known = known || strcmp(auth_types[i], x.auth_type) == 0;
	if (x.auth_type && !known)
		return error_set(e, ERR_INVALID,
			"OS_AUTH_TYPE must be v3password, v3applicationcredential, v3token or "
			"v3oidcclientcredentials, not '%.100s'",
			x.auth_type);
	r = settle(&x, a, e);
	if (r == 0)
		*ret = x.k;
	return r;
}
