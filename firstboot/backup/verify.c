/* See verify.h. */
#include "verify.h"

#include "error.h"
#include "manifest.h"
#include "pack.h"
#include "scan.h"
#include "store.h"

#include <inttypes.h>
#include <string.h>

static const struct {
	const char *kind;
	enum scan_kind scan;
} kinds[] = {
	{ "database", SCAN_CUSTOM },
	{ "globals", SCAN_GLOBALS },
	{ "cluster", SCAN_PLAIN },
	{ "volume", SCAN_TAR },
	{ "path", SCAN_TAR },
	{ "secrets", SCAN_JSON },
};

static enum scan_kind kind_of(const struct backup_file *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].kind, f->kind) == 0)
			return kinds[i].scan;
	}
	return SCAN_TAR; /* the manifest was checked: never */
}

static int scan_out(void *arg, const void *data, size_t len, struct error *e)
{
	return scan_add(arg, data, len, e);
}

static int compare(const struct scan *s, const struct backup_file *f, struct error *e)
{
	size_t n;
	const struct scan_table *t = scan_tables(s, &n);

	if (n != f->n_tables)
		return error_set(e, ERR_LOCK, "it holds %zu tables, not %zu", n, f->n_tables);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(t[i].name, f->tables[i].name) != 0 || t[i].rows != f->tables[i].rows)
			return error_set(e, ERR_LOCK,
				"%s has %" PRIu64 " rows, where the manifest has %s with %" PRIu64,
				t[i].name, t[i].rows, f->tables[i].name, f->tables[i].rows);
	}
	return 0;
}

static int verify_file(const struct verify *v, const struct manifest *m,
	const struct backup_file *f, bool open, struct error *e)
{
	_cleanup_(scan_freep) struct scan *s = scan_new(kind_of(f));
	const struct unpack_how how = {
		.identities = v->identities,
		.n = m->recipients ? v->n : 0,
		.out = open ? scan_out : NULL,
		.arg = s,
	};
	_close_ int fd = store_file(v->dir, m->id, f->name, e);
	int r = fd < 0 ? fd : unpack(fd, f->sha256, &how, e);

	if (r >= 0 && open)
		r = scan_end(s, e);
	if (r >= 0 && open)
		r = compare(s, f, e);
	return r < 0 ? error_prefix(e, "%s of backup %s", f->name, m->id) : 0;
}

int verify_backup(
	const struct verify *v, const struct manifest *m, bool *ret_opened, struct error *e)
{
	bool open = !m->recipients || v->n > 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < m->n_files; i++)
		r = verify_file(v, m, &m->files[i], open, e);
	if (r >= 0)
		*ret_opened = open;
	return r;
}
