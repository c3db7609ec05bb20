/* See shape.h. */
#include "shape.h"

#include "arena.h"
#include "mark.h"
#include "node.h"
#include "operator_secrets.h"

#include <ctype.h>
#include <string.h>

#define LOWER	 "abcdefghijklmnopqrstuvwxyz"
#define UPPER	 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	 "0123456789"
#define HEX	 "0123456789abcdef"
#define LIST_MAX 256

/* Of one of first, then any of rest, at most max bytes. */
static bool made_of(const char *text, const char *first, const char *rest, size_t max)
{
	size_t n = strlen(text);

	return n > 0 && n <= max && strchr(first, text[0]) && strspn(text, rest) == n;
}

static bool is_project(const char *t)
{
	return made_of(t, LOWER DIGITS, LOWER DIGITS "_-", 63);
}

static bool is_name(const char *t)
{
	return made_of(t, LOWER UPPER DIGITS, LOWER UPPER DIGITS "_.-", 128);
}

static bool is_user(const char *t)
{
	return made_of(t, LOWER UPPER "_", LOWER UPPER DIGITS "_.-", 63);
}

/* libpq takes a database name with "=" in it, or one that begins like a URL, for more than a name. */
static bool is_database(const char *t)
{
	return made_of(t, LOWER UPPER DIGITS "_", LOWER UPPER DIGITS "_.$@ -", 63);
}

static bool is_hex(const char *t, size_t n)
{
	return strlen(t) == n && strspn(t, HEX) == n;
}

static bool is_release(const char *t)
{
	return is_hex(t, 40) || is_hex(t, 64);
}

static bool is_plan(const char *t)
{
	return is_hex(t, 64);
}

static bool is_digest(const char *t)
{
	return strncmp(t, "sha256:", 7) == 0 && is_hex(t + 7, 64);
}

static bool is_image(const char *t)
{
	const char *at = strchr(t, '@');

	if (!at)
		return is_digest(t);
	return (size_t)(at - t) <= 255 && is_digest(at + 1) && strchr(LOWER DIGITS, *t) && at > t &&
	       strspn(t, LOWER UPPER DIGITS "._-/:") == (size_t)(at - t);
}

static bool is_path(const char *t)
{
	if (*t == '\0' || strlen(t) > 512)
		return false;
	for (const char *p = t; *p; p++) {
		if (!isprint((unsigned char)*p))
			return false;
	}
	while (*t) {
		size_t n = strcspn(t, "/");

		if (n == 0 || (n == 1 && t[0] == '.') || (n == 2 && t[0] == '.' && t[1] == '.'))
			return false;
		t += n;
		if (*t == '/' && *++t == '\0')
			return false;
	}
	return true;
}

/* What is not printable in it is replaced where it is printed. */
static bool is_line(const char *t)
{
	return strlen(t) <= 48 * KIB;
}

const struct shape shape_project = { "a project's name", is_project };
const struct shape shape_service = { "a service's name", is_name };
const struct shape shape_container = { "a container's name or id", is_name };
const struct shape shape_volume = { "a volume's name", is_name };
const struct shape shape_user = { "a database user", is_user };
const struct shape shape_database = { "a database's name", is_database };
const struct shape shape_release = { "a commit's id", is_release };
const struct shape shape_plan = { "a plan's id", is_plan };
const struct shape shape_digest = { "sha256: and 64 hexadecimal digits", is_digest };
const struct shape shape_image = { "an image by its digest", is_image };
const struct shape shape_path = { "a path inside the release", is_path };
const struct shape shape_registry = { "a registry's host, or HOST:PORT", operator_registry_valid };
const struct shape shape_login = { "a user of the registry", operator_login_valid };
const struct shape shape_line = { "at most 48 KiB", is_line };

static const char *shaped(const struct schema *s, const struct field *f, const struct node *node)
{
	const struct shape *shape = f->arg;
	const char *text = node_str(node);

	if (text && shape->ok(text))
		return text;
	diag_add(s->diags, DIAG_ERROR, &node->at, "wrong-value", NULL, "'%s' must be %s",
		schema_name(s, f->key), shape->what);
	return NULL;
}

void field_shape(const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	const char *text = shaped(s, f, node);

	if (text)
		*(const char **)out = text;
}

void field_shapes(const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	const char **list;

	if (node->kind != NODE_LIST || node->n > LIST_MAX) {
		schema_wrong(s, f, node, "a list of at most 256");
		return;
	}
	list = arena_alloc(s->arena, (node->n + 1) * sizeof *list);
	for (size_t i = 0; i < node->n; i++) {
		list[i] = shaped(s, f, node->items[i]);
		if (!list[i])
			return;
	}
	*(const char ***)out = list;
}
