/*
 * Packages with uncompressed members, made ahead of dpkg by worker threads. dpkg decompresses on one
 * core while it holds everything up; here all cores do it before it asks.
 *
 * A plain file is a cache of a verified file: it is renamed in but not fsynced (848 MiB of them would
 * keep the disk busy for nothing). Instead it is compared when it is used again: the digest of its bytes
 * lies beside it, so one that has rotted, or of which a power cut has kept a part, is made again. dpkg
 * reads the same bytes a moment later, so that costs hashing alone: 0.7 s of one core for 1 GB.
 */
#include "store.h"

#include "alloc.h"
#include "buf.h"
#include "deb.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"
#include "names.h"
#include "store_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define TMP_DIR	    "plain/tmp"
#define WORKERS_MAX 16
#define WAIT_MS	    200 /* how often a waiting thread asks whether it was interrupted */

enum plain_state { PLAIN_TODO, PLAIN_BUSY, PLAIN_DONE };

struct pool {
	struct store *store;
	pthread_mutex_t lock; /* guards everything below, but not err of a worker that ended */
	pthread_cond_t changed;
	char (*sha256)[SHA256_HEX];
	enum plain_state *states;
	size_t n, next;
	bool stop;
	struct error err; /* the first one; code 0: none */
	pthread_t threads[WORKERS_MAX];
	size_t n_threads;
};

/* "plain/ab/abcd….sum": the SHA-256 of the plain file itself. */
static char *sum_name(const char *sha256)
{
	return xasprintf("plain/%.2s/%s.sum", sha256, sha256);
}

static bool is_whole_plain(struct store *s, const char *sha256)
{
	_free_ char *name = plain_name(sha256), *sum = sum_name(sha256);
	_close_ int fd = openat(s->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char hex[SHA256_HEX];
	_buf_ want = BUF_INIT;

	return fd >= 0 && file_read(s->fd, sum, SHA256_HEX, &want) == 0 &&
	       sha256_fd(fd, hex, NULL) == 0 && strcmp(buf_str(&want), hex) == 0;
}

/* Not synced either: with a part of it, too, the plain file is made again. */
static int write_sum(struct store *s, const char *sha256, int plain)
{
	_free_ char *name = sum_name(sha256);
	_close_ int fd = -1;
	char hex[SHA256_HEX];
	int r;

	if (lseek(plain, 0, SEEK_SET) < 0)
		return -errno;
	r = sha256_fd(plain, hex, NULL);
	if (r < 0)
		return r;
	fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : fd_write(fd, hex, strlen(hex));
}

/*
 * A temporary file, locked for as long as it is written: sweep() removes those that nobody locks. It
 * may come between open and lock; a file without a name then says so.
 */
static int open_temporary(struct store *s, const char *sha256, struct atomic *out)
{
	_free_ char *name = xasprintf(TMP_DIR "/%s", sha256);

	for (;;) {
		struct stat st;
		int r = atomic_open(out, s->fd, name, 0644);

		if (r < 0)
			return r;
		if (flock(out->fd, LOCK_EX | LOCK_NB) == 0 && fstat(out->fd, &st) == 0 &&
			st.st_nlink > 0)
			return 0;
		atomic_abort(out);
	}
}

/* Removes what killed kbuilds left half-made. */
static void sweep(struct store *s)
{
	_close_ int dir = openat(s->fd, TMP_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(names_free) struct names names = NAMES_INIT;

	(void)names_read(&names, dir, ".");
	for (size_t i = 0; i < names.n; i++) {
		_close_ int file = openat(dir, names.v[i], O_RDWR | O_NOFOLLOW | O_CLOEXEC);

		if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0)
			unlinkat(dir, names.v[i], 0);
	}
}

/* The bytes are about to be read anyway: compare them first. */
static int open_stored(struct store *s, const char *sha256, struct error *e)
{
	_free_ char *name = store_name(s, sha256);
	const char *label = store_label(s, sha256);
	_close_ int fd = openat(s->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char hex[SHA256_HEX];
	int r;

	if (fd < 0)
		return error_errno(e, errno, "%s: opening %s/%s", label, s->dir, name);
	r = sha256_fd(fd, hex, NULL);
	if (r < 0)
		return error_errno(e, r, "%s: reading %s/%s", label, s->dir, name);
	if (strcmp(hex, sha256) != 0)
		return store_damaged(s, sha256, e);
	return TAKE_FD(fd);
}

static int make_plain(struct store *s, const char *sha256, struct error *e)
{
	_cleanup_(atomic_abort) struct atomic out = ATOMIC_INIT;
	_free_ char *to = plain_name(sha256);
	_free_ char *dir = xstrndup(to, (size_t)(strrchr(to, '/') - to));
	_close_ int fd = -1;
	struct deb d;
	int r;

	if (is_whole_plain(s, sha256))
		return 0;
	fd = open_stored(s, sha256, e);
	if (fd < 0)
		return fd;
	r = deb_open(&d, fd, store_label(s, sha256), e);
	if (r < 0)
		return r;
	r = mkdir_all(s->fd, dir, 0755);
	if (r == 0)
		r = open_temporary(s, sha256, &out);
	if (r < 0)
		return error_errno(e, r, "creating %s/%s", s->dir, to);
	r = deb_write_plain(&d, out.fd, e);
	if (r < 0)
		return error_prefix(e, "decompressing into %s/plain", s->dir);
	r = write_sum(s, sha256, out.fd);
	if (r < 0)
		return error_errno(e, r, "writing the digest of %s/%s", s->dir, to);
	if (renameat(s->fd, out.tmp, s->fd, to) < 0)
		return error_errno(e, errno, "renaming %s/%s", s->dir, to);
	free(TAKE(out.tmp)); /* renamed: nothing left to remove */
	return 0;
}

/* Makes number i, which is marked busy; the lock is held at entry and at exit. */
static void pool_make(struct pool *p, size_t i)
{
	struct error e = {};
	int r;

	pthread_mutex_unlock(&p->lock);
	r = make_plain(p->store, p->sha256[i], &e);
	pthread_mutex_lock(&p->lock);
	p->states[i] = PLAIN_DONE;
	if (r < 0 && p->err.code == 0)
		p->err = e;
	if (r < 0)
		p->stop = true;
	pthread_cond_broadcast(&p->changed);
}

static void *worker(void *arg)
{
	struct pool *p = arg;

	pthread_mutex_lock(&p->lock);
	while (!p->stop && !interrupted() && p->next < p->n) {
		size_t i = p->next++;

		if (p->states[i] != PLAIN_TODO)
			continue;
		p->states[i] = PLAIN_BUSY;
		pool_make(p, i);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static size_t cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) < 0)
		return 1;
	return MIN((size_t)CPU_COUNT(&set), WORKERS_MAX);
}

static void pool_stop(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
	p->n_threads = 0;
}

void pool_free(struct pool *p)
{
	pool_stop(p);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	free(p->sha256);
	free(p->states);
	free(p);
}

int store_plain_start(struct store *s, const char *const *sha256, size_t n, struct error *e)
{
	struct pool *p;
	size_t wanted = MIN(cpus(), n);

	if (s->pool)
		pool_free(TAKE(s->pool));
	sweep(s);
	p = xcalloc(1, sizeof *p);
	p->store = s;
	p->n = n;
	p->sha256 = xcalloc(n, sizeof *p->sha256);
	p->states = xcalloc(n, sizeof *p->states);
	for (size_t i = 0; i < n; i++)
		memcpy(p->sha256[i], sha256[i], SHA256_HEX);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	s->pool = p;
	while (p->n_threads < wanted) {
		int r = pthread_create(&p->threads[p->n_threads], NULL, worker, p);

		if (r != 0)
			return error_errno(e, r, "starting a thread");
		p->n_threads++;
	}
	return 0;
}

/* Waits until number i is made, or makes it; the lock is held. */
static int pool_wait(struct pool *p, size_t i, struct error *e)
{
	while (p->states[i] != PLAIN_DONE) {
		struct timespec until;

		if (interrupted())
			return error_errno(e, ECANCELED, "decompressing packages");
		if (p->err.code != 0)
			break;
		if (p->states[i] == PLAIN_TODO) {
			p->states[i] = PLAIN_BUSY;
			pool_make(p, i);
			continue;
		}
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += WAIT_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&p->changed, &p->lock, &until);
	}
	if (p->err.code != 0) {
		*e = p->err;
		return -e->code;
	}
	return 0;
}

static int pool_get(struct pool *p, const char *sha256, struct error *e)
{
	for (size_t i = 0; i < p->n; i++) {
		int r;

		if (strcmp(p->sha256[i], sha256) != 0)
			continue;
		pthread_mutex_lock(&p->lock);
		r = pool_wait(p, i, e);
		pthread_mutex_unlock(&p->lock);
		return r;
	}
	return make_plain(p->store, sha256, e);
}

int store_plain(struct store *s, const char *sha256, char **ret_path, struct error *e)
{
	_free_ char *name = plain_name(sha256);
	int r = s->pool ? pool_get(s->pool, sha256, e) : make_plain(s, sha256, e);

	if (r < 0)
		return r;
	*ret_path = xasprintf("%s/%s", s->dir, name);
	return 0;
}

int store_plain_join(struct store *s, struct error *e)
{
	struct pool *p = s->pool;
	int r = 0;

	if (!p)
		return 0;
	pool_stop(p);
	if (p->err.code != 0) {
		*e = p->err;
		r = -e->code;
	}
	pool_free(TAKE(s->pool));
	return r;
}
