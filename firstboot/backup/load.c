/* See load.h. */
#include "load.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"
#include "ipc.h"
#include "manifest.h"
#include "pack.h"
#include "pg.h"
#include "plain_part.h"
#include "roles.h"
#include "scan.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define ROLES_MAX (16 * MIB)
#define BLOCK	  (256 * KIB)

static bool is_cluster(const struct load_item *i)
{
	return strcmp(i->file->kind, "cluster") == 0;
}

/* A table's name in the database, or NULL when it is one of another database of the cluster. */
static const char *own_name(const struct load_item *i, const struct backup_table *t)
{
	size_t n = strlen(i->name);

	if (!is_cluster(i))
		return t->name;
	return strncmp(t->name, i->name, n) == 0 && t->name[n] == '.' ? t->name + n + 1 : NULL;
}

size_t load_item_tables(const struct load_item *i)
{
	size_t n = 0;

	for (size_t k = 0; k < i->file->n_tables; k++)
		n += own_name(i, &i->file->tables[k]) != NULL;
	return n;
}

/* What pours a file's bytes somewhere: a pipe, through a filter where only a part is wanted. */
struct pour {
	int fd;
	struct plain_part *part;
};

static int write_pipe(void *arg, const void *data, size_t len, struct error *e)
{
	const struct pour *p = arg;
	int r = fd_write(p->fd, data, len);

	return r < 0 ? error_errno(e, r, "what is restored takes no more") : 0;
}

static int pour(void *arg, const void *data, size_t len, struct error *e)
{
	struct pour *p = arg;

	return p->part ? plain_part_add(p->part, data, len, e) : write_pipe(p, data, len, e);
}

static int open_file(const struct load *l, const struct backup_file *f, unpack_out out, void *arg,
	struct error *e)
{
	const struct unpack_how how = {
		.identities = l->identities,
		.n = l->m->recipients ? l->n : 0,
		.out = out,
		.arg = arg,
	};
	_close_ int fd = -1;
	int r;

	if (l->m->recipients && l->n == 0)
		return error_set(e, ERR_CONFIRM,
			"backup %s is encrypted: give the key that opens it with --identity FILE",
			l->m->id);
	fd = store_file(l->dir, l->m->id, f->name, e);
	r = fd < 0 ? fd : unpack(fd, f->sha256, &how, e);
	return r < 0 ? error_prefix(e, "%s of backup %s", f->name, l->m->id) : 0;
}

/* Pours into the pipe and then waits for the other side, which knows better why it broke. */
static int pour_file(const struct load *l, const struct backup_file *f, int sock, struct pour *p,
	struct error *e)
{
	struct error poured = { 0 };
	int r = open_file(l, f, pour, p, &poured), end;

	if (r >= 0 && p->part)
		r = plain_part_end(p->part, &poured);
	closep(&p->fd);
	p->fd = -1;
	end = pg_restore_end(sock, e);
	if (end < 0)
		return end;
	if (r < 0)
		*e = poured;
	return r;
}

int load_database(
	const struct load *l, const struct load_item *i, const char *into, struct error *e)
{
	_cleanup_(plain_part_freep) struct plain_part *part = NULL;
	struct pour p = { -1, NULL };
	int ends[2], sock, r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(e, errno, "cannot make a pipe");
	p.fd = ends[1];
	if (is_cluster(i))
		p.part = part = plain_part_new(i->name, write_pipe, &p);
	r = pg_restore_begin(l->pg, is_cluster(i) ? "plain" : "custom", into, ends[0], &sock, e);
	close(ends[0]);
	if (r < 0) {
		close(ends[1]);
		return r;
	}
	r = pour_file(l, i->file, sock, &p, e);
	return r < 0 ? error_prefix(e, "database %s", i->name) : 0;
}

int load_files(const struct load *l, const struct backup_file *f, struct error *e)
{
	struct pour p = { -1, NULL };
	int ends[2], sock, r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(e, errno, "cannot make a pipe");
	p.fd = ends[1];
	r = files_fill_begin(l->pg->agent, f->kind, f->of, l->m->id, ends[0], &sock, e);
	close(ends[0]);
	if (r < 0) {
		close(ends[1]);
		return r;
	}
	r = pour_file(l, f, sock, &p, e);
	return r < 0 ? error_prefix(e, "%s %s", f->kind, f->of) : 0;
}

static int scan_stream(int from, struct scan *scan, struct error *e)
{
	_free_ char *block = xmalloc(BLOCK);
	int r = 0;

	while (r >= 0) {
		ssize_t n = read(from, block, BLOCK);

		if (interrupted())
			return error_set(e, ERR_INTERRUPTED, "interrupted");
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(e, errno, "cannot read the dump");
		if (n == 0)
			break;
		r = scan_add(scan, block, (size_t)n, e);
	}
	return r;
}

static const struct scan_table *find(const struct scan_table *v, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(v[i].name, name) == 0)
			return &v[i];
	}
	return NULL;
}

static int compare_table(
	const char *name, uint64_t rows, const struct scan_table *now, struct error *e)
{
	if (!now)
		return error_set(e, ERR_TEST, "table %s is missing", name);
	if (now->rows != rows)
		return error_set(e, ERR_TEST,
			"table %s has %" PRIu64 " rows, where the backup has %" PRIu64, name,
			now->rows, rows);
	return 0;
}

static int compare(const struct load_item *i, const struct scan *scan, struct error *e)
{
	size_t n, next = 0;
	const struct scan_table *v = scan_tables(scan, &n);
	int r = 0;

	for (size_t k = 0; r >= 0 && k < i->file->n_tables; k++) {
		const struct backup_table *t = &i->file->tables[k];
		const char *name = own_name(i, t);

		if (!name)
			continue;
		/* Mostly in the same order. */
		if (next < n && strcmp(v[next].name, name) == 0)
			r = compare_table(name, t->rows, &v[next], e);
		else
			r = compare_table(name, t->rows, find(v, n, name), e);
		next++;
	}
	if (r >= 0 && next != n)
		return error_set(
			e, ERR_TEST, "it has %zu tables, where the backup has %zu", n, next);
	return r;
}

int load_compare(const struct load *l, const struct load_item *i, const char *into, struct error *e)
{
	_cleanup_(pg_stream_close) struct pg_stream s = PG_STREAM_INIT;
	_cleanup_(scan_freep) struct scan *scan = scan_new(SCAN_CUSTOM);
	int r = pg_dump(l->pg, "custom", into, &s, e);

	if (r >= 0)
		r = scan_stream(s.fd, scan, e);
	if (r >= 0)
		r = pg_stream_end(&s, e);
	if (r >= 0)
		r = scan_end(scan, e);
	if (r >= 0)
		r = compare(i, scan, e);
	return r < 0 ? error_prefix(e, "database %s after its restore", i->name) : 0;
}

static int keep_text(void *arg, const void *data, size_t len, struct error *e)
{
	struct buf *b = arg;

	if (b->len + len > ROLES_MAX)
		return error_set(
			e, ERR_LOCK, "the roles take more than %d MiB", (int)(ROLES_MAX / MIB));
	buf_add(b, data, len);
	return 0;
}

static int keep_part(void *arg, const void *data, size_t len, struct error *e)
{
	return plain_part_add(arg, data, len, e);
}

/* Ends the reading of a dump once its contents are there: all of it was verified before. */
static int keep_contents(void *arg, const void *data, size_t len, struct error *e)
{
	int r = scan_add(arg, data, len, e);

	return r >= 0 && scan_contents_known(arg) ? error_set(e, ERR_FAILED, "this is enough") : r;
}

int load_definition(
	const struct load *l, const struct load_item *i, struct buf *ret, struct error *e)
{
	_cleanup_(scan_freep) struct scan *scan = NULL;
	_cleanup_(plain_part_freep) struct plain_part *part = NULL;
	int r;

	if (is_cluster(i)) {
		part = plain_part_head(i->name, keep_text, ret);
		r = open_file(l, i->file, keep_part, part, e);
		return r < 0 ? r : plain_part_end(part, e);
	}
	scan = scan_new(SCAN_CUSTOM);
	r = open_file(l, i->file, keep_contents, scan, e);
	/* A small dump is known to its end only there. */
	if (r >= 0)
		r = scan_end(scan, e);
	if (!scan_contents_known(scan))
		return r;
	buf_add(ret, buf_str(scan_definition(scan)), scan_definition(scan)->len);
	return 0;
}

static int read_roles(const struct load *l, struct buf *ret, struct error *e)
{
	_cleanup_(plain_part_freep) struct plain_part *part = plain_part_new(NULL, keep_text, ret);

	for (size_t i = 0; i < l->m->n_files; i++) {
		const struct backup_file *f = &l->m->files[i];

		if (strcmp(f->kind, "globals") == 0)
			return open_file(l, f, keep_text, ret, e);
		if (strcmp(f->kind, "cluster") == 0)
			return open_file(l, f, keep_part, part, e);
	}
	return 0;
}

static void wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
}

int load_roles(const struct load *l, bool whole, struct error *e)
{
	_buf_ all = BUF_INIT;
	_buf_ some = BUF_INIT;
	_close_ int fd = -1;
	int r = read_roles(l, &all, e);

	if (r < 0)
		return r;
	(whole ? roles_whole : roles_missing)(&all, &some);
	fd = ipc_memfd(buf_str(&some), some.len);
	/* Hashes of passwords. */
	wipe(&all);
	wipe(&some);
	if (fd < 0)
		return error_errno(e, fd, "cannot hand over the roles");
	r = pg_restore(l->pg, "globals", NULL, fd, e);
	return r < 0 ? error_prefix(e, "the roles") : 0;
}
