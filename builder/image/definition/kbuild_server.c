/*
 * kbuild.app, secrets, dns, backup, health, server: the server's life. Nothing of it is done while
 * building, but all of it is checked now: a typo must not wait for the first night's backup.
 */
#include "definition_parts.h"

#include "arena.h"
#include "mark.h"
#include "node.h"
#include "schema.h"
#include "shape.h"

#include <stdio.h>
#include <string.h>

/* At least a minute, at most a week: how often something is looked at. */
static void field_interval(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	const char *text = node_str(node);
	uint64_t seconds;

	if (!text)
		schema_wrong(s, f, node, "a duration from 1m to 7d such as 3m");
	else if (!parse_duration(text, &seconds) || seconds < 60 || seconds > 604800)
		diag_add(s->diags, DIAG_ERROR, &node->at, "wrong-value", NULL,
			"'%s' must be a duration from 1m to 7d such as 3m, not '%.100s'",
			schema_name(s, f->key), text);
}

/* None, or as long as a build may take. */
static void field_wait(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	const char *text = node_str(node);
	uint64_t seconds;

	if (!text || !parse_duration(text, &seconds) || seconds > 86400)
		schema_wrong(s, f, node, "a duration up to 1d such as 15m, or 0");
}

static const char *const images[] = { "pull", "bake", NULL };
static const char *const drift[] = { "repair", "report", NULL };
static const char *const forced[] = { "follow", "refuse", NULL };

static const struct field app_fields[] = {
	{ "repository", field_shape, .flags = FIELD_REQUIRED, .arg = &shape_git_url },
	{ "branch", field_shape, .arg = &shape_line },
	{ "compose", field_shape, .arg = &shape_relative },
	{ "project", field_shape, .arg = &shape_name },
	{ "health", field_shape, .arg = &shape_http_url },
	{ "interval", field_interval },
	{ "timeout", field_interval },
	{ "image_wait", field_wait },
	{ "images", field_word, .arg = images },
	{ "drift", field_word, .arg = drift },
	{ "forced_updates", field_word, .arg = forced },
	{ "signers", field_shapes, .arg = &shape_line },
	{ "known_hosts", field_shapes, .arg = &shape_line },
	{ "zero_downtime", field_shapes, .arg = &shape_word },
	{ "docker_socket", field_shape, .arg = &shape_word },
	{},
};

static const char *const providers[] = { "ovh", NULL };

static const struct field dns_fields[] = {
	{ "provider", field_word, .arg = providers },
	{ "zone", field_shape, .flags = FIELD_REQUIRED, .arg = &shape_dns_name },
	{ "ttl", field_int, .arg = (const int64_t[]){ 60, 604800 } },
	{ "records", field_shapes, .flags = FIELD_REQUIRED, .arg = &shape_record },
	{},
};

static const char *const dump_formats[] = { "custom", "plain", NULL };

static const struct field postgres_fields[] = {
	{ "container", field_shape, .flags = FIELD_REQUIRED, .arg = &shape_word },
	{ "user", field_shape, .arg = &shape_word },
	{ "databases", field_shapes, .arg = &shape_line },
	{ "format", field_word, .arg = dump_formats },
	{},
};

static const int64_t kept[] = { 0, 1000 };

static const struct field keep_fields[] = {
	{ "daily", field_int, .arg = kept },
	{ "weekly", field_int, .arg = kept },
	{ "monthly", field_int, .arg = kept },
	{},
};

static const struct field offsite_fields[] = {
	{ "endpoint", field_shape, .flags = FIELD_REQUIRED, .arg = &shape_http_url },
	{ "region", field_shape, .arg = &shape_word },
	{ "bucket", field_shape, .flags = FIELD_REQUIRED, .arg = &shape_s3_bucket },
	{ "prefix", field_shape, .arg = &shape_relative },
	{ "keep", field_submap, .arg = keep_fields },
	{},
};

static const char *const test_restores[] = { "weekly", "never", NULL };

static const struct field backup_fields[] = {
	{ "postgres", field_submap, .arg = postgres_fields },
	{ "paths", field_shapes, .arg = &shape_path },
	{ "volumes", field_shapes, .arg = &shape_word },
	{ "at", field_shape, .arg = &shape_clock },
	{ "timezone", field_shape, .arg = &shape_zone },
	{ "keep", field_submap, .arg = keep_fields },
	{ "recipients", field_shapes, .arg = &shape_age },
	{ "offsite", field_submap, .arg = offsite_fields },
	{ "test_restore", field_word, .arg = test_restores },
	{},
};

static const char *const webhooks[] = { "generic", "slack", "discord", "ntfy", NULL };

static const struct field webhook_fields[] = {
	{ "url", field_shape, .flags = FIELD_REQUIRED, .arg = &shape_http_url },
	{ "form", field_word, .arg = webhooks },
	{},
};

static const struct field smtp_fields[] = {
	{ "server", field_shape, .flags = FIELD_REQUIRED, .arg = &shape_host },
	{ "port", field_int, .arg = (const int64_t[]){ 1, 65535 } },
	{ "from", field_shape, .arg = &shape_mail },
	{ "user", field_shape, .arg = &shape_line },
	{},
};

static const struct field alert_fields[] = {
	{ "mail", field_shapes, .arg = &shape_mail },
	{ "smtp", field_submap, .arg = smtp_fields },
	{ "webhook", field_submap, .arg = webhook_fields },
	{ "ping", field_shape, .arg = &shape_http_url },
	{},
};

static const struct field http_fields[] = {
	{ "url", field_shape, .flags = FIELD_REQUIRED, .arg = &shape_http_url },
	{ "status", field_int, .arg = (const int64_t[]){ 100, 599 } },
	{ "contains", field_shape, .arg = &shape_line },
	{},
};

static const int64_t percent[] = { 1, 100 };

static const struct field health_fields[] = {
	{ "interval", field_interval },
	{ "http", field_maps, .arg = http_fields },
	{ "tls_days", field_int, .arg = (const int64_t[]){ 1, 365 } },
	{ "disk_percent", field_int, .arg = percent },
	{ "memory_percent", field_int, .arg = percent },
	{ "load_per_cpu", field_int, .arg = (const int64_t[]){ 1, 1000 } },
	{ "backup_age", field_duration },
	{ "alert", field_submap, .arg = alert_fields },
	{},
};

static const char *const clouds[] = { "local", "openstack", "ovh", NULL };

static const struct field server_fields[] = {
	{ "cloud", field_word, .arg = clouds },
	{ "region", field_shape, .arg = &shape_word },
	{ "zone", field_shape, .arg = &shape_word },
	{ "flavor", field_shape, .arg = &shape_word },
	{ "volume", field_size },
	{ "network", field_shape, .arg = &shape_line },
	{ "key", field_shape, .arg = &shape_line },
	{ "count", field_int, .arg = (const int64_t[]){ 1, 100 } },
	{},
};

/* A template may name only secrets of the same map, and no two may need each other. */
static void check_references(const struct schema *s, const struct node *values,
	const struct node *key, const struct node *value)
{
	for (const char *p = strstr(value->str, "${"); p; p = strstr(p, "${")) {
		size_t len = strcspn(p + 2, "}");
		char *name = arena_strndup(s->arena, p + 2, len);
		const struct node *other = node_get(values, name);

		if (p[2 + len] == '\0' || !shape_fits(&shape_variable, name))
			diag_add(s->diags, DIAG_ERROR, &value->at, "wrong-value", NULL,
				"'%s' has a '${' without a name and '}'", key->str);
		else if (!other)
			diag_add(s->diags, DIAG_ERROR, &value->at, "unknown-secret",
				"a template names other keys of 'kbuild.secrets.values'",
				"'%s' uses '${%s}', which is not there", key->str, name);
		else if (node_str(other) && strstr(other->str, "${"))
			diag_add(s->diags, DIAG_ERROR, &value->at, "wrong-value", NULL,
				"'%s' uses '${%s}', which is a template itself", key->str, name);
		p += 2;
	}
}

#define SECRET_MAX 4096 /* of a template: bytes */

static const int64_t bits[] = { 64, 4096 };

/* true: as many as are usual, which the agent knows. */
static void field_generate(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	const struct field number = { .key = f->key, .arg = bits };
	bool usual;

	if (!node_is_bool(node, &usual))
		field_int(s, &number, node, out);
	else if (!usual)
		diag_add(s->diags, DIAG_ERROR, &node->at, "wrong-value", NULL,
			"'%s.%s' must be true or a number of bits, not false", s->where, f->key);
}

/* Of whose password it is, for "secrets rotate"; what is absent comes from kbuild.backup.postgres. */
static const struct field role_fields[] = {
	{ "role", field_shape, .flags = FIELD_REQUIRED, .arg = &shape_word },
	{ "container", field_shape, .arg = &shape_word },
	{ "user", field_shape, .arg = &shape_word },
	{},
};

/*
 * NAME: {generate: BITS} (with postgres: {role: ROLE} when it is a password), NAME: {operator: SENTENCE},
 * or a text that may hold ${OTHER}.
 */
static void check_secret(const struct schema *s, const struct node *values, const struct node *key,
	const struct node *value)
{
	static const struct field fields[] = {
		{ "generate", field_generate },
		{ "operator", field_shape, .arg = &shape_line },
		{ "postgres", field_submap, .arg = role_fields },
		{},
	};
	const struct field f = { key->str };
	struct schema inner = *s;

	if (!shape_fits(&shape_variable, key->str))
		diag_add(s->diags, DIAG_ERROR, &key->at, "wrong-value", NULL,
			"the secret's name must be %s", shape_variable.wanted);
	if (node_str(value) && value->len > SECRET_MAX) {
		diag_add(s->diags, DIAG_ERROR, &value->at, "wrong-value", NULL,
			"'%s' is longer than %d bytes", key->str, SECRET_MAX);
		return;
	}
	if (node_str(value)) {
		check_references(s, values, key, value);
		return;
	}
	if (value->kind != NODE_MAP ||
		value->n != (node_get(value, "postgres") && node_get(value, "generate") ? 2 : 1) ||
		(node_get(value, "postgres") && value->n == 1)) {
		schema_wrong(s, &f, value,
			"{generate: BITS}, {operator: WHAT-IT-IS} or a text with ${OTHER}");
		return;
	}
	inner.where = arena_printf(s->arena, "%s.%s", s->where, key->str);
	schema_check(&inner, value, fields);
}

static void field_secrets(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	struct schema inner = *s;

	if (node->kind != NODE_MAP) {
		schema_wrong(s, f, node, "a map of names and values");
		return;
	}
	inner.where = "kbuild.secrets.values";
	for (size_t i = 0; i < node->n; i++)
		check_secret(&inner, node, node->keys[i], node->items[i]);
}

static const struct field secrets_fields[] = {
	{ "env", field_shape, .arg = &shape_relative },
	{ "values", field_secrets },
	{},
};

static const struct field server_parts[] = {
	{ "app", .arg = app_fields },
	{ "secrets", .arg = secrets_fields },
	{ "dns", .arg = dns_fields },
	{ "backup", .arg = backup_fields },
	{ "health", .arg = health_fields },
	{ "server", .arg = server_fields },
};

const struct field *kbuild_server_fields(const char *part)
{
	for (size_t i = 0; i < ARRAY_SIZE(server_parts); i++)
		if (strcmp(server_parts[i].key, part) == 0)
			return server_parts[i].arg;
	return NULL;
}

/* A password is changed in a database, so it must be known in which container. */
static void check_roles(const struct schema *s, const struct node *kbuild)
{
	const struct node *values = node_path(kbuild, "secrets.values");

	for (size_t i = 0; values && values->kind == NODE_MAP && i < values->n; i++) {
		const struct node *role = node_get(values->items[i], "postgres");

		if (role && !node_get(role, "container") &&
			!node_path(kbuild, "backup.postgres.container"))
			diag_add(s->diags, DIAG_ERROR, &role->at, "missing-key", NULL,
				"'kbuild.secrets.values.%s.postgres.container' is missing, and there is no 'kbuild.backup.postgres' that would name it",
				values->keys[i]->str);
	}
}

/* Each is a check of its own on the server, with a record and a name: the same twice would be one. */
static void check_urls(const struct schema *s, const struct node *list)
{
	for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++)
		for (size_t k = 0; k < i; k++)
			if (list->items[i]->kind == NODE_MAP &&
				node_equal(list->items[i], list->items[k])) {
				diag_add(s->diags, DIAG_ERROR, &list->items[i]->at, "given-twice",
					"remove one, or let them differ in 'status' or 'contains'",
					"'kbuild.health.http' has the same entry twice");
				break;
			}
}

/* One without the other sends nothing, and nobody would know before it is needed. */
static void check_alert(const struct schema *s, const struct node *alert)
{
	const struct node *mail = node_get(alert, "mail"), *smtp = node_get(alert, "smtp");

	if (mail && !smtp)
		diag_add(s->diags, DIAG_ERROR, &mail->at, "missing-key",
			"add smtp: {server: HOST, from: ADDRESS}, or remove 'mail'",
			"'kbuild.health.alert.mail' is given, but no 'smtp' by which to send it");
	if (smtp && !mail)
		diag_add(s->diags, DIAG_ERROR, &smtp->at, "missing-key",
			"add mail: ADDRESS, or remove 'smtp'",
			"'kbuild.health.alert.smtp' is given, but no 'mail' to send to");
}

static void check_between(const struct schema *s, const struct node *kbuild)
{
	const struct node *backup = node_get(kbuild, "backup"),
			  *secrets = node_get(kbuild, "secrets");

	if (backup && backup->kind == NODE_MAP && !node_get(backup, "postgres") &&
		!node_get(backup, "paths") && !node_get(backup, "volumes"))
		diag_add(s->diags, DIAG_ERROR, &backup->at, "missing-key", NULL,
			"'kbuild.backup' names nothing to back up: postgres, paths or volumes");
	if (node_get(secrets, "env") && !node_get(kbuild, "app"))
		diag_add(s->diags, DIAG_ERROR, &secrets->at, "missing-key", NULL,
			"'kbuild.secrets.env' is a file of the application, but there is no 'kbuild.app'");
	check_roles(s, kbuild);
	check_urls(s, node_path(kbuild, "health.http"));
	check_alert(s, node_path(kbuild, "health.alert"));
}

void kbuild_server_check(const struct schema *s, const struct node *kbuild)
{
	for (size_t i = 0; i < ARRAY_SIZE(server_parts); i++) {
		const struct node *part = node_get(kbuild, server_parts[i].key);

		if (part)
			field_submap(s, &server_parts[i], part, NULL);
	}
	check_between(s, kbuild);
}
