/*
 * The table of baking, and the loop that walks it. Ours come first, so that a user's write_files can
 * still replace what kbuild ships; then the keys of cloud-config in the order in which cloud-init runs
 * its modules at first boot; then the checks of what the user's text went into.
 */
#include "bake.h"
#include "alloc.h"
#include "bake_topic.h"
#include "buf.h"
#include "chroot.h"
#include "definition.h"
#include "error.h"
#include "interrupt.h"
#include "lock.h"
#include "node.h"
#include "progress.h"
#include "rootfd.h"

#include <stdio.h>
#include <string.h>

/* Settings files of packages are a few KiB. */
#define SETTINGS_MAX MIB

const struct node *bake_key(const struct bake *b, const char *key)
{
	const struct node *n = definition_key(b->def, key);

	return node_is_null(n) ? NULL : n;
}

bool bake_key_given(const struct bake *b, const char *key)
{
	return bake_key(b, key) != NULL;
}

int bake_puts(
	const struct bake *b, const char *path, const char *text, mode_t mode, struct error *e)
{
	int r = rootfd_puts(b->root_fd, path, text, mode);

	return r < 0 ? error_errno(e, r, "cannot write %s in the image", path) : 0;
}

int bake_read(const struct bake *b, const char *path, struct buf *ret, struct error *e)
{
	int r = rootfd_read(b->root_fd, path, SETTINGS_MAX, ret);

	return r < 0 ? error_errno(e, r, "cannot read %s in the image", path) : 0;
}

bool bake_has(const struct bake *b, const char *program)
{
	return rootfd_exists(b->root_fd, program);
}

int bake_exec_input(
	const struct bake *b, const char *const *argv, const char *input, struct error *e)
{
	/* useradd and its kind write "today" into shadow: the image's day, not the builder's. */
	_free_ char *epoch = xasprintf("SOURCE_DATE_EPOCH=%lld", (long long)b->epoch);
	const char *env[] = { epoch, NULL };
	struct chroot_run run = {
		.root = b->root,
		.argv = argv,
		.env = env,
		.input = input,
		.input_len = input ? strlen(input) : 0,
		.log_fd = b->log_fd,
	};

	return chroot_check(&run, e);
}

int bake_exec(const struct bake *b, const char *const *argv, struct error *e)
{
	return bake_exec_input(b, argv, NULL, e);
}

#define UNITS_MAX 8

int bake_enable(const struct bake *b, const char *const *units, struct error *e)
{
	const char *argv[UNITS_MAX + 4] = { "systemctl", "--quiet", "enable" };
	size_t n = 3;

	for (const char *const *u = units; *u && n < UNITS_MAX + 3; u++) {
		_free_ char *link = xasprintf("/etc/systemd/system/multi-user.target.wants/%s", *u);

		if (!rootfd_exists(b->root_fd, link))
			argv[n++] = *u;
	}
	return n == 3 ? 0 : bake_exec(b, argv, e);
}

/* The start of the first line of text that equals line, or NULL. */
static const char *find_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "\n");

		if (n == len && memcmp(p, line, len) == 0)
			return p;
		p += n + (p[n] == '\n');
	}
	return NULL;
}

static const char *after_line(const char *p)
{
	p += strcspn(p, "\n");
	return *p ? p + 1 : p;
}

void text_replace_block(
	const char *text, const char *begin, const char *end, const char *block, struct buf *out)
{
	const char *first = find_line(text, begin);
	const char *last = first ? find_line(first, end) : NULL;
	size_t len = strlen(text);

	if (last) {
		buf_add(out, text, (size_t)(first - text));
		buf_adds(out, block);
		buf_adds(out, after_line(last));
		return;
	}
	buf_add(out, text, len);
	if (len > 0 && text[len - 1] != '\n')
		buf_addc(out, '\n');
	buf_adds(out, block);
}

void text_set(const char *text, const char *name, const char *value, struct buf *out)
{
	size_t len = strlen(name);
	const char *hit = NULL;

	for (const char *p = text; *p; p = after_line(p))
		if (strncmp(p, name, len) == 0 && p[len] == '=')
			hit = p;
	if (hit) {
		buf_add(out, text, (size_t)(hit - text));
		buf_printf(out, "%s=%s\n", name, value);
		buf_adds(out, after_line(hit));
		return;
	}
	buf_adds(out, text);
	if (*text && text[strlen(text) - 1] != '\n')
		buf_addc(out, '\n');
	buf_printf(out, "%s=%s\n", name, value);
}

static bool has_lock(const struct bake *b)
{
	return b->lock != NULL;
}

static int write_apt_config(const struct bake *b, struct error *e)
{
	return lock_write_apt_config(b->def, b->root_fd, e);
}

static const struct bake_topic bake_apt = { "apt", has_lock, write_apt_config };

static const struct bake_topic *const topics[] = {
	&bake_apt,
	&bake_agent,
	&bake_cloudinit,
	&bake_firewall,
	&bake_fail2ban,
	&bake_docker,
	&bake_upgrades,
	&bake_hardening,
	&bake_units,
	&bake_identity,
	&bake_files,
	&bake_ca,
	&bake_users,
	&bake_locale,
	&bake_ssh,
	&bake_ntp,
	&bake_timezone,
	&bake_files_deferred,
	&bake_docker_check,
	&bake_residual,
};

int bake_run(const struct bake *b, struct error *e)
{
	progress_begin(b->progress, "Baking the definition", "topics", ARRAY_SIZE(topics));
	for (size_t i = 0; i < ARRAY_SIZE(topics); i++) {
		const struct bake_topic *t = topics[i];
		int r;

		if (interrupted())
			return error_set(e, ERR_INTERRUPTED, "interrupted");
		progress_detail(b->progress, "%s", t->name);
		if (t->applies(b)) {
			r = t->run(b, e);
			if (r < 0)
				return error_prefix(e, "%s", t->name);
		}
		progress_advance(b->progress, 1);
	}
	progress_end(b->progress, NULL);
	return 0;
}
