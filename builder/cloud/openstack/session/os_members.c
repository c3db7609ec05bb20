/*
 * The members of "auth", by their keys and as OS_* variables; what is the same by another name, and what is
 * meant when it is not said.
 */
#include "os_clouds.h"

#include "os_parts.h"

#include "arena.h"
#include "error.h"

#include <string.h>

void os_take_text(const struct schema *s, const struct field *f, const struct node *n, void *out)
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

#define FIELD(key, env, member) { key, os_take_text, offsetof(struct os_entry, member), 0 },
const struct field os_auth_fields[] = { AUTH(FIELD){} };

const char *const os_auth_types[] = { "v3password", "password", "v3applicationcredential",
	"v3token", "token", "v3oidcclientcredentials", NULL };

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

const char *os_either(const char *a, const char *b)
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
int os_settle(struct os_entry *x, struct arena *a, struct error *e)
{
	struct os_access *k = &x->k;
	const char *home = getenv("HOME"), *interface = os_either(k->interface, x->endpoint_type);

	k->user_name = os_either(k->user_name, x->user_name);
	k->project_id = os_either(k->project_id, x->tenant_id);
	k->project_name = os_either(k->project_name, x->tenant_name);
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

int os_environment(struct os_access *ret, struct arena *a, struct error *e)
{
#define VARIABLE(key, env, member) { env, offsetof(struct os_entry, member) },
	static const struct {
		const char *name;
		size_t offset;
	} variables[] = { AUTH(VARIABLE){ "OS_AUTH_TYPE", offsetof(struct os_entry, auth_type) },
		{ "OS_REGION_NAME", offsetof(struct os_entry, k.region) },
		{ "OS_INTERFACE", offsetof(struct os_entry, k.interface) },
		{ "OS_ENDPOINT_TYPE", offsetof(struct os_entry, endpoint_type) },
		{ "OS_CACERT", offsetof(struct os_entry, k.cacert) } };
	struct os_entry x = { .k.from = "OS_*" };
	bool known = false;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		const char *value = getenv(variables[i].name);

		if (os_given(value))
			*(const char **)((char *)&x + variables[i].offset) = arena_strdup(a, value);
	}
	for (size_t i = 0; os_auth_types[i] && x.auth_type; i++)
		known = known || strcmp(os_auth_types[i], x.auth_type) == 0;
	if (x.auth_type && !known)
		return error_set(e, ERR_INVALID,
			"OS_AUTH_TYPE must be v3password, v3applicationcredential, v3token or "
			"v3oidcclientcredentials, not '%.100s'",
			x.auth_type);
	r = os_settle(&x, a, e);
	if (r == 0)
		*ret = x.k;
	return r;
}
