/* users, user, groups: all forms that cloud-init takes. */
#include "cloudcheck.h"

#include "arena.h"
#include "definition.h"
#include "mark.h"
#include "node.h"
#include "schema.h"
#include "shape.h"

#include <stdio.h>
#include <string.h>

/* "a, b": names with commas, as cloud-init splits them. */
static void check_names(const struct schema *s, const struct field *f, const struct node *n,
	const struct shape *shape)
{
	char *copy = arena_strdup(s->arena, n->str), *save = NULL;

	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		size_t len;

		w += strspn(w, " ");
		len = strlen(w);
		while (len > 0 && w[len - 1] == ' ')
			w[--len] = '\0';
		if (len > 0 && !shape_fits(shape, w))
			diag_add(s->diags, DIAG_ERROR, &n->at, "wrong-value", NULL,
				"'%s' must be %s, not '%.100s'", schema_name(s, f->key),
				shape->wanted, w);
	}
}

/* Group names as text with commas, a list, or a map with empty values (old). */
static void field_groups(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	if (node_is_null(node))
		return;
	if (node->kind == NODE_SCALAR)
		check_names(s, f, node, &shape_group);
	for (size_t i = 0; i < node->n; i++) {
		const struct node *name = node->kind == NODE_MAP ? node->keys[i] : node->items[i];

		shape_check(s, f->key, name, &shape_group);
	}
}

static void field_line_or_lines(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	static const struct field line = { .arg = &shape_line };
	struct field each = line;

	if (node_is_null(node) || node_is_bool(node, NULL))
		return; /* sudo: false means none */
	each.key = f->key;
	field_shapes(s, &each, node, out);
}

static void field_uid(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	struct node plain = *node;
	int64_t uid;

	plain.quoted = false; /* cloud-init takes "1000" as well */
	if (!node_is_int(&plain, &uid) || uid < 0 || uid > 4294967293)
		schema_wrong(s, f, node, "a user id from 0 to 4294967293");
}

static void field_days(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	struct node plain = *node;

	plain.quoted = false;
	if (!node_is_int(&plain, NULL))
		schema_wrong(s, f, node, "a number of days");
}

static void field_plain_password(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	diag_add(s->diags, DIAG_ERROR, &node->at, "plain-password",
		"hash it ('openssl passwd -6') and write 'hashed_passwd: \"$6$…\"'",
		"'%s' would put a readable password into a file that is committed",
		schema_name(s, f->key));
}

static void field_hash(
	const struct schema *s, const struct field *f, const struct node *node, _unused_ void *out)
{
	const char *text = node_str(node);

	if (!text || strpbrk(text, ":\n"))
		schema_wrong(s, f, node, "a password's hash as in /etc/shadow");
	else if (*text && *text != '$' && *text != '!' && *text != '*')
		diag_add(s->diags, DIAG_ERROR, &node->at, "wrong-value",
			"make one with 'openssl passwd -6'",
			"'%s' is no hash: it would let nobody in", schema_name(s, f->key));
}

static const struct field user_fields[] = {
	{ "name", field_shape, .arg = &shape_user },
	{ "expiredate", field_shape, .arg = &shape_date },
	{ "gecos", field_shape, .arg = &shape_line },
	{ "groups", field_groups },
	{ "homedir", field_shape, .arg = &shape_path },
	{ "inactive", field_days },
	{ "lock_passwd", field_bool },
	{ "no_create_home", field_bool },
	{ "no_log_init", field_bool },
	{ "no_user_group", field_bool },
	{ "create_groups", field_bool },
	{ "passwd", field_hash },
	{ "hashed_passwd", field_hash },
	{ "plain_text_passwd", field_plain_password },
	{ "primary_group", field_shape, .arg = &shape_group },
	{ "selinux_user", field_refused, .arg = "Debian and Ubuntu servers do not run SELinux" },
	{ "shell", field_shape, .arg = &shape_path },
	{ "snapuser", field_refused, .arg = "snapd works in a booted system only" },
	{ "ssh_authorized_keys", field_line_or_lines },
	{ "ssh_import_id", field_line_or_lines },
	{ "ssh_redirect_user", field_bool },
	{ "sudo", field_line_or_lines },
	{ "doas", field_refused, .arg = "kbuild sets up sudo: write 'sudo:'" },
	{ "system", field_bool },
	{ "uid", field_uid },
	{},
};

static void check_user_map(const struct schema *s, const struct node *user)
{
	const struct node *redirect = node_get(user, "ssh_redirect_user");
	const struct node *keys = node_get(user, "ssh_authorized_keys");
	bool on = false;

	schema_check(s, user, user_fields);
	if (redirect && node_is_bool(redirect, &on) && on && keys)
		diag_add(s->diags, DIAG_ERROR, &redirect->at, "wrong-value", NULL,
			"'%s': ssh_redirect_user and ssh_authorized_keys exclude each other",
			s->where);
}

CLOUD_CHECK(check_user)
{
	const struct field f = { s->where };
	const struct schema outer = { s->arena, s->diags, NULL };

	(void)def;
	if (value->kind == NODE_MAP)
		check_user_map(s, value);
	else if (!node_str(value))
		cloud_wrong(s, value, "a name or a map");
	else
		check_names(&outer, &f, value, &shape_user);
}

/* {NAME: true | {…}}: the map form of users. */
static void check_user_maps(
	const struct schema *s, const struct definition *def, const struct node *users)
{
	struct schema inner = *s;

	for (size_t i = 0; i < users->n; i++) {
		inner.where = arena_printf(s->arena, "%s.%s", s->where, users->keys[i]->str);
		if (users->items[i]->kind == NODE_MAP)
			check_user(&inner, def, users->items[i]);
		else if (!node_is_bool(users->items[i], NULL))
			cloud_wrong(&inner, users->items[i], "a map or true");
	}
}

CLOUD_CHECK(check_users)
{
	if (value->kind == NODE_MAP) {
		check_user_maps(s, def, value);
		return;
	}
	if (value->kind != NODE_LIST) {
		check_user(s, def, value);
		return;
	}
	for (size_t i = 0; i < value->n; i++) {
		const struct node *user = value->items[i];

		for (size_t k = 0; user->kind == NODE_LIST && k < user->n; k++)
			check_user(s, def, user->items[k]);
		if (user->kind != NODE_LIST)
			check_user(s, def, user);
	}
}

/* A name, or {NAME: members}. */
static void check_group(const struct schema *s, const struct node *group)
{
	const struct field f = { s->where };
	const struct schema outer = { s->arena, s->diags, NULL };

	if (node_str(group)) {
		check_names(&outer, &f, group, &shape_group);
		return;
	}
	if (group->kind != NODE_MAP) {
		cloud_wrong(s, group, "a group's name or {NAME: [MEMBER]}");
		return;
	}
	for (size_t i = 0; i < group->n; i++) {
		const struct node *members = group->items[i];
		const struct field each = { group->keys[i]->str };

		shape_check(&outer, s->where, group->keys[i], &shape_group);
		if (node_str(members))
			check_names(s, &each, members, &shape_user);
		else if (members->kind == NODE_MAP)
			cloud_wrong(s, members, "a group's name or {NAME: [MEMBER]}");
		for (size_t k = 0; members->kind == NODE_LIST && k < members->n; k++)
			shape_check(s, each.key, members->items[k], &shape_user);
	}
}

CLOUD_CHECK(check_groups)
{
	(void)def;
	if (value->kind != NODE_LIST) {
		check_group(s, value);
		return;
	}
	for (size_t i = 0; i < value->n; i++)
		check_group(s, value->items[i]);
}
