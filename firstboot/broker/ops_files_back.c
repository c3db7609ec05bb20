/*
 * Files of the application back from a backup. They are unpacked beside those that are there; when all of
 * a backup is there, names are swapped, while no container has the volume. The old ones are kept beside.
 *
 *   .kbuild-restore-ID-NAME/in      what tar is at, worth nothing
 *   .kbuild-restore-ID-NAME/whole   a directory that wants to be NAME
 *   .kbuild-restore-ID-NAME/file    a file that wants to be NAME
 *
 * What is left to do is told by what is there, so that a swap may be cut off anywhere and begun again: NAME
 * gives up its place, what was unpacked takes it. Without "whole" and "file" it was taken.
 */
#include "ops_files.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "process.h"
#include "program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Where files lie: the directory, the name in it, and where they are unpacked. */
struct place {
	char *dir, *name, *fresh;
	int fd;
};
#define PLACE_INIT                                                                                 \
	{                                                                                          \
		.fd = -1                                                                           \
	}

static void place_free(struct place *p)
{
	free(p->dir);
	free(p->name);
	free(p->fresh);
	closep(&p->fd);
}

/* 0, or FILES_ABSENT: there is no such volume, or no directory that could hold the path. */
static int place_of(struct call *c, struct place *ret, struct error *e)
{
	const struct files_args *args = c->args;
	_free_ char *top = NULL;
	char *slash;
	int r = files_find(c, &top, e);

	if (r != 0)
		return r;
	slash = strrchr(top, '/');
	if (!slash || !slash[1])
		return error_set(e, ERR_USAGE, "%s cannot be put back", top);
	ret->name = xstrdup(slash + 1);
	*slash = '\0';
	ret->dir = xstrdup(*top ? top : "/");
	ret->fresh = xasprintf(".kbuild-restore-%s-%s", args->id, ret->name);
	return files_open(args, ret->dir, &ret->fd, e);
}

/* The same, where what held them may be lost too. */
static int place_for(struct call *c, struct place *ret, struct error *e)
{
	int r = place_of(c, ret, e);

	if (r != FILES_ABSENT)
		return r;
	if (!ret->dir) {
		r = files_make_volume(c, e);
	} else {
		mode_t mask = umask(022); /* other users' programs may look for it there */

		r = mkdir_all(AT_FDCWD, ret->dir, 0755);
		umask(mask);
		r = r < 0 ? error_errno(e, r, "cannot make %s", ret->dir) : 0;
	}
	place_free(ret);
	*ret = (struct place)PLACE_INIT;
	if (r >= 0)
		r = place_of(c, ret, e);
	return r == FILES_ABSENT ? error_set(e, ERR_FAILED, "what was made is not there") : r;
}

static bool has_fresh(const struct place *p)
{
	struct stat st;

	return fstatat(p->fd, p->fresh, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* Where nothing can be written, removing what is not there fails too. */
static int drop_fresh(const struct place *p, struct error *e)
{
	int r = has_fresh(p) ? remove_all(p->fd, p->fresh) : 0;

	return r < 0 ? error_errno(e, r, "cannot remove %s/%s", p->dir, p->fresh) : 0;
}

/* No directory has this mode: what tar does not change belongs to the tar of one file. */
#define UNTOUCHED 05700

static bool is_untouched(int at, const char *inner)
{
	struct stat st;

	return fstatat(at, "in", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (st.st_mode & 07777) == UNTOUCHED &&
	       fstatat(at, inner, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* A file was packed alone, with its name; a directory as ".". */
static int name_unpacked(const struct place *p, int at, struct error *e)
{
	_free_ char *inner = xasprintf("in/%s", p->name);
	int r = is_untouched(at, inner) ? renameat(at, inner, at, "file")
					: renameat(at, "in", at, "whole");

	if (r < 0 || syncfs(p->fd) < 0)
		return error_errno(e, errno, "cannot write %s/%s", p->dir, p->fresh);
	return 0;
}

static int unpack(struct call *c, const struct place *p, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_free_ char *into = NULL;
	_close_ int at = -1, in = -1;
	_buf_ err = BUF_INIT;
	struct process run = { .in_fd = call_fd(c, 0), .err = &err };
	int r;

	if (mkdirat(p->fd, p->fresh, 0700) < 0)
		return error_errno(e, errno, "cannot make %s/%s", p->dir, p->fresh);
	at = openat(p->fd, p->fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (at >= 0 && mkdirat(at, "in", 0700) == 0)
		in = openat(at, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (in < 0 || fchmod(in, UNTOUCHED) < 0)
		return error_errno(e, errno, "cannot make %s/%s/in", p->dir, p->fresh);
	/* Not by its path: whoever owns a directory of that could put a link there by now. */
	into = xasprintf("/proc/self/fd/%d", in);
	run.keep_fds = (const int[]){ in, -1 };
	args_set(a, "tar", "--extract", "--file=-", "--numeric-owner", "--same-owner",
		"--same-permissions", "--xattrs", "--acls", "--directory", into, NULL);
	r = program_run(c->b, a, &run, e);
	if (r > 0)
		return error_set(e, ERR_FAILED, "tar failed: %s", buf_str(&err));
	return r < 0 ? r : name_unpacked(p, at, e);
}

static int run_fill(struct call *c, struct error *e)
{
	_cleanup_(place_free) struct place p = PLACE_INIT;
	struct error ignored = { 0 };
	int r;

	if (call_fd(c, 0) < 0)
		return error_set(e, ERR_USAGE, "files-fill: the files must come with the request");
	r = place_for(c, &p, e);
	/* What a run left that was cut off. */
	if (r >= 0)
		r = drop_fresh(&p, e);
	if (r >= 0)
		r = unpack(c, &p, e);
	if (r < 0 && p.fd >= 0)
		(void)drop_fresh(&p, &ignored);
	return r;
}

static int run_drop(struct call *c, struct error *e)
{
	_cleanup_(place_free) struct place p = PLACE_INIT;
	int r = place_of(c, &p, e);

	return r == 0 ? drop_fresh(&p, e) : MIN(r, 0);
}

/* What was unpacked and has not got its place yet, or NULL. Returns new. */
static char *what_waits(const struct place *p)
{
	static const char *const forms[] = { "whole", "file" };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		_free_ char *path = xasprintf("%s/%s", p->fresh, forms[i]);
		struct stat st;

		if (fstatat(p->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return TAKE(path);
	}
	return NULL;
}

/*
 * "NAME.before-ID", or with a number when the same backup was put back before. *ret: NULL when nothing is
 * there, as after a cut.
 */
static int keep_old(const struct place *p, const char *id, char **ret, struct error *e)
{
	_free_ char *name = xasprintf("%s.before-%s", p->name, id);

	for (int i = 2; renameat2(p->fd, p->name, p->fd, name, RENAME_NOREPLACE) < 0; i++) {
		if (errno == ENOENT)
			return 0;
		if (errno != EEXIST || i > 1000)
			return error_errno(e, errno, "cannot keep %s/%s", p->dir, p->name);
		free(name);
		name = xasprintf("%s.before-%s-%d", p->name, id, i);
	}
	*ret = TAKE(name);
	return 0;
}

static int swap(struct call *c, const struct place *p, struct error *e)
{
	const struct files_args *args = c->args;
	_free_ char *from = what_waits(p);
	_free_ char *old = NULL;
	int r = from ? keep_old(p, args->id, &old, e) : 0;

	if (r >= 0 && from && renameat2(p->fd, from, p->fd, p->name, RENAME_NOREPLACE) < 0)
		r = error_errno(e, errno, "cannot put %s/%s back", p->dir, p->name);
	/* The names must be on the disk before what tells that they are to be changed is gone. */
	if (r >= 0 && fsync(p->fd) < 0)
		r = error_errno(e, errno, "cannot write %s", p->dir);
	if (r >= 0)
		r = drop_fresh(p, e);
	if (r >= 0)
		ipc_add_str(c->reply.json, "before", old);
	return r;
}

/* docker stop or start of all the words of ids. */
static int tell_containers(struct call *c, const char *what, struct buf *ids, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_free_ char *words = xstrdup(buf_str(ids));
	char *save = NULL;

	args_set(a, "docker", what, NULL);
	for (char *id = strtok_r(words, "\n", &save); id && a->n < ARGS_MAX;
		id = strtok_r(NULL, "\n", &save))
		args_add(a, id);
	return a->n == 2 ? 0
			 : docker_run(c->b, a, "cannot stop or start what uses the volume", 300,
				   NULL, e);
}

/* A container keeps the directory that it was started with, so none may run meanwhile. */
static int swap_stopped(struct call *c, const struct place *p, const char *mount, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_free_ char *filter = xasprintf("volume=%s", mount);
	struct error starting = { 0 };
	_buf_ ids = BUF_INIT;
	int r, started;

	args_set(a, "docker", "ps", "--quiet", "--no-trunc", "--filter", filter, NULL);
	r = docker_run(c->b, a, "cannot list the containers", 60, &ids, e);
	if (r >= 0)
		r = tell_containers(c, "stop", &ids, e);
	if (r >= 0)
		r = swap(c, p, e);
	started = ids.len ? tell_containers(c, "start", &ids, &starting) : 0;
	if (r >= 0 && started < 0)
		*e = starting;
	return r < 0 ? r : started;
}

/* The name of a volume by where it lies: DIRECTORY/NAME/_data. */
static const char *volume_name(const struct place *p)
{
	const char *slash = strrchr(p->dir, '/');

	return slash ? slash + 1 : p->dir;
}

static int run_swap(struct call *c, struct error *e)
{
	const struct files_args *args = c->args;
	_cleanup_(place_free) struct place p = PLACE_INIT;
	int r = place_of(c, &p, e);

	if (r != 0)
		return MIN(r, 0);
	/* Done before, by a run that was cut off later. */
	if (!has_fresh(&p))
		return 0;
	return args->volume ? swap_stopped(c, &p, volume_name(&p), e) : swap(c, &p, e);
}

/* A mount's own directory keeps its place; in the broker's view, which has mounts of its own. */
static int check_no_mount(const struct place *p, bool *ret_there, struct error *e)
{
	struct statx x;

	*ret_there = statx(p->fd, p->name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS,
			     &x) == 0;
	if (!*ret_there && errno != ENOENT)
		return error_errno(e, errno, "cannot look at %s/%s", p->dir, p->name);
	if (*ret_there && (x.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return error_set(
			e, ERR_FAILED, "a file system is mounted at %s/%s", p->dir, p->name);
	return 0;
}

/* Where the names are changed; what is missing of it is made. */
static int check_writable(struct place *p, struct error *e)
{
	char *slash;

	while (faccessat(AT_FDCWD, p->dir, F_OK, 0) < 0 && (slash = strrchr(p->dir, '/')))
		*(slash == p->dir ? slash + 1 : slash) = '\0';
	if (faccessat(AT_FDCWD, p->dir, W_OK, 0) == 0)
		return 0;
	error_errno(e, errno, "cannot write %s", p->dir);
	return error_append(e, "; files are put back below /etc, /opt, /srv and /var only");
}

static int run_look(struct call *c, struct error *e)
{
	_cleanup_(place_free) struct place p = PLACE_INIT;
	_free_ char *waits = NULL;
	bool there = false;
	int r = place_of(c, &p, e);

	if (r == 0)
		r = check_no_mount(&p, &there, e);
	if (r >= 0 && p.dir)
		r = check_writable(&p, e);
	if (r < 0)
		return r;
	waits = p.fd >= 0 ? what_waits(&p) : NULL;
	ipc_add_bool(c->reply.json, "there", there);
	ipc_add_bool(c->reply.json, "waits", waits != NULL);
	return 0;
}

static bool is_id(const char *t)
{
	return strlen(t) <= 32 && strspn(t, "0123456789TZ") == strlen(t) && *t;
}

static const struct shape shape_backup = { "a backup's id", is_id };

static const struct field fields[] = {
	{ "op" },
	{ "volume", field_shape, offsetof(struct files_args, volume), 0, &shape_volume },
	{ "path", field_shape, offsetof(struct files_args, path), 0, &shape_absolute },
	{ "id", field_shape, offsetof(struct files_args, id), FIELD_REQUIRED, &shape_backup },
	{},
};

#define SIZE sizeof(struct files_args)

const struct op ops_files_back[] = {
	{ "files-fill", fields, SIZE, 1, 0, FILES_SECONDS, run_fill },
	{ "files-swap", fields, SIZE, 0, OP_CHANGES, 1000, run_swap },
	{ "files-look", fields, SIZE, 0, 0, 120, run_look },
	{ "files-drop", fields, SIZE, 0, OP_CHANGES, 1000, run_drop },
	{},
};
