/* write_files: files whose owner, mode and content must be right before the build begins. */
#include "cloudcheck.h"

#include "apt_pins.h"
#include "arena.h"
#include "base64.h"
#include "buf.h"
#include "definition.h"
#include "encoding.h"
#include "mark.h"
#include "node.h"
#include "schema.h"
#include "sealed.h"
#include "shape.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/*
 * "0644" is what is meant. 0644 without quotes is the same, because YAML reads it as octal; but 644
 * is the number 644, which cloud-init takes for the mode 01204.
 */
static void field_mode(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	int64_t number;

	if (node_is_int(node, &number) && node->str[0] != '0') {
		diag_add(s->diags, DIAG_ERROR, &node->at, "wrong-value",
			arena_printf(s->arena, "write '\"0%.8s\"'", node->str),
			"'%s': %s without quotes is a decimal number: the mode would be %04llo",
			schema_name(s, f->key), node->str, (unsigned long long)number & 07777);
		return;
	}
	shape_check(s, f->key, node, &shape_octal);
}

#define LOST_HINT "write it with bootcmd, or with a file in /etc/tmpfiles.d"

/* Where path is in one of those of which nothing that stands there at build time is there when the server runs. */
static const char *gone_place(const char *path)
{
	static const char *const gone[] = { "/dev", "/proc", "/run", "/sys", "/tmp", "/var/run",
		"/var/lock" };

	for (size_t i = 0; i < ARRAY_SIZE(gone); i++) {
		size_t len = strlen(gone[i]);

		if (strncmp(path, gone[i], len) == 0 && (path[len] == '/' || path[len] == '\0'))
			return gone[i];
	}
	return NULL;
}

static void field_target(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	const char *gone;

	if (!shape_check(s, f->key, node, &shape_path))
		return;
	gone = gone_place(node->str);
	if (gone)
		diag_add(s->diags, DIAG_ERROR, &node->at, "lost-file", LOST_HINT,
			"'%s': what is baked into %s is gone after the first boot", node->str,
			gone);
	if (node->str[node->len - 1] == '/')
		diag_add(s->diags, DIAG_ERROR, &node->at, "wrong-value", NULL,
			"'%s' is a directory's path; a file is written", node->str);
}

static const struct field source_fields[] = {
	{ "uri", field_shape, .flags = FIELD_REQUIRED, .arg = &shape_url },
	{ "headers", NULL },
	{},
};

static const struct field file_fields[] = {
	{ "path", field_target, .flags = FIELD_REQUIRED },
	{ "content", NULL },
	{ "source", field_submap, .arg = source_fields },
	{ "owner", field_shape, .arg = &shape_owner },
	{ "permissions", field_mode },
	{ "encoding", field_word, .arg = encoding_names },
	{ "append", field_bool },
	{ "defer", field_bool },
	{},
};

/* The content must decode now, not in the middle of a build. */
static void check_content(const struct schema *s, const struct node *file)
{
	const struct node *content = node_get(file, "content");
	const char *name = node_str(node_get(file, "encoding"));
	const struct encoding *enc = name ? encoding_find(name) : NULL;
	_buf_ bytes = BUF_INIT;

	if (node_is_null(content))
		return;
	if (content->kind != NODE_SCALAR) {
		diag_add(s->diags, DIAG_ERROR, &content->at, "wrong-value",
			"begin a text of several lines with '|'",
			"'%s.content' must be text, not %s", s->where, node_what(content));
		return;
	}
	if (!enc)
		return;
	if (!enc->base64)
		buf_add(&bytes, content->str, content->len);
	else if (!base64_decode(content->str, content->len, &bytes)) {
		diag_add(s->diags, DIAG_ERROR, &content->at, "bad-base64", NULL,
			"'%s.content' is not base64, as 'encoding: %s' says", s->where, name);
		return;
	}
	if (enc->gzip && (bytes.len < 18 || memcmp(bytes.data, "\x1f\x8b", 2) != 0))
		diag_add(s->diags, DIAG_ERROR, &content->at, "bad-gzip", NULL,
			"'%s.content' is not gzip, as 'encoding: %s' says", s->where, name);
}

/* The lock is made before there is an image, and of what it can read. */
static void check_pin(const struct schema *s, const struct node *file)
{
	const char *path = node_str(node_get(file, "path"));
	const struct node *name = node_get(file, "encoding");
	const struct encoding *enc = node_str(name) ? encoding_find(name->str) : NULL;

	if (path && apt_is_preferences(path) && enc && (enc->base64 || enc->gzip))
		diag_add(s->diags, DIAG_ERROR, &name->at, "encoded-pin", "write it as text",
			"'%s' pins versions, and the lock does not decode it", path);
}

/* What is fetched at first boot comes after the sealing; what the table of field_target() has was named there. */
static void check_kept(const struct schema *s, const struct node *file)
{
	const struct node *path = node_get(file, "path");

	if (!node_str(path) || !node_is_null(node_get(file, "source")) || gone_place(path->str) ||
		!sealed_loses(path->str))
		return;
	diag_add(s->diags, DIAG_ERROR, &path->at, "lost-file", LOST_HINT,
		"'%s': what is baked there is gone when the image is sealed", path->str);
}

CLOUD_CHECK(check_write_files)
{
	(void)def;
	if (value->kind != NODE_LIST) {
		cloud_wrong(s, value, "a list of files");
		return;
	}
	for (size_t i = 0; i < value->n; i++) {
		schema_check(s, value->items[i], file_fields);
		check_content(s, value->items[i]);
		check_pin(s, value->items[i]);
		check_kept(s, value->items[i]);
	}
}
