/*
 * Calls come as files: the script that stands in for a program writes its arguments to CALLS and
 * renames the file when it is whole; worker threads look there a few times a second. py3compile
 * reads dpkg's database, which dpkg changes at the same time, so a call that fails is repeated when
 * dpkg has ended, and only then its failure counts.
 */
#include "deferred.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"
#include "names.h"
#include "rootfd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define CALLS	    "/run/kbuild/deferred"
#define WORKERS_MAX 8
#define PAUSE_MS    20
#define CALL_MAX    MIB /* a command line; the kernel's own bound is lower */

static const struct program {
	const char *name, *path;
	bool once; /* only the last of all calls counts, after dpkg */
} programs[] = {
	{ "py3compile", "/usr/bin/py3compile", false },
	/* The postinst of ca-certificates and then its trigger: twice the same work. */
	{ "update-ca-certificates", "/usr/sbin/update-ca-certificates", true },
};

/* %s: the program's name. Its calls are named by it, in the order of their end. */
static const char stand_in[] =
	"#!/bin/sh\n"
	"# kbuild runs %s a little later, with these arguments.\n"
	"set -e\n"
	"t=$(mktemp -p " CALLS
	" .%s.XXXXXXXXXX)\n"
	"[ $# = 0 ] || printf '%%s\\0' \"$@\" >\"$t\"\n"
	"mv \"$t\" \"" CALLS "/call${t##*/}\"\n";

struct call {
	const struct program *program;
	struct buf args; /* each ended by a NUL */
};

struct deferred {
	const char *root;
	int log_fd;
	int calls; /* directory fd; -1: nothing is put off */
	char *froms[ARRAY_SIZE(programs) + 1];
	struct chroot_bind binds[ARRAY_SIZE(programs) + 2];
	pthread_t workers[WORKERS_MAX];
	size_t n_workers;

	pthread_mutex_t mutex; /* for what follows, the files in calls, and the log */
	bool dpkg_ended, abandoned;
	struct call *again; /* failed while dpkg ran, or to be done once */
	size_t n_again, cap_again;
};

/* The program of a file named "call.PROGRAM.RANDOM", or NULL. */
static const struct program *program_of(const char *file)
{
	const char *last = strrchr(file, '.');

	if (strncmp(file, "call.", 5) != 0 || last < file + 5)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		size_t len = strlen(programs[i].name);

		if ((size_t)(last - file - 5) == len &&
			strncmp(file + 5, programs[i].name, len) == 0)
			return &programs[i];
	}
	return NULL;
}

static void put_back(struct deferred *d, struct call *c)
{
	/* Of what is done once, the last call replaces an earlier one. */
	for (size_t i = 0; c->program->once && i < d->n_again; i++) {
		if (d->again[i].program == c->program) {
			buf_free(&d->again[i].args);
			d->again[i] = *c;
			return;
		}
	}
	d->again = grow(d->again, d->n_again, &d->cap_again, sizeof *d->again);
	d->again[d->n_again++] = *c;
}

/* Takes one call off the directory; false when there is none. Under the mutex. */
static bool take(struct deferred *d, struct call *ret)
{
	_cleanup_(names_free) struct names names = NAMES_INIT;

	(void)names_read(&names, d->calls, ".");
	for (size_t i = 0; i < names.n; i++) {
		struct call c = { .program = program_of(names.v[i]) };

		if (!c.program || rootfd_read(d->calls, names.v[i], CALL_MAX, &c.args) < 0)
			continue;
		unlinkat(d->calls, names.v[i], 0);
		if (c.program->once) {
			put_back(d, &c);
			continue;
		}
		*ret = c;
		return true;
	}
	return false;
}

static const char **make_argv(const struct call *c)
{
	const char *p = buf_str(&c->args), *end = p + c->args.len;
	const char **argv;
	size_t n = 1;

	for (const char *q = p; q < end; q++)
		n += *q == '\0';
	argv = xcalloc(n + 1, sizeof *argv);
	argv[0] = c->program->path;
	for (n = 1; p < end; p += strlen(p) + 1)
		argv[n++] = p;
	return argv;
}

static void collect(void *arg, const char *line)
{
	buf_printf(arg, "%s\n", line);
}

/* Runs it; its output, and what it was, go to the log in one piece. */
static int run_call(struct deferred *d, const struct call *c, struct error *e)
{
	_free_ const char **argv = make_argv(c);
	_buf_ said = BUF_INIT;
	const struct chroot_run run = {
		.root = d->root,
		.argv = argv,
		.line = collect,
		.line_arg = &said,
	};
	_buf_ text = BUF_INIT;
	int r;

	for (size_t i = 0; argv[i]; i++)
		buf_printf(&text, "%s%s", i ? " " : "(put off) ", argv[i]);
	buf_addc(&text, '\n');
	r = chroot_check(&run, e);
	buf_add(&text, buf_str(&said), said.len);
	pthread_mutex_lock(&d->mutex);
	if (d->log_fd > 0)
		(void)fd_write(d->log_fd, buf_str(&text), text.len);
	pthread_mutex_unlock(&d->mutex);
	return r;
}

static void *work(void *arg)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	struct deferred *d = arg;

	for (;;) {
		bool found, end;
		struct error ignored;
		struct call c;

		pthread_mutex_lock(&d->mutex);
		end = d->abandoned || interrupted();
		found = !end && take(d, &c);
		end = end || (d->dpkg_ended && !found);
		pthread_mutex_unlock(&d->mutex);
		if (end)
			return NULL;
		if (!found) {
			nanosleep(&pause, NULL);
			continue;
		}
		if (run_call(d, &c, &ignored) == 0) {
			buf_free(&c.args);
			continue;
		}
		pthread_mutex_lock(&d->mutex);
		put_back(d, &c);
		pthread_mutex_unlock(&d->mutex);
	}
}

static bool in_tree(const struct deferred *d, const char *path)
{
	_free_ char *full = xasprintf("%s%s", d->root, path);
	struct stat st;

	return lstat(full, &st) == 0 && S_ISREG(st.st_mode);
}

/* Writes the stand-ins of those programs that the tree has. */
static int prepare(struct deferred *d, const char *dir)
{
	_free_ char *calls = xasprintf("%s/calls", dir);
	size_t n = 0;

	if (mkdir(dir, 0755) < 0 || mkdir(calls, 0755) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		const struct program *p = &programs[i];
		_buf_ text = BUF_INIT;
		int r;

		if (!in_tree(d, p->path))
			continue;
		buf_printf(&text, stand_in, p->name, p->name);
		d->froms[n] = xasprintf("%s/%s", dir, p->name);
		r = file_replace(AT_FDCWD, d->froms[n], buf_str(&text), text.len, 0755);
		if (r < 0)
			return r;
		d->binds[n] = (struct chroot_bind){ .from = d->froms[n], .to = p->path };
		n++;
	}
	if (n == 0)
		return -ENOENT;
	d->froms[n] = xstrdup(calls);
	d->binds[n] = (struct chroot_bind){ .from = d->froms[n], .to = CALLS, .writable = true };
	d->calls = open(calls, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return d->calls < 0 ? -errno : 0;
}

struct deferred *deferred_start(const char *root, const char *dir, int log_fd)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct deferred *d = xcalloc(1, sizeof *d);
	/* dpkg keeps one core busy. */
	size_t wanted = cores > 2 ? MIN((size_t)cores - 1, WORKERS_MAX) : 1;

	d->root = root;
	d->log_fd = log_fd;
	d->calls = -1;
	pthread_mutex_init(&d->mutex, NULL);
	if (prepare(d, dir) == 0) {
		while (d->n_workers < wanted &&
			pthread_create(&d->workers[d->n_workers], NULL, work, d) == 0)
			d->n_workers++;
	}
	if (d->n_workers == 0)
		d->binds[0] = (struct chroot_bind){};
	return d;
}

const struct chroot_bind *deferred_binds(const struct deferred *d)
{
	return d->binds;
}

static void join(struct deferred *d)
{
	while (d->n_workers > 0)
		pthread_join(d->workers[--d->n_workers], NULL);
}

int deferred_finish(struct deferred *d, struct error *e)
{
	int r = 0;

	pthread_mutex_lock(&d->mutex);
	d->dpkg_ended = true;
	pthread_mutex_unlock(&d->mutex);
	join(d);
	for (size_t i = 0; i < d->n_again && r == 0; i++)
		r = run_call(d, &d->again[i], e);
	return r < 0 ? r : interrupted() ? error_set(e, ERR_INTERRUPTED, "interrupted") : 0;
}

void deferred_free(struct deferred *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->mutex);
	d->abandoned = true;
	pthread_mutex_unlock(&d->mutex);
	join(d);
	for (size_t i = 0; i < d->n_again; i++)
		buf_free(&d->again[i].args);
	for (size_t i = 0; i < ARRAY_SIZE(d->froms); i++)
		free(d->froms[i]);
	closep(&d->calls);
	pthread_mutex_destroy(&d->mutex);
	free(d->again);
	free(d);
}
