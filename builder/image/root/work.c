/*
 * Scratch directories and named locks. Both rest on flock: the kernel lets go when the owner
 * dies, so there is no stale lock and what is unlocked is garbage.
 */
#include "work.h"

#include "alloc.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"
#include "names.h"
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#define PREFIX	  "work-"
#define LOCK_NAME ".lock"
#define WAIT_MS	  100
#define SAY_AFTER 10 /* polls before somebody who waits is told why */

/* Removes one directory if nobody holds its lock. What cannot be removed is left for the next sweep. */
static void sweep_one(int dirfd, const char *name)
{
	_free_ char *lock_path = xasprintf("%s/%s", name, LOCK_NAME);
	_close_ int lock = openat(dirfd, lock_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) < 0)
		return;
	(void)remove_all(dirfd, name);
}

/*
 * A directory without a lock file may be one that is being made at this moment: it is made
 * complete under the lock of the parent, which the sweeper holds too.
 */
static void sweep(int dirfd)
{
	_cleanup_(names_free) struct names names = NAMES_INIT;

	(void)names_read(&names, dirfd, ".");
	for (size_t i = 0; i < names.n; i++) {
		if (strncmp(names.v[i], PREFIX, strlen(PREFIX)) == 0)
			sweep_one(dirfd, names.v[i]);
	}
}

static int make(struct work *w, int dirfd, const char *dir)
{
	_free_ char *name = NULL;
	uint64_t id;

	if (getrandom(&id, sizeof id, 0) != sizeof id)
		return -EIO;
	name = xasprintf(PREFIX "%016llx", (unsigned long long)id);
	if (mkdirat(dirfd, name, 0700) < 0)
		return -errno;
	w->path = xasprintf("%s/%s", dir, name);
	w->fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->fd < 0)
		return -errno;
	w->lock = openat(w->fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (w->lock < 0 || flock(w->lock, LOCK_EX) < 0)
		return -errno;
	return 0;
}

int work_open(struct work *w, const char *dir, struct error *e)
{
	_close_ int parent = -1;
	int r;

	r = mkdir_all(AT_FDCWD, dir, 0755);
	if (r < 0)
		return error_errno(e, r, "making %s", dir);
	parent = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0 || flock(parent, LOCK_EX) < 0)
		return error_errno(e, errno, "opening %s", dir);
	sweep(parent);
	r = make(w, parent, dir);
	if (r < 0) {
		work_close(w);
		return error_errno(e, r, "making a work directory in %s", dir);
	}
	return 0;
}

void work_close(struct work *w)
{
	if (w->path)
		(void)remove_all(AT_FDCWD, w->path);
	closep(&w->fd);
	closep(&w->lock);
	free(w->path);
	*w = (struct work)WORK_INIT;
}

int work_lock(const char *path, const char *what, struct progress *p, struct error *e)
{
	_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return error_errno(e, errno, "opening the lock %s", path);
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		struct timespec pause = { .tv_nsec = WAIT_MS * 1000000L };

		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_errno(e, errno, "locking %s", path);
		if (interrupted())
			return error_set(
				e, ERR_INTERRUPTED, "interrupted while waiting for %s", what);
		if (i == SAY_AFTER)
			progress_note(p, "waiting for another kbuild that uses %s", what);
		nanosleep(&pause, NULL);
	}
	return TAKE_FD(fd);
}
