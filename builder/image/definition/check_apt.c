/*
 * apt: the sources that the lock reads and the image gets. What cloud-init would ask of a key server,
 * of Launchpad or of the instance's network is refused: nobody has reviewed their answers.
 */
#include "cloudcheck.h"

#include "arena.h"
#include "definition.h"
#include "mark.h"
#include "node.h"
#include "schema.h"
#include "shape.h"

#include <string.h>

static const char by_uri[] = "mirrors are not searched for while building: write 'uri:'";
static const char own_keyring[] = "the keys of the archive itself are 'kbuild.base.keyring'";

static const struct field mirror_fields[] = {
	{ "arches", field_shapes, .flags = FIELD_REQUIRED, .arg = &shape_word },
	{ "uri", field_shape, .arg = &shape_http_url },
	{ "search", field_refused, .arg = by_uri },
	{ "search_dns", field_refused, .arg = by_uri },
	{ "key", field_refused, .arg = own_keyring },
	{ "keyid", field_refused, .arg = own_keyring },
	{ "keyserver", field_refused, .arg = own_keyring },
	{},
};

/* The sources are written in the form of today, one file a name, so that this says nothing. */
static void field_no_effect(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	diag_add(s->diags, DIAG_WARNING, &node->at, "no-effect", NULL,
		"'%s' has no effect: the source is written to /etc/apt/sources.list.d as a file of its own",
		schema_name(s, f->key));
}

static const struct field source_fields[] = {
	{ "source", field_string, .flags = FIELD_REQUIRED },
	{ "key", field_string },
	{ "keyid", field_string },
	{ "keyserver", field_string },
	{ "filename", field_no_effect },
	{ "append", field_no_effect },
	{},
};

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
	const char *text = node_str(source), *hint = NULL;

	if (!text)
		return;
	if (strncmp(text, "deb ", 4) == 0) {
		const char *end = strchr(text, '\n');

		if (end && end[strspn(end, " \t\r\n")])
			diag_add(s->diags, DIAG_ERROR, &source->at, "wrong-value",
				"give each line a name of its own below 'apt.sources'",
				"'%s.source' must be one line", s->where);
		return;
	}
	if (strncmp(text, "ppa:", 4) == 0)
		hint = "a ppa: would have to ask Launchpad for its key: write 'deb "
		       "[signed-by=$KEY_FILE] URI $RELEASE main' and the key as 'key:'";
	else if (strncmp(text, "deb-src ", 8) == 0)
		hint = "sources of packages are not fetched: leave it out";
	else if (strstr(text, "Types:"))
		hint = "write it in one line; the image gets it in the deb822 form";
	diag_add(s->diags, DIAG_ERROR, &source->at, "wrong-value", hint,
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

static const struct field apt_fields[] = {
	{ "preserve_sources_list", field_bool },
	{ "generate_mirrorlists", field_refused, .arg = by_uri },
	{ "disable_suites", field_shapes, .arg = &shape_line },
	{ "primary", field_maps, .arg = mirror_fields },
	{ "security", field_maps, .arg = mirror_fields },
	{ "add_apt_repo_match", field_refused,
		.arg = "no source is given to add-apt-repository: write 'deb' lines" },
	{ "debconf_selections", field_refused,
		.arg = "packages are configured with their default answers: write their files with "
		       "write_files" },
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
