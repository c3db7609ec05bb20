/* The table of what an operator may give; see operator_secrets.h. */
#include "operator_secrets.h"

#include "arena.h"
#include "mark.h"
#include "node.h"
#include "schema.h"

#include <ctype.h>
#include <string.h>

#define NAME_MAX_LEN  128 /* of a secret: as in definitions */
#define HOST_MAX_LEN  260 /* a DNS name, ':' and a port */
#define LOGIN_MAX_LEN 255

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	"0123456789"

const struct operator_part operator_parts[] = {
	{ "secrets", "app", "secrets of the application" },
	{ "dns", "dns", "DNS credentials" },
	{ "repository", "git", "repository credentials" },
	{ "registries", "registry", "registry credentials" },
	{ "s3", "s3", "object storage credentials" },
	{ "alert", "alert", "alert credentials" },
	{},
};

/* One line of text. The parsers of schema.h would show a wrong value; these never do. */
static void check_line(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	const char *text = node_str(node);

	if (!text || !*text) {
		schema_wrong(s, f, node, "text that is not empty");
		return;
	}
	for (const char *p = text; *p; p++) {
		if (iscntrl((unsigned char)*p)) {
			schema_wrong(s, f, node, "one line without control characters");
			return;
		}
	}
	if (node->len > OPERATOR_VALUE_MAX)
		schema_wrong(s, f, node, "shorter than 8 KiB");
}

/* Text that may have lines; tabs and newlines are its only control characters. */
static void check_text(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	const char *text = node_str(node);

	if (!text || !*text) {
		schema_wrong(s, f, node, "text that is not empty");
		return;
	}
	for (const char *p = text; *p; p++) {
		if (iscntrl((unsigned char)*p) && *p != '\n' && *p != '\t') {
			schema_wrong(s, f, node, "text without control characters");
			return;
		}
	}
	if (node->len > OPERATOR_VALUE_MAX)
		schema_wrong(s, f, node, "shorter than 8 KiB");
}

static void check_url(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	const char *text = node_str(node);

	if (text && strncmp(text, "https://", 8) != 0 && strncmp(text, "http://", 7) != 0)
		schema_wrong(s, f, node, "a URL that begins with https:// or http://");
	else
		check_line(s, f, node, out);
}

static void check_private_key(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	static const char begins[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
	const char *text = node_str(node);

	if (!text || strncmp(text, begins, strlen(begins)) != 0 ||
		!strstr(text, "-----END OPENSSH PRIVATE KEY-----"))
		schema_wrong(s, f, node, "a private key as ssh-keygen -t ed25519 writes it");
	else
		check_text(s, f, node, out);
}

static void check_lines(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	if (node->kind != NODE_LIST || node->n == 0) {
		schema_wrong(s, f, node, "a list that is not empty");
		return;
	}
	for (size_t i = 0; i < node->n; i++)
		check_line(s, f, node->items[i], out);
}

static const struct field dns_fields[] = {
	{ "endpoint", check_line },
	{ "token_url", check_url },
	{ "addresses", check_lines },
	{ "nameservers", check_lines },
	{ "application_key", check_line },
	{ "application_secret", check_line },
	{ "consumer_key", check_line },
	{ "client_id", check_line },
	{ "client_secret", check_line },
	{},
};

static const struct field repository_fields[] = {
	{ "user", check_line },
	{ "token", check_line },
	{ "key", check_private_key },
	{},
};

bool operator_registry_valid(const char *host)
{
	return *host && strlen(host) <= HOST_MAX_LEN && isalnum((unsigned char)*host) &&
	       host[strspn(host, LETTERS DIGITS ".-:")] == '\0';
}

bool operator_login_valid(const char *user)
{
	return *user && strlen(user) <= LOGIN_MAX_LEN && strchr(LETTERS DIGITS "_", *user) &&
	       user[strspn(user, LETTERS DIGITS "_.$@+-/\\")] == '\0';
}

/* Refused here, before there is a server whose first boot would tell it. */
static void check_login(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	const char *text = node_str(node);

	if (text && *text && !operator_login_valid(text))
		schema_wrong(s, f, node, "one word such as robot$ci, tenancy/user or DOMAIN\\user");
	else
		check_line(s, f, node, out);
}

static const struct field registry_fields[] = {
	{ "user", check_login, .flags = FIELD_REQUIRED },
	{ "password", check_line, .flags = FIELD_REQUIRED },
	{},
};

static const struct field s3_fields[] = {
	{ "access_key", check_line, .flags = FIELD_REQUIRED },
	{ "secret_key", check_line, .flags = FIELD_REQUIRED },
	{},
};

static const struct field alert_fields[] = {
	{ "smtp_password", check_line },
	{ "webhook_url", check_url },
	{ "webhook_token", check_line },
	{ "ping_url", check_url },
	{},
};

static bool variable_valid(const char *s)
{
	return *s && strlen(s) <= NAME_MAX_LEN && !isdigit((unsigned char)*s) &&
	       s[strspn(s, LETTERS DIGITS "_")] == '\0';
}

/* A map whose keys are the user's own; false after complaining that it is none. */
static bool open_map(const struct schema *s, const struct field *f, const struct node *node)
{
	if (node->kind == NODE_MAP)
		return true;
	schema_wrong(s, f, node, "a map");
	return false;
}

static void check_registries(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	struct schema inner = *s;

	for (size_t i = 0; open_map(s, f, node) && i < node->n; i++) {
		const struct node *key = node->keys[i];

		if (!operator_registry_valid(key->str))
			diag_add(s->diags, DIAG_ERROR, &key->at, "wrong-value", NULL,
				"a key of 'registries' must be a host such as registry.example.com:5000");
		inner.where = arena_printf(s->arena, "registries.%s", key->str);
		schema_read(&inner, node->items[i], registry_fields, out);
	}
}

static void check_secrets(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	struct schema inner = *s;

	inner.where = "secrets";
	for (size_t i = 0; open_map(s, f, node) && i < node->n; i++) {
		const struct node *key = node->keys[i];
		const struct field value = { key->str };

		if (!variable_valid(key->str))
			diag_add(s->diags, DIAG_ERROR, &key->at, "wrong-value", NULL,
				"a secret's name must be a variable's name such as DATABASE_URL");
		check_text(&inner, &value, node->items[i], NULL);
	}
}

/* Either whole way, never a half: told here, because the server would tell it after its first boot. */
static void check_one_way(const struct schema *s, const struct node *map, const char *const *one,
	const char *const *other, const char *message)
{
	size_t n_one = 0, n_other = 0, has_one = 0, has_other = 0;

	for (; one[n_one]; n_one++)
		has_one += node_get(map, one[n_one]) != NULL;
	for (; other[n_other]; n_other++)
		has_other += node_get(map, other[n_other]) != NULL;
	if (!(has_one == n_one && has_other == 0) && !(has_other == n_other && has_one == 0))
		diag_add(s->diags, DIAG_ERROR, &map->at, "wrong-value", NULL, "%s", message);
}

static void check_dns(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	static const char *const signed_mode[] = { "application_key", "application_secret",
		"consumer_key", NULL };
	static const char *const oauth2[] = { "client_id", "client_secret", NULL };

	field_map(s, f, node, out);
	if (node->kind == NODE_MAP || node_is_null(node))
		check_one_way(s, node, signed_mode, oauth2,
			"'dns' wants application_key, application_secret and consumer_key, or client_id and client_secret");
}

static void check_repository(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	static const char *const https[] = { "token", NULL }, *const ssh[] = { "key", NULL };

	field_map(s, f, node, out);
	if (node->kind == NODE_MAP || node_is_null(node))
		check_one_way(
			s, node, https, ssh, "'repository' wants a token (https) or a key (ssh)");
}

static const struct field fields[] = {
	{ "dns", check_dns, .arg = dns_fields },
	{ "repository", check_repository, .arg = repository_fields },
	{ "registries", check_registries },
	{ "s3", field_map, .arg = s3_fields },
	{ "alert", field_map, .arg = alert_fields },
	{ "secrets", check_secrets },
	{},
};

void operator_secrets_check(struct arena *a, const struct node *doc, struct diags *d)
{
	const struct schema s = { .arena = a, .diags = d };

	char nothing; /* the tables store nothing, and offsets are 0 */

	schema_read(&s, doc, fields, &nothing);
}

bool operator_secrets_any(const struct node *doc)
{
	return doc && doc->kind == NODE_MAP && doc->n > 0;
}
