/* See config.h. The tables mirror those of the definition; texts were checked there, not again. */
#include "config.h"

#include "alloc.h"
#include "app_defaults.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "mark.h"
#include "node.h"
#include "schema.h"
#include "yaml_tree.h"

#include <fcntl.h>
#include <string.h>

#define CONFIG_MAX MIB

#define AT(member) offsetof(struct agent_config, member)

/* One of two words as a bool: arg is { the word for true, the other, NULL }. */
static void field_choice(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	const char *word = NULL;

	field_word(s, f, node, &word);
	if (word)
		*(bool *)out = strcmp(word, *(const char *const *)f->arg) == 0;
}

static const char *const images[] = { "bake", "pull", NULL };
static const char *const drift[] = { "repair", "report", NULL };
static const char *const forced[] = { "follow", "refuse", NULL };

static const struct field image_fields[] = {
	{ "id", field_string, AT(image.id) },
	{ "built", field_string, AT(image.built) },
	{ "kbuild", field_string, AT(image.kbuild) },
	{ "distribution", field_string, AT(image.distribution) },
	{ "release", field_string, AT(image.release) },
	{},
};

static const struct field app_fields[] = {
	{ "repository", field_string, AT(app.repository), FIELD_REQUIRED },
	{ "branch", field_string, AT(app.branch) },
	{ "compose", field_string, AT(app.compose) },
	{ "project", field_string, AT(app.project) },
	{ "health", field_string, AT(app.health) },
	{ "interval", field_duration, AT(app.interval) },
	{ "timeout", field_duration, AT(app.timeout) },
	{ "image_wait", field_duration, AT(app.image_wait) },
	{ "images", field_choice, AT(app.bake_images), .arg = images },
	{ "drift", field_choice, AT(app.repair_drift), .arg = drift },
	{ "forced_updates", field_choice, AT(app.follow_forced), .arg = forced },
	{ "signers", field_strings, AT(app.signers) },
	{ "known_hosts", field_strings, AT(app.known_hosts) },
	{ "zero_downtime", field_strings, AT(app.zero_downtime) },
	{ "docker_socket", field_string, AT(app.docker_socket) },
	{},
};

static const struct field secrets_fields[] = {
	{ "env", field_string, AT(secrets.env) },
	{ "values", field_node, AT(secrets.values) },
	{},
};

static const struct field dns_fields[] = {
	{ "provider", field_string, AT(dns.provider) },
	{ "zone", field_string, AT(dns.zone), FIELD_REQUIRED },
	{ "ttl", field_int, AT(dns.ttl) },
	{ "records", field_strings, AT(dns.records), FIELD_REQUIRED },
	{},
};

static const char *const dump_formats[] = { "plain", "custom", NULL };

static const struct field postgres_fields[] = {
	{ "container", field_string, AT(backup.postgres.container), FIELD_REQUIRED },
	{ "user", field_string, AT(backup.postgres.user) },
	{ "databases", field_strings, AT(backup.postgres.databases) },
	{ "format", field_choice, AT(backup.postgres.plain), .arg = dump_formats },
	{},
};

static const struct field keep_fields[] = {
	{ "daily", field_int, AT(backup.keep.daily) },
	{ "weekly", field_int, AT(backup.keep.weekly) },
	{ "monthly", field_int, AT(backup.keep.monthly) },
	{},
};

static const struct field offsite_keep_fields[] = {
	{ "daily", field_int, AT(backup.offsite.keep.daily) },
	{ "weekly", field_int, AT(backup.offsite.keep.weekly) },
	{ "monthly", field_int, AT(backup.offsite.keep.monthly) },
	{},
};

static const struct field offsite_fields[] = {
	{ "endpoint", field_string, AT(backup.offsite.endpoint), FIELD_REQUIRED },
	{ "region", field_string, AT(backup.offsite.region) },
	{ "bucket", field_string, AT(backup.offsite.bucket), FIELD_REQUIRED },
	{ "prefix", field_string, AT(backup.offsite.prefix) },
	{ "keep", field_map, .arg = offsite_keep_fields },
	{},
};

static const char *const test_restores[] = { "weekly", "never", NULL };

static const struct field backup_fields[] = {
	{ "postgres", field_map, .arg = postgres_fields },
	{ "paths", field_strings, AT(backup.paths) },
	{ "volumes", field_strings, AT(backup.volumes) },
	{ "at", field_string, AT(backup.at) },
	{ "timezone", field_string, AT(backup.timezone) },
	{ "keep", field_map, .arg = keep_fields },
	{ "recipients", field_strings, AT(backup.recipients) },
	{ "offsite", field_map, .arg = offsite_fields },
	{ "test_restore", field_choice, AT(backup.test_restore), .arg = test_restores },
	{},
};

static const struct field http_fields[] = {
	{ "url", field_string, offsetof(struct health_http, url), FIELD_REQUIRED },
	{ "status", field_int, offsetof(struct health_http, status) },
	{ "contains", field_string, offsetof(struct health_http, contains) },
	{},
};

/* A list of maps into health.http and health.n_http; out is the whole struct. */
static void field_https(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	const struct schema inner = { s->arena, s->diags, schema_name(s, f->key) };
	struct agent_config *c = out;
	struct health_http *list;

	if (node->kind != NODE_LIST) {
		schema_wrong(s, f, node, "a list of maps");
		return;
	}
	list = arena_alloc(s->arena, (node->n + 1) * sizeof *list);
	memset(list, 0, (node->n + 1) * sizeof *list);
	for (size_t i = 0; i < node->n; i++)
		schema_read(&inner, node->items[i], http_fields, &list[i]);
	c->health.http = list;
	c->health.n_http = node->n;
}

static const struct field smtp_fields[] = {
	{ "server", field_string, AT(health.alert.smtp.server), FIELD_REQUIRED },
	{ "port", field_int, AT(health.alert.smtp.port) },
	{ "from", field_string, AT(health.alert.smtp.from) },
	{ "user", field_string, AT(health.alert.smtp.user) },
	{},
};

static const struct field webhook_fields[] = {
	{ "url", field_string, AT(health.alert.webhook), FIELD_REQUIRED },
	{ "form", field_string, AT(health.alert.webhook_form) },
	{},
};

static const struct field alert_fields[] = {
	{ "mail", field_strings, AT(health.alert.mail) },
	{ "smtp", field_map, .arg = smtp_fields },
	{ "webhook", field_map, .arg = webhook_fields },
	{ "ping", field_string, AT(health.alert.ping) },
	{},
};

static const struct field health_fields[] = {
	{ "interval", field_duration, AT(health.interval) },
	{ "http", field_https },
	{ "tls_days", field_int, AT(health.tls_days) },
	{ "disk_percent", field_int, AT(health.disk_percent) },
	{ "memory_percent", field_int, AT(health.memory_percent) },
	{ "load_per_cpu", field_int, AT(health.load_per_cpu) },
	{ "backup_age", field_duration, AT(health.backup_age) },
	{ "alert", field_map, .arg = alert_fields },
	{},
};

/* What launch needs of it is not the agent's; the whole map is here all the same. */
static const struct field server_fields[] = {
	{ "cloud" },
	{ "region" },
	{ "zone" },
	{ "flavor" },
	{ "volume", field_size, AT(volume) },
	{ "network" },
	{ "key" },
	{ "count" },
	{},
};

static const struct field fields[] = {
	{ "name", field_string, AT(name), FIELD_REQUIRED },
	{ "image", field_map, .arg = image_fields },
	{ "app", field_map, .arg = app_fields },
	{ "secrets", field_map, .arg = secrets_fields },
	{ "dns", field_map, .arg = dns_fields },
	{ "backup", field_map, .arg = backup_fields },
	{ "health", field_map, .arg = health_fields },
	{ "server", field_map, .arg = server_fields },
	{},
};

const struct field *agent_config_fields(void)
{
	return fields;
}

static void set_defaults(struct agent_config *c)
{
	c->app.branch = APP_BRANCH;
	c->app.compose = APP_COMPOSE;
	c->app.interval = 180;
	c->app.timeout = 300;
	c->app.image_wait = 900;
	c->app.repair_drift = true;
	c->app.follow_forced = false;
	c->dns.provider = "ovh";
	c->dns.ttl = 3600;
	c->backup.postgres.user = "postgres";
	c->backup.at = "02:00";
	c->backup.timezone = "UTC";
	c->backup.keep = (struct backup_keep){ 7, 4, 6 };
	c->backup.offsite.keep.daily = -1;
	c->backup.offsite.keep.weekly = -1;
	c->backup.offsite.keep.monthly = -1;
	c->backup.offsite.prefix = "";
	c->backup.test_restore = true;
	c->health.interval = 300;
	c->health.tls_days = 21;
	c->health.disk_percent = 85;
	c->health.memory_percent = 90;
	/* One that is busy has one or two; one that does not get on has more. */
	c->health.load_per_cpu = 4;
	c->health.backup_age = UINT64_C(26) * 3600;
	c->health.alert.smtp.port = 587;
	c->health.alert.webhook_form = "generic";
}

static void keep_default(int64_t *n, int64_t fallback)
{
	if (*n < 0)
		*n = fallback;
}

/* What one key says when another one does not. */
static void settle(struct agent_config *c, const struct node *root)
{
	c->has_app = node_get(root, "app") != NULL;
	c->has_dns = node_get(root, "dns") != NULL;
	c->has_backup = node_get(root, "backup") != NULL;
	if (!c->app.project)
		c->app.project = c->name;
	keep_default(&c->backup.offsite.keep.daily, c->backup.keep.daily);
	keep_default(&c->backup.offsite.keep.weekly, c->backup.keep.weekly);
	keep_default(&c->backup.offsite.keep.monthly, c->backup.keep.monthly);
}

int agent_config_parse(
	struct agent_config **ret, const char *path, const char *text, size_t len, struct error *e)
{
	_cleanup_(agent_config_freep) struct agent_config *c = xcalloc(1, sizeof *c);
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	struct node *root = NULL;
	struct schema s;
	int r;

	c->arena = arena_new();
	set_defaults(c);
	path = arena_strdup(c->arena, path);
	r = yaml_parse(&root, c->arena, path, text, len, &d, e);
	if (r >= 0) {
		s = (struct schema){ c->arena, &d, NULL };
		schema_read(&s, root, fields, c);
		r = diags_result(&d, path, e);
	}
	if (r < 0 && d.n > 0)
		return error_set(e, ERR_INVALID, "%s:%u:%u: %s", path, d.v[0].at.line,
			d.v[0].at.col, d.v[0].message);
	if (r < 0)
		return r;
	settle(c, root);
	*ret = TAKE(c);
	return 0;
}

int agent_config_load(struct agent_config **ret, const char *path, struct error *e)
{
	_buf_ text = BUF_INIT;
	int r = file_read(AT_FDCWD, path, CONFIG_MAX, &text);

	if (r < 0)
		return error_errno(e, r, "cannot read %s", path);
	return agent_config_parse(ret, path, buf_str(&text), text.len, e);
}

void agent_config_free(struct agent_config *c)
{
	if (!c)
		return;
	if (c->arena)
		arena_free(c->arena);
	free(c);
}
