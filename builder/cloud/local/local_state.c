/* Directories of servers: made, locked, listed, removed. The record in them is local_record.c's. */
#include "local_state.h"

#include "alloc.h"
#include "arena.h"
#include "clock.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"
#include "progress.h"
#include "provider.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#define LOCK_WAIT_MS	    (60 * 1000) /* the longest work on a server is stopping it */
#define LOCK_WAIT_INTERRUPT 1000
#define REMOVING	    ".removing-"

void local_dir_close(struct local_dir *d)
{
	if (d->fd >= 0)
		close(d->fd);
	free(d->path);
	*d = (struct local_dir)LOCAL_DIR_INIT;
}

static char *servers_dir(const struct cloud *c)
{
	return xasprintf("%s/servers", c->state_dir);
}

/*
 * Waits for the lock. Destroying what an interrupted launch has made must work too: then the wait
 * is short, and is not ended by the very interrupt that brought us here.
 */
static int dir_lock(struct local_dir *d, const struct cloud *c, const char *name, struct error *e)
{
	bool already = interrupted(), told = false;
	int64_t deadline =
		clock_now_ms(&clock_real) + (already ? LOCK_WAIT_INTERRUPT : LOCK_WAIT_MS);

	while (flock(d->fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_errno(e, errno, "locking '%s'", d->path);
		if (interrupted() && !already)
			return error_set(e, ERR_INTERRUPTED, "interrupted");
		if (clock_now_ms(&clock_real) > deadline)
			return error_set(e, ERR_FAILED,
				"another kbuild is still working on the server '%s': try again "
				"when it is done",
				name);
		if (!told)
			progress_note(
				c->progress, "waiting for another kbuild that works on '%s'", name);
		told = true;
		poll(NULL, 0, 50);
	}
	d->locked = true;
	return 0;
}

/* True when path still is what fd was opened from: not removed, nor removed and made again. */
static bool still_there(const struct local_dir *d)
{
	struct stat mine, there;

	return fstat(d->fd, &mine) == 0 && stat(d->path, &there) == 0 &&
	       mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

int local_dir_open(
	struct local_dir *d, const struct cloud *c, const char *name, bool lock, struct error *e)
{
	_cleanup_(local_dir_close) struct local_dir n = LOCAL_DIR_INIT;
	int r;

	if (!server_name_valid(name))
		return CLOUD_ABSENT;
	n.path = xasprintf("%s/servers/%s", c->state_dir, name);
	n.fd = open(n.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (n.fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return CLOUD_ABSENT;
	if (n.fd < 0)
		return error_errno(e, errno, "opening '%s'", n.path);
	if (lock) {
		r = dir_lock(&n, c, name, e);
		if (r < 0)
			return r;
		if (!still_there(&n))
			return CLOUD_ABSENT;
	}
	*d = n;
	n = (struct local_dir)LOCAL_DIR_INIT;
	return 0;
}

int local_dir_make(struct local_dir *d, const struct cloud *c, const char *name, struct error *e)
{
	_free_ char *servers = servers_dir(c);
	_free_ char *path = xasprintf("%s/%s", servers, name);
	int r;

	r = mkdir_all(AT_FDCWD, servers, 0700);
	if (r < 0)
		return error_errno(e, r, "making the directory '%s'", servers);
	if (mkdir(path, 0700) < 0 && errno == EEXIST)
		return error_set(e, ERR_FAILED, "another kbuild has just made a server '%s'", name);
	if (access(path, F_OK) < 0)
		return error_errno(e, errno, "making the directory '%s'", path);
	r = local_dir_open(d, c, name, true, e);
	if (r > 0)
		return error_set(
			e, ERR_FAILED, "another kbuild has just removed the server '%s'", name);
	return r;
}

static int sweep(const char *servers)
{
	_cleanup_(freep) struct dirent **v = NULL;
	int n = scandir(servers, &v, NULL, NULL), r = 0;

	for (int i = 0; i < n; i++) {
		_free_ struct dirent *ent = v[i];
		_free_ char *path = xasprintf("%s/%s", servers, ent->d_name);

		if (strncmp(ent->d_name, REMOVING, strlen(REMOVING)) == 0 && r == 0)
			r = remove_all(AT_FDCWD, path);
	}
	return r;
}

int local_dir_remove(struct local_dir *d, const struct cloud *c, const char *name, struct error *e)
{
	_free_ char *servers = servers_dir(c);
	_free_ char *gone = NULL;
	uint32_t id = 0;
	int r;

	if (getrandom(&id, sizeof id, 0) != sizeof id)
		return error_errno(e, EIO, "removing '%s'", d->path);
	gone = xasprintf("%s/" REMOVING "%s-%08x", servers, name, id);
	if (rename(d->path, gone) < 0)
		return error_errno(e, errno, "removing '%s'", d->path);
	r = sweep(servers);
	if (r < 0)
		return error_errno(e, r, "removing the files of '%s' in '%s'", name, gone);
	return 0;
}

static int is_server(const struct dirent *ent)
{
	return server_name_valid(ent->d_name);
}

int local_names(const struct cloud *c, struct arena *a, const char ***ret, struct error *e)
{
	_free_ char *servers = servers_dir(c);
	_cleanup_(freep) struct dirent **v = NULL;
	int n = scandir(servers, &v, is_server, alphasort);
	const char **names;

	if (n < 0 && errno != ENOENT)
		return error_errno(e, errno, "reading '%s'", servers);
	names = arena_alloc(a, (size_t)(MAX(n, 0) + 1) * sizeof *names);
	for (int i = 0; i < n; i++) {
		_free_ struct dirent *ent = v[i];

		names[i] = arena_strdup(a, ent->d_name);
	}
	*ret = names;
	return 0;
}
