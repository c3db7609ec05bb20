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

/* A disk, and what is to come onto it. */
struct filling {
	uint64_t device;
	const char *where; /* on it, for people */
	uint64_t left, bytes;
};

/* The one that a path is put back on; where nobody can tell, the volumes' own, which is the first. */
static struct filling *filled_by(const struct backup_file *f, struct filling *v, size_t *n)
{
	_close_ int fd = open_above(f->of);
	struct statvfs room;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return v;
	for (size_t i = 0; i < *n; i++) {
		if (v[i].device == st.st_dev)
			return &v[i];
	}
	if (fstatvfs(fd, &room) < 0)
		return v;
	v[*n] = (struct filling){ st.st_dev, f->of, (uint64_t)room.f_bavail * room.f_frsize, 0 };
	return &v[(*n)++];
}

static int demand_of_all(
	const struct pg_disk *disk, const struct filling *v, size_t n, struct error *e)
{
	int r = demand_of_volumes(disk, v[0].bytes, e);

	for (size_t i = 1; r >= 0 && i < n; i++)
		r = demand(v[i].where, v[i].left, v[i].bytes + SPARE, e);
	return r;
}

int room_for_restore(const struct restore *q, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct backup_config *c = &q->agent->config->backup;
	const struct pg pg = { q->agent, c->postgres.container, c->postgres.user };
	static const struct pg_size none;
	const struct pg_size *sizes = &none;
	struct filling *v = arena_alloc(arena, (q->m->n_files + 1) * sizeof *v);
	struct pg_disk disk;
	size_t n = 1;
	int r = pg_disk(q->agent, arena, &disk, e);

	if (r >= 0 && pg.container)
		r = pg_sizes(&pg, arena, &sizes, e);
	if (r < 0)
		return error_prefix(e, "backup %s cannot be restored", q->m->id);
	v[0] = (struct filling){ disk.device, disk.path, disk.left, 0 };
	for (size_t i = 0; i < q->m->n_files; i++) {
		const struct backup_file *f = &q->m->files[i];

		if (is(f, "database") || is(f, "cluster"))
			v[0].bytes += for_databases(q, f, sizes);
		else if (q->files && is(f, "volume"))
			v[0].bytes += f->bytes;
		else if (q->files && is(f, "path"))
			filled_by(f, v, &n)->bytes += f->bytes;
	}
	r = demand_of_all(&disk, v, n, e);
	return r < 0 ? error_prefix(e, "backup %s cannot be restored", q->m->id) : 0;
}
