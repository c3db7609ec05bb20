/*
 * Sealing: what would make two servers of one image the same machine is removed, and so is what only
 * the build needed (the list is definition/sealed.c). Then seal_scan() proves it.
 *
 * /etc/machine-id is left there and empty, not absent and not "uninitialized". Empty, systemd makes an
 * id at every server's first boot and keeps it, but does not call that boot a "first boot" of its own:
 * no presets are applied (Debian's enable everything that is installed, whatever we disabled) and
 * systemd-firstboot asks no questions on the console.
 */
#include "seal.h"
#include "alloc.h"
#include "arena.h"
#include "bake_topic.h"
#include "buf.h"
#include "definition.h"
#include "error.h"
#include "node.h"
#include "progress.h"
#include "rootfd.h"
#include "sealed.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DAY	 INT64_C(86400) /* seconds */
#define RESOLV	 "/etc/resolv.conf"
#define STUB	 "../run/systemd/resolve/stub-resolv.conf"
#define RESOLVED "/usr/lib/systemd/systemd-resolved"

/* One of the places, and what the definition wrote. */
struct cleaning {
	const struct sealed_place *place;
	const char *const *written;
};

static bool is_written(const char *const *paths, const char *path)
{
	for (; *paths; paths++)
		if (strcmp(*paths, path) == 0)
			return true;
	return false;
}

static int empty_file(const struct walk_entry *f)
{
	_close_ int fd = -1;

	if (!S_ISREG(f->st->st_mode) || f->st->st_size == 0)
		return 0;
	fd = openat(f->dirfd, f->name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : 0;
}

static int clean_one(void *arg, const struct walk_entry *f)
{
	const struct cleaning *c = arg;
	bool directory = S_ISDIR(f->st->st_mode);

	if ((directory && c->place->how != SEALED_ALL) ||
		fnmatch(c->place->pattern, f->path, 0) != 0)
		return 0;
	if (is_written(c->written, f->path) && !sealed_loses(f->path))
		return 0;
	if (c->place->how == SEALED_TEXT)
		return empty_file(f);
	return unlinkat(f->dirfd, f->name, directory ? AT_REMOVEDIR : 0) < 0 ? -errno : 0;
}

static int clean(const struct bake *b, const char *const *written, struct error *e)
{
	for (const struct sealed_place *p = sealed_places; p->dir; p++) {
		struct cleaning c = { p, written };
		int r = walk_below(b->root_fd, p->dir, clean_one, &c);

		if (r < 0)
			return error_errno(e, r, "cannot clean %s in the image", p->dir);
	}
	return 0;
}

void shadow_set_day(const char *text, long day, struct buf *out)
{
	while (*text) {
		size_t line = strcspn(text, "\n"), name = strcspn(text, ":\n");
		const char *hash = text + name + (text[name] == ':');
		const char *last = hash + strcspn(hash, ":\n"), *rest;

		last += *last == ':';
		rest = last + strcspn(last, ":\n");
		buf_add(out, text, (size_t)(last - text));
		/* 0 asks for a change at the first login, and an empty field means no ageing at all. */
		if (rest == last || (rest == last + 1 && *last == '0'))
			buf_add(out, last, (size_t)(rest - last));
		else
			buf_printf(out, "%ld", day);
		buf_add(out, rest, (size_t)(text + line - rest));
		buf_addc(out, '\n');
		text += line + (text[line] == '\n');
	}
}

static int set_shadow(const struct bake *b, struct error *e)
{
	_buf_ old = BUF_INIT, new = BUF_INIT;
	struct stat st;
	int r;

	if (!rootfd_exists(b->root_fd, "/etc/shadow"))
		return 0;
	r = bake_read(b, "/etc/shadow", &old, e);
	if (r < 0)
		return r;
	shadow_set_day(buf_str(&old), (long)(b->epoch / DAY), &new);
	r = rootfd_stat(b->root_fd, "/etc/shadow", &st);
	if (r < 0)
		return error_errno(e, r, "cannot read /etc/shadow in the image");
	return bake_puts(b, "/etc/shadow", buf_str(&new), st.st_mode & 07777, e);
}

/* The paths that write_files names, since what the user put there is the user's to decide; and the image's own key. */
static const char *const *written_paths(const struct bake *b, struct arena *a)
{
	const struct node *list = definition_key(b->def, "write_files");
	size_t n = list && list->kind == NODE_LIST ? list->n : 0, count = 0;
	const char **paths = arena_alloc(a, (n + 2) * sizeof *paths);

	for (size_t i = 0; i < n; i++) {
		const char *path = node_str(node_get(list->items[i], "path"));

		if (path)
			paths[count++] = arena_printf(a, "/%s", path + strspn(path, "/"));
	}
	if (b->key)
		paths[count] = IMAGE_KEY;
	return paths;
}

/* Names and name servers of the builder, unless the definition brought its own. */
static int set_names(const struct bake *b, const char *const *written, struct error *e)
{
	int r = 0;

	if (!is_written(written, "/etc/hostname"))
		r = bake_puts(b, "/etc/hostname", "", 0644, e);
	if (r == 0 && !rootfd_exists(b->root_fd, "/etc/hosts"))
		r = bake_puts(b, "/etc/hosts",
			"127.0.0.1\tlocalhost\n"
			"::1\tlocalhost ip6-localhost ip6-loopback\n"
			"ff02::1\tip6-allnodes\n"
			"ff02::2\tip6-allrouters\n",
			0644, e);
	if (r < 0 || is_written(written, RESOLV))
		return r;
	r = bake_has(b, RESOLVED) ? rootfd_symlink(b->root_fd, STUB, RESOLV)
				  : rootfd_remove(b->root_fd, RESOLV);
	return r < 0 ? error_errno(e, r, "cannot reset %s in the image", RESOLV) : 0;
}

static int prove(const struct bake *b, const char *const *written, struct error *e)
{
	_buf_ found = BUF_INIT;
	int r = seal_scan(b->root_fd, written, &found);

	if (r == -ECANCELED)
		return error_set(e, ERR_INTERRUPTED, "interrupted");
	if (r < 0)
		return error_errno(e, r, "cannot look through the image for what must not ship");
	if (found.len == 0)
		return 0;
	return error_set(
		e, ERR_FAILED, "the image must not ship these files:\n%s", buf_str(&found));
}

int seal_run(const struct bake *b, struct error *e)
{
	const char *const *written = written_paths(b, b->def->arena);
	int r;

	progress_begin(b->progress, "Sealing: no identity, no left-overs", NULL, 0);
	r = clean(b, written, e);
	if (r == 0)
		r = set_names(b, written, e);
	if (r == 0)
		r = set_shadow(b, e);
	if (r == 0)
		r = bake_puts(b, "/etc/machine-id", "", 0444, e);
	if (r == 0)
		r = prove(b, written, e);
	if (r == 0)
		progress_end(b->progress, NULL);
	return r < 0 ? error_prefix(e, "seal") : 0;
}
