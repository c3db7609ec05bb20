/*
 * Files of the application back from a backup. They are unpacked beside those that are there; when all of
 * a backup is there, names are swapped, while no container has the volume. The old ones are kept beside.
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

static int place_of(struct call *c, struct place *ret, struct error *e)
{
	const struct files_args *args = c->args;
	_free_ char *top = NULL;
	char *slash;
	int r = files_find(c, &top, e);

	if (r < 0)
		return r;
	slash = strrchr(top, '/');
	if (!slash || !slash[1])
		return error_set(e, ERR_USAGE, "%s cannot be put back", top);
	ret->name = xstrdup(slash + 1);
	*slash = '\0';
	ret->dir = xstrdup(*top ? top : "/");
	ret->fresh = xasprintf(".kbuild-restore-%s-%s", args->id, ret->name);
	ret->fd = open(ret->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return ret->fd < 0 ? error_errno(e, errno, "cannot open %s", ret->dir) : 0;
}

static int drop_fresh(const struct place *p, struct error *e)
{
	int r = remove_all(p->fd, p->fresh);

	return r < 0 && r != -ENOENT ? error_errno(e, r, "cannot remove %s/%s", p->dir, p->fresh)
				     : 0;
}

static int unpack(struct call *c, const struct place *p, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_free_ char *into = xasprintf("%s/%s", p->dir, p->fresh);
	_buf_ err = BUF_INIT;
	struct process run = { .in_fd = call_fd(c, 0), .err = &err };
	int r;

	if (mkdirat(p->fd, p->fresh, 0700) < 0)
		return error_errno(e, errno, "cannot make %s", into);
	args_set(a, "tar", "--extract", "--file=-", "--numeric-owner", "--same-owner",
		"--same-permissions", "--xattrs", "--acls", "--directory", into, NULL);
	r = program_run(c->b, a, &run, e);
	if (r > 0)
		return error_set(e, ERR_FAILED, "tar failed: %s", buf_str(&err));
	if (r >= 0 && syncfs(p->fd) < 0)
		return error_errno(e, errno, "cannot write %s", into);
	return r;
}

static int run_fill(struct call *c, struct error *e)
{
	_cleanup_(place_free) struct place p = PLACE_INIT;
	struct error ignored = { 0 };
	int r;

	if (call_fd(c, 0) < 0)
		return error_set(e, ERR_USAGE, "files-fill: the files must come with the request");
	r = place_of(c, &p, e);
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

	return r < 0 ? r : drop_fresh(&p, e);
}

/* A file was packed alone, with its name; a directory as ".". */
static bool holds_one_file(const struct place *p)
{
	_free_ char *path = xasprintf("%s/%s", p->fresh, p->name);
	struct stat st, there;
	bool dir =
		fstatat(p->fd, p->name, &there, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(there.st_mode);

	return !dir && fstatat(p->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* "NAME.before-ID", or with a number when the same backup was put back before. */
static int keep_old(
	const struct place *p, const char *id, const char *from, char **ret, struct error *e)
{
	_free_ char *name = xasprintf("%s.before-%s", p->name, id);

	for (int i = 2; renameat2(p->fd, from, p->fd, name, RENAME_NOREPLACE) < 0; i++) {
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
	_free_ char *inner = xasprintf("%s/%s", p->fresh, p->name);
	_free_ char *old = NULL;
	bool one = holds_one_file(p);
	const char *from = one ? inner : p->fresh;
	int r = 0;

	if (renameat2(p->fd, from, p->fd, p->name, RENAME_EXCHANGE) == 0)
		r = keep_old(p, args->id, from, &old, e);
	else if (errno != ENOENT || renameat2(p->fd, from, p->fd, p->name, RENAME_NOREPLACE) < 0)
		return error_errno(e, errno, "cannot put %s/%s back", p->dir, p->name);
	if (r >= 0 && one)
		r = drop_fresh(p, e);
	if (r >= 0 && fsync(p->fd) < 0)
		r = error_errno(e, errno, "cannot write %s", p->dir);
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
	struct stat st;
	int r = place_of(c, &p, e);

	if (r < 0)
		return r;
	/* Done before, by a run that was cut off later. */
	if (fstatat(p.fd, p.fresh, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	return args->volume ? swap_stopped(c, &p, volume_name(&p), e) : swap(c, &p, e);
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
	{ "files-drop", fields, SIZE, 0, 0, 1000, run_drop },
	{},
};
