/*
 * users and groups, by the same programs with the same options as cloud-init uses, in its order. The
 * user "default" stands for is made too, so that numbers come out as on a stock image; cloud-init
 * finds it at first boot and only adds the keys of the cloud.
 */
#include "account.h"
#include "alloc.h"
#include "arena.h"
#include "bake_text.h"
#include "bake_topic.h"
#include "buf.h"
#include "definition.h"
#include "error.h"
#include "node.h"
#include "rootfd.h"
#include "user_list.h"

#include <string.h>

#define SUDOERS_DIR   "/etc/sudoers.d"
#define SUDOERS	      "/etc/sudoers.d/90-cloud-init-users"
#define ARGUMENTS_MAX 48

/* cloud-init's useradd_opts and useradd_flags. */
static const struct option {
	const char *key, *option;
	bool flag;
} options[] = {
	{ "expiredate", "--expiredate", false },
	{ "gecos", "--comment", false },
	{ "groups", "--groups", false },
	{ "homedir", "--home", false },
	{ "inactive", "--inactive", false },
	{ "no_log_init", "--no-log-init", true },
	{ "no_user_group", "--no-user-group", true },
	{ "passwd", "--password", false },
	{ "primary_group", "--gid", false },
	{ "selinux_user", "--selinux-user", false },
	{ "shell", "--shell", false },
	{ "system", "--system", true },
	{ "uid", "--uid", false },
};

static const char *const unsupported[] = { "doas", "snapuser" };

static bool is_true(const struct node *n)
{
	bool yes = false;

	node_is_bool(n, &yes);
	return yes;
}

static const char *joined(struct arena *a, const struct node *words)
{
	const char *all = "";

	for (size_t i = 0; i < words->n; i++)
		all = arena_printf(a, "%s%s%s", all, i ? "," : "", words->items[i]->str);
	return all;
}

static int make_group(const struct bake *b, const char *name, struct error *e)
{
	const char *argv[] = { "groupadd", name, NULL };
	gid_t gid;
	int r = account_group(b->root_fd, name, &gid);

	if (r < 0)
		return error_errno(e, r, "cannot read /etc/group of the image");
	return r == 0 ? 0 : bake_exec(b, argv, e);
}

static int make_groups(const struct bake *b, const struct node *groups, struct error *e)
{
	for (size_t i = 0; i < groups->n; i++) {
		const char *name = groups->keys[i]->str;
		const struct node *members = groups->items[i];
		int r = make_group(b, name, e);

		for (size_t j = 0; r == 0 && j < members->n; j++) {
			const char *member = members->items[j]->str;
			const char *argv[] = { "usermod", "-a", "-G", name, member, NULL };
			struct account acc;

			if (account_user(b->root_fd, member, &acc) != 0)
				return error_set(e, ERR_INVALID,
					"group '%s': the user '%s' does not exist when groups are "
					"made; give '%s' to that user's own \"groups\" in users",
					name, member, name);
			r = bake_exec(b, argv, e);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int make_own_groups(const struct bake *b, const struct node *user, struct error *e)
{
	const struct node *words = word_list(b->def->arena, node_get(user, "groups"));
	const char *primary = node_str(node_get(user, "primary_group"));
	bool create = true;
	int r = 0;

	node_is_bool(node_get(user, "create_groups"), &create);
	if (!create)
		return 0;
	for (size_t i = 0; r == 0 && i < words->n; i++)
		r = make_group(b, words->items[i]->str, e);
	return r == 0 && primary ? make_group(b, primary, e) : r;
}

static int run_useradd(
	const struct bake *b, const char *name, const struct node *user, struct error *e)
{
	const char *argv[ARGUMENTS_MAX] = { "useradd", name };
	size_t n = 2;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct node *value = node_get(user, options[i].key);
		const char *text = node_str(value);

		if (strcmp(options[i].key, "groups") == 0)
			text = joined(b->def->arena, word_list(b->def->arena, value));
		if (options[i].flag ? !is_true(value) : !text || !*text)
			continue;
		argv[n++] = options[i].option;
		if (!options[i].flag)
			argv[n++] = text;
	}
	argv[n] = is_true(node_get(user, "no_create_home")) || is_true(node_get(user, "system"))
			  ? "-M"
			  : "-m";
	return bake_exec(b, argv, e);
}

static int change_password(
	const struct bake *b, const char *name, const char *password, bool hashed, struct error *e)
{
	const char *argv[] = { "chpasswd", hashed ? "-e" : NULL, NULL };
	_free_ char *line = xasprintf("%s:%s\n", name, password);

	return bake_exec_input(b, argv, line, e);
}

/* Sets what was given, then locks (the default) or unlocks; an account is never opened without a password. */
static int set_password(
	const struct bake *b, const char *name, const struct node *user, struct error *e)
{
	const char *plain = node_str(node_get(user, "plain_text_passwd"));
	const char *hashed = node_str(node_get(user, "hashed_passwd"));
	const char *passwd = node_str(node_get(user, "passwd"));
	const char *argv[] = { "passwd", "-l", name, NULL };
	bool lock = true;
	int r = 0;

	if (plain && *plain)
		r = change_password(b, name, plain, false, e);
	if (r == 0 && hashed && *hashed)
		r = change_password(b, name, hashed, true, e);
	if (r < 0)
		return r;
	node_is_bool(node_get(user, "lock_passwd"), &lock);
	if (lock)
		return bake_exec(b, argv, e);
	if ((!plain || !*plain) && (!hashed || !*hashed) && (!passwd || !*passwd))
		return 0;
	argv[1] = "-u";
	return bake_exec(b, argv, e);
}

void sudo_rules(const char *user, const struct node *rules, struct buf *out)
{
	buf_printf(out, "\n# User rules for %s\n", user);
	if (rules->kind == NODE_SCALAR)
		buf_printf(out, "%s %s\n", user, rules->str);
	for (size_t i = 0; rules->kind == NODE_LIST && i < rules->n; i++)
		buf_printf(out, "%s %s\n", user, rules->items[i]->str);
}

static int add_sudo(
	const struct bake *b, const char *name, const struct node *rules, struct error *e)
{
	static const char *const argv[] = { "visudo", "-c", "-q", "-f", SUDOERS, NULL };
	_buf_ text = BUF_INIT;
	bool no;
	int r;

	if (node_is_null(rules) || (node_is_bool(rules, &no) && !no))
		return 0;
	if (!rootfd_exists(b->root_fd, SUDOERS))
		buf_adds(&text, "# Created by kbuild, as cloud-init does at first boot.\n");
	sudo_rules(name, rules, &text);
	r = rootfd_append(b->root_fd, SUDOERS, text.data, text.len, 0440);
	if (r == 0)
		r = rootfd_chmod(b->root_fd, SUDOERS_DIR, 0750);
	if (r < 0)
		return error_errno(e, r, "cannot write %s in the image", SUDOERS);
	if (!bake_has(b, "/usr/sbin/visudo"))
		return 0;
	r = bake_exec(b, argv, e);
	return r < 0 ? error_prefix(e, "the sudo rule is wrong") : 0;
}

void ssh_key_line(const char *key, struct buf *out)
{
	static const char blank[] = " \t\r\n";

	key += strspn(key, blank);
	for (int field = 0; field < 2 && *key; field++) {
		size_t n = strcspn(key, blank);

		buf_add(out, key, n);
		key += n;
		key += strspn(key, blank);
		if (*key)
			buf_addc(out, ' ');
	}
	buf_add(out, key, strcspn(key, "\r\n"));
	buf_addc(out, '\n');
}

/* Makes ~/.ssh and the file itself, both the user's alone. */
static int write_keys(
	const struct bake *b, const struct account *acc, const char *keys, struct error *e)
{
	_free_ char *dir = xasprintf("%s/.ssh", acc->home);
	_free_ char *path = xasprintf("%s/authorized_keys", dir);
	int r;

	r = rootfd_mkdir(b->root_fd, dir, 0700);
	if (r == 0)
		r = rootfd_chown(b->root_fd, dir, acc->uid, acc->gid);
	if (r == 0)
		r = rootfd_append(b->root_fd, path, keys, strlen(keys), 0600);
	if (r == 0)
		r = rootfd_chown(b->root_fd, path, acc->uid, acc->gid);
	return r < 0 ? error_errno(e, r, "cannot write %s in the image", path) : 0;
}

static int add_keys(
	const struct bake *b, const char *name, const struct node *user, struct error *e)
{
	const struct node *keys = node_get(user, "ssh_authorized_keys");
	struct account acc;
	_buf_ text = BUF_INIT;
	int r;

	if (node_is_null(keys))
		return 0;
	if (is_true(node_get(user, "system")) || is_true(node_get(user, "no_create_home")))
		return error_set(e, ERR_INVALID,
			"ssh_authorized_keys need a home: remove system or no_create_home");
	r = account_user(b->root_fd, name, &acc);
	if (r != 0)
		return error_set(e, ERR_FAILED, "the user was not made");
	if (keys->kind == NODE_SCALAR)
		ssh_key_line(keys->str, &text);
	for (size_t i = 0; keys->kind != NODE_SCALAR && i < keys->n; i++)
		if (node_str(keys->items[i]))
			ssh_key_line(keys->items[i]->str, &text);
	return write_keys(b, &acc, buf_str(&text), e);
}

static int make_user(
	const struct bake *b, const char *name, const struct node *user, struct error *e)
{
	struct account acc;
	int r = account_user(b->root_fd, name, &acc);

	for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++)
		if (!node_is_null(node_get(user, unsupported[i])))
			return error_set(e, ERR_INVALID, "'%s' cannot be baked", unsupported[i]);
	if (r < 0)
		return error_errno(e, r, "cannot read /etc/passwd of the image");
	if (r != ACCOUNT_ABSENT && node_str(node_get(user, "passwd")) &&
		*node_str(node_get(user, "passwd")))
		return error_set(e, ERR_INVALID,
			"the account is there already, and 'passwd' is for one that is made: write 'hashed_passwd'");
	if (r == ACCOUNT_ABSENT) {
		r = make_own_groups(b, user, e);
		if (r == 0)
			r = run_useradd(b, name, user, e);
	}
	if (r == 0)
		r = set_password(b, name, user, e);
	if (r == 0)
		r = add_sudo(b, name, node_get(user, "sudo"), e);
	if (r == 0)
		r = add_keys(b, name, user, e);
	return r;
}

static bool applies(const struct bake *b)
{
	return b->def->bootable || bake_key_given(b, "users") || bake_key_given(b, "groups");
}

static int run(const struct bake *b, struct error *e)
{
	const struct node *users = NULL, *groups;
	bool has_default;
	int r;

	r = group_list(b->def->arena, bake_key(b, "groups"), &groups, e);
	if (r == 0)
		r = make_groups(b, groups, e);
	if (r == 0)
		r = bake_user_list(b, &users, &has_default, e);
	if (r < 0)
		return r;
	for (size_t i = 0; users && i < users->n; i++) {
		r = make_user(b, users->keys[i]->str, users->items[i], e);
		if (r < 0)
			return error_prefix(e, "%s", users->keys[i]->str);
	}
	return 0;
}

const struct bake_topic bake_users = { "users", applies, run };
