/* packages and apt: what the lock resolves from. */
#include "cloudcheck.h"

#include "arena.h"
#include "definition.h"
#include "mark.h"
#include "node.h"
#include "schema.h"
#include "shape.h"

#include <string.h>

/* What apt's command line also takes, and what to write instead. */
static const char *package_hint(const char *text)
{
	size_t len = strlen(text);

	if (strchr(text, '/'))
		return "pin the release in /etc/apt/preferences.d with write_files";
	if (len > 1 && text[len - 1] == '-')
		return "a package is not removed by 'NAME-'; leave it out, or pin it to -1";
	if (len > 1 && text[len - 1] == '^')
		return "tasks are not understood: name the packages";
	if (strpbrk(text, " ,"))
		return "one package an entry";
	return NULL;
}

static void check_package(const struct schema *s, const struct node *n)
{
	const char *text = node_str(n);

	if (!text || node_is_int(n, NULL))
		cloud_wrong(s, n, shape_package.wanted);
	else if (!shape_fits(&shape_package, text) || text[strlen(text) - 1] == '-')
		diag_add(s->diags, DIAG_ERROR, &n->at, "wrong-value", package_hint(text),
			"'%s' must be %s, not '%.200s'", s->where, shape_package.wanted, text);
}

static void check_entry(const struct schema *s, const struct node *n, bool nested)
{
	const struct node *apt = node_get(n, "apt");

	if (n->kind == NODE_SCALAR) {
		check_package(s, n);
		return;
	}
	if (n->kind == NODE_LIST) {
		if (n->n != 2 || !node_str(n->items[0]) || !node_str(n->items[1]) ||
			strchr(n->items[0]->str, '=') ||
			!shape_fits(&shape_package, n->items[0]->str) ||
			!shape_fits(&shape_version, n->items[1]->str))
			cloud_wrong(s, n, "a package's name or [NAME, VERSION]");
		return;
	}
	for (size_t i = 0; i < n->n; i++) {
		if (strcmp(n->keys[i]->str, "apt") != 0)
			diag_add(s->diags, DIAG_ERROR, &n->keys[i]->at, "refused-key",
				strcmp(n->keys[i]->str, "snap") == 0
					? "snapd works in a booted system only: use 'snap:'"
					: NULL,
				"'%s': only packages of apt can be baked, not of '%s'", s->where,
				n->keys[i]->str);
	}
	if (apt && (nested || apt->kind != NODE_LIST))
		cloud_wrong(s, apt, "a list of packages");
	for (size_t i = 0; apt && !nested && apt->kind == NODE_LIST && i < apt->n; i++)
		check_entry(s, apt->items[i], true);
}

CLOUD_CHECK(check_packages)
{
	(void)def;
	if (value->kind != NODE_LIST) {
		cloud_wrong(s, value, "a list of packages");
		return;
	}
	for (size_t i = 0; i < value->n; i++)
		check_entry(s, value->items[i], false);
}

static const struct field mirror_fields[] = {
	{ "arches", field_shapes, .flags = FIELD_REQUIRED, .arg = &shape_word },
	{ "uri", field_shape, .arg = &shape_http_url },
	{ "search", field_shapes, .arg = &shape_http_url },
	{ "search_dns", field_bool },
	{ "key", field_string },
	{ "keyid", field_string },
	{ "keyserver", field_string },
	{},
};

static const struct field source_fields[] = {
	{ "source", field_string },
	{ "key", field_string },
	{ "keyid", field_string },
	{ "keyserver", field_string },
	{ "filename", field_shape, .arg = &shape_line },
	{ "append", field_bool },
	{},
};

/* A key by its id would have to be asked of a key server, whose answer nobody has reviewed. */
static void check_key_of(const struct schema *s, const struct node *map)
{
	const struct node *id = node_get(map, "keyid");
	const char *key = node_str(node_get(map, "key"));

	if (id && !key)
		diag_add(s->diags, DIAG_ERROR, &id->at, "needs-key",
			"give the key itself: 'gpg --export --armor KEYID', below 'key:'",
			"'%s.keyid' without the key: key servers are not asked while building",
			s->where);
	if (key && !strstr(key, "-----BEGIN PGP PUBLIC KEY BLOCK-----"))
		diag_add(s->diags, DIAG_ERROR, &node_get(map, "key")->at, "wrong-value",
			"export it with 'gpg --export --armor KEYID'",
			"'%s.key' must be an armored OpenPGP public key", s->where);
}

static void check_source_line(const struct schema *s, const struct node *source)
{
	const char *text = node_str(source);

	if (!text || strncmp(text, "deb ", 4) == 0 || strncmp(text, "deb-src ", 8) == 0 ||
		strncmp(text, "deb [", 5) == 0 || strstr(text, "Types:"))
		return;
	if (strncmp(text, "ppa:", 4) == 0)
		diag_add(s->diags, DIAG_ERROR, &source->at, "wrong-value",
			"write 'deb [signed-by=$KEY_FILE] URI $RELEASE main' and the key as 'key:'",
			"'%s.source': a ppa: would have to ask Launchpad for its key", s->where);
	else
		diag_add(s->diags, DIAG_ERROR, &source->at, "wrong-value", NULL,
			"'%s.source' must be a line such as 'deb URI SUITE COMPONENT'", s->where);
}

static void field_sources(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	struct schema inner = *s;

	if (node->kind != NODE_MAP) {
		schema_wrong(s, f, node, "a map of names and sources");
		return;
	}
	for (size_t i = 0; i < node->n; i++) {
		inner.where =
			arena_printf(s->arena, "%s.%s.%s", s->where, f->key, node->keys[i]->str);
		schema_check(&inner, node->items[i], source_fields);
		check_key_of(&inner, node->items[i]);
		check_source_line(&inner, node_get(node->items[i], "source"));
	}
}

static void field_mirrors(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	struct schema inner = *s;

	field_maps(s, f, node, out);
	inner.where = schema_name(s, f->key);
	for (size_t i = 0; node->kind == NODE_LIST && i < node->n; i++)
		check_key_of(&inner, node->items[i]);
}

static void field_texts(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	if (node->kind != NODE_MAP)
		schema_wrong(s, f, node, "a map of names and texts");
	for (size_t i = 0; node->kind == NODE_MAP && i < node->n; i++) {
		if (!node_str(node->items[i]))
			schema_wrong(s, f, node->items[i], "a map of names and texts");
	}
}

static const struct field apt_fields[] = {
	{ "preserve_sources_list", field_bool },
	{ "generate_mirrorlists", field_bool },
	{ "disable_suites", field_shapes, .arg = &shape_line },
	{ "primary", field_mirrors, .arg = mirror_fields },
	{ "security", field_mirrors, .arg = mirror_fields },
	{ "add_apt_repo_match", field_string },
	{ "debconf_selections", field_texts },
	{ "sources_list", field_string },
	{ "conf", field_string },
	{ "proxy", field_shape, .arg = &shape_url },
	{ "http_proxy", field_shape, .arg = &shape_url },
	{ "https_proxy", field_shape, .arg = &shape_url },
	{ "ftp_proxy", field_shape, .arg = &shape_url },
	{ "sources", field_sources },
	{},
};

CLOUD_CHECK(check_apt)
{
	const struct node *pins = node_get(value, "preferences");

	(void)def;
	if (pins)
		diag_add(s->diags, DIAG_ERROR, &pins->at, "unknown-key",
			"write a file in /etc/apt/preferences.d with write_files; the lock obeys it",
			"cloud-init knows no 'apt.preferences'");
	else
		schema_check(s, value, apt_fields);
}
