/* The keys whose values are a word, a list, a small map. */
#include "cloudcheck.h"

#include "definition.h"
#include "mark.h"
#include "node.h"
#include "schema.h"
#include "shape.h"

#include <string.h>
#include <unistd.h>

void cloud_wrong(const struct schema *s, const struct node *value, const char *wanted)
{
	diag_add(s->diags, DIAG_ERROR, &value->at, "wrong-value", NULL, "'%s' must be %s, not %s",
		s->where, wanted, node_what(value));
}

/* The value itself has a form; s->where is its key. */
static bool whole(const struct schema *s, const struct node *value, const struct shape *shape)
{
	const struct schema outer = { s->arena, s->diags, NULL };

	return shape_check(&outer, s->where, value, shape);
}

CLOUD_CHECK(check_bool)
{
	(void)def;
	if (!node_is_bool(value, NULL))
		cloud_wrong(s, value, "true or false");
}

CLOUD_CHECK(check_text)
{
	(void)def;
	if (!node_str(value))
		cloud_wrong(s, value, "text");
}

CLOUD_CHECK(check_list)
{
	(void)def;
	if (value->kind != NODE_LIST)
		cloud_wrong(s, value, "a list");
}

CLOUD_CHECK(check_map)
{
	(void)def;
	if (value->kind != NODE_MAP && !node_is_bool(value, NULL) && !node_is_null(value))
		cloud_wrong(s, value, "a map");
}

/* Of what cloud-init would do with these, the image has the result already, made by other keys. */
CLOUD_CHECK(check_system_info)
{
	static const char *const others[][2] = {
		{ "default_user", "write 'user:', which the image knows, too" },
		{ "package_mirrors", "write 'apt.primary' and 'apt.security'" },
		{ "ntp_client", "write 'ntp.ntp_client'" },
	};

	check_map(s, def, value);
	for (size_t i = 0; value->kind == NODE_MAP && i < ARRAY_SIZE(others); i++) {
		const struct node *n = node_get(value, others[i][0]);

		if (n)
			diag_add(s->diags, DIAG_ERROR, &n->at, "refused", others[i][1],
				"'system_info.%s': it is baked, so that the server would not obey it",
				others[i][0]);
	}
}

/* runcmd and bootcmd: each a line for the shell, or a list of words for execve(). */
CLOUD_CHECK(check_commands)
{
	(void)def;
	if (value->kind != NODE_LIST) {
		cloud_wrong(s, value, "a list of commands");
		return;
	}
	for (size_t i = 0; i < value->n; i++) {
		const struct node *c = value->items[i];
		bool text = c->kind == NODE_LIST && c->n > 0;

		for (size_t k = 0; text && k < c->n; k++)
			text = c->items[k]->kind == NODE_SCALAR;
		if (c->kind == NODE_MAP)
			diag_add(s->diags, DIAG_ERROR, &c->at, "wrong-value",
				"a command that holds ': ' must be in quotes",
				"'%s': a command must be a text or a list of words, not a map",
				s->where);
		else if (c->kind == NODE_LIST && !text)
			cloud_wrong(s, c, "a list of commands, each a text or a list of words");
	}
}

CLOUD_CHECK(check_hostname)
{
	(void)def;
	whole(s, value, &shape_host);
}

CLOUD_CHECK(check_ssh_pwauth)
{
	static const char *const old[] = { "true", "false", "unchanged", NULL };
	const struct schema outer = { s->arena, s->diags, NULL };
	const struct field f = { s->where, .arg = old };
	const char *word;

	(void)def;
	if (node_is_bool(value, NULL) || node_is_null(value))
		return;
	field_word(&outer, &f, value, &word);
}

#define ZONES "/usr/share/zoneinfo/"

CLOUD_CHECK(check_timezone)
{
	char path[sizeof ZONES + 256];

	(void)def;
	if (!whole(s, value, &shape_zone) || value->len > 255)
		return;
	strcpy(path, ZONES);
	strcat(path, value->str);
	/* This machine's list may be older than the image's, so that it is not more than a hint. */
	if (access(ZONES "UTC", F_OK) == 0 && access(path, F_OK) < 0)
		diag_add(s->diags, DIAG_WARNING, &value->at, "unknown-zone",
			"zones are named as in 'timedatectl list-timezones'",
			"this machine knows no time zone '%s'", value->str);
}

CLOUD_CHECK(check_locale)
{
	bool on = true;

	(void)def;
	if (node_is_bool(value, &on) && !on)
		return; /* cloud-init: leave it as it is */
	whole(s, value, &shape_locale);
}

CLOUD_CHECK(check_path)
{
	(void)def;
	whole(s, value, &shape_path);
}

CLOUD_CHECK(check_keys)
{
	static const struct shape public_key = { "a public key such as 'ssh-ed25519 AAAA… name'",
		"(.* )?(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/]+=*( .*)?" };
	const struct schema outer = { s->arena, s->diags, NULL };
	const struct field f = { s->where, .arg = &public_key };
	const char **keys;

	(void)def;
	field_shapes(&outer, &f, value, &keys);
}

static const char *const clients[] = { "auto", "chrony", "systemd-timesyncd", NULL };

static void field_ntp_config(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	diag_add(s->diags, DIAG_ERROR, &node->at, "refused-key",
		"write the client's configuration with write_files",
		"'%s' is refused: it "
		"describes a client that cloud-init does not know, so that it cannot be baked",
		schema_name(s, f->key));
}

static const struct field ntp_fields[] = {
	{ "pools", field_shapes, .arg = &shape_host },
	{ "servers", field_shapes, .arg = &shape_host },
	{ "peers", field_shapes, .arg = &shape_host },
	{ "allow", field_shapes, .arg = &shape_cidr },
	{ "ntp_client", field_word, .arg = clients },
	{ "enabled", field_bool },
	{ "config", field_ntp_config },
	{},
};

CLOUD_CHECK(check_ntp)
{
	(void)def;
	schema_check(s, value, ntp_fields);
}

/* A certificate is a PEM block; anything else would be written into the trust store unread. */
static void field_certificates(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	size_t n = node->kind == NODE_LIST ? node->n : 1;

	for (size_t i = 0; i < n; i++) {
		const struct node *c = node->kind == NODE_LIST ? node->items[i] : node;
		const char *text = node_str(c);

		if (!text || !strstr(text, "-----BEGIN CERTIFICATE-----") ||
			!strstr(text, "-----END CERTIFICATE-----"))
			schema_wrong(s, f, c, "a list of certificates in PEM form");
	}
}

CLOUD_CHECK(check_ca_certs)
{
	static const struct field fields[] = {
		{ "remove_defaults", field_bool },
		{ "trusted", field_certificates },
		{},
	};

	(void)def;
	schema_check(s, value, fields);
}
