/*
 * See room.h. A database takes what it takes now. Of one that is lost, or has lost a part, nobody knows: at least half
 * its dump, where a byte may be two digits and nothing is compressed; more is not demanded, because it may well be
 * restored to an empty server of the same size. What fills it is written to the log first.
 */
#include "room.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "config.h"
#include "error.h"
#include "manifest.h"
#include "pg.h"
#include "restore.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define LOG_MAX (1024 * MIB) /* PostgreSQL's max_wal_size */
#define SPARE	(256 * MIB)  /* for those who are at work there meanwhile */

static bool is(const struct backup_file *f, const char *kind)
{
	return strcmp(f->kind, kind) == 0;
}

/* What a database takes now (NULL: all of them); 0: there is none. */
static uint64_t taken(const struct pg_size *sizes, const char *name)
{
	uint64_t n = 0;

	for (; sizes->database; sizes++) {
		if (!name || strcmp(sizes->database, name) == 0)
			n += sizes->bytes;
	}
	return n;
}

static int demand(const char *where, uint64_t have, uint64_t want, struct error *e)
{
	if (have >= want)
		return 0;
	error_set(e, ERR_FAILED,
		"%s has no room for it: %" PRIu64 " MiB are free, %" PRIu64
		" MiB are wanted, so %" PRIu64
		" MiB are lacking: remove what nobody needs (databases *_before_*, images), or "
		"make the disk larger",
		where, have / MIB, want / MIB, (want - have + MIB - 1) / MIB);
	return error_transient(e);
}

static int demand_of_volumes(const struct pg_disk *disk, uint64_t bytes, struct error *e)
{
	return bytes == 0 ? 0
			  : demand(disk->path, disk->left, bytes + MIN(bytes, LOG_MAX) + SPARE, e);
}

static uint64_t for_rehearsal(const struct manifest *m, const struct pg_size *sizes)
{
	uint64_t most = 0;

	for (size_t i = 0; i < m->n_files; i++) {
		const struct backup_file *f = &m->files[i];

		if (is(f, "database"))
			most = MAX(most, taken(sizes, f->of));
		for (const struct pg_size *s = sizes; is(f, "cluster") && s->database; s++)
			most = MAX(most, s->bytes);
	}
	return most;
}

int room_for_rehearsal(const struct pg *live, const struct manifest *m, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct pg_size *sizes;
	struct pg_disk disk;
	int r = pg_sizes(live, arena, &sizes, e);

	if (r >= 0)
		r = pg_disk(live->agent, arena, &disk, e);
	return r < 0 ? r : demand_of_volumes(&disk, for_rehearsal(m, sizes), e);
}

/* Of a file with databases. One of a cluster's is no certain part of its file. */
static uint64_t for_databases(
	const struct restore *q, const struct backup_file *f, const struct pg_size *sizes)
{
	bool cluster = is(f, "cluster");
	uint64_t now;

	if (f->n_tables == 0 || (!cluster && q->only && strcmp(q->only, f->of) != 0))
		return 0;
	now = taken(sizes, cluster ? q->only : f->of);
	return cluster && q->only && now ? now : MAX(now, f->bytes / 2);
}

/* The nearest directory above path that is there, or -1. */
static int open_above(const char *path)
{
	_free_ char *above = xstrdup(path);
	int fd = -1;

	while (fd < 0 && *above) {
		*strrchr(above, '/') = '\0';
		fd = open(*above ? above : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	return fd;
}

/*
 * A path that is not on the disk of the volumes must have room on its own; else, and where nobody can tell, *ret grows
 * by it.
 */
static int for_path(
	const struct backup_file *f, const struct pg_disk *disk, uint64_t *ret, struct error *e)
{
	_close_ int fd = open_above(f->of);
	struct stat here, there;
	struct statvfs v;

	if (fd < 0 || fstat(fd, &here) < 0 || stat(disk->path, &there) < 0 ||
		here.st_dev == there.st_dev || fstatvfs(fd, &v) < 0) {
		*ret += f->bytes;
		return 0;
	}
	return demand(f->of, (uint64_t)v.f_bavail * v.f_frsize, f->bytes + SPARE, e);
}

int room_for_restore(const struct restore *q, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct backup_config *c = &q->agent->config->backup;
	const struct pg pg = { q->agent, c->postgres.container, c->postgres.user };
	static const struct pg_size none;
	const struct pg_size *sizes = &none;
	struct pg_disk disk;
	uint64_t bytes = 0;
	int r = pg_disk(q->agent, arena, &disk, e);

	if (r >= 0 && pg.container)
		r = pg_sizes(&pg, arena, &sizes, e);
	for (size_t i = 0; r >= 0 && i < q->m->n_files; i++) {
		const struct backup_file *f = &q->m->files[i];

		if (is(f, "database") || is(f, "cluster"))
			bytes += for_databases(q, f, sizes);
		else if (q->files && is(f, "volume"))
			bytes += f->bytes;
		else if (q->files && is(f, "path"))
			r = for_path(f, &disk, &bytes, e);
	}
	if (r >= 0)
		r = demand_of_volumes(&disk, bytes, e);
	return r < 0 ? error_prefix(e, "backup %s cannot be restored", q->m->id) : 0;
}
