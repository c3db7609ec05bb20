/* See manifest.h. It comes back from S3 too, so names and digests are checked as foreign ones. */
#include "manifest.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "digest.h"
#include "error.h"
#include "ipc.h"
#include "json.h"
#include "mark.h"
#include "node.h"
#include "schema.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

bool backup_id_valid(const char *id)
{
	int64_t at;

	return backup_id_time(id, &at);
}

void backup_id_format(int64_t at, char ret[BACKUP_ID_LEN + 1])
{
	/* Years of four digits, whatever the clock says. */
	time_t t = (time_t)MAX(0, MIN(at, INT64_C(253402300799)));
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(ret, BACKUP_ID_LEN + 1, "%Y%m%dT%H%M%SZ", &tm);
}

bool backup_id_time(const char *id, int64_t *ret)
{
	static const char form[] = "00000000T000000Z";
	struct tm tm = { 0 };
	char again[BACKUP_ID_LEN + 1];

	for (size_t i = 0; i < BACKUP_ID_LEN; i++) {
		bool good = form[i] == '0' ? id[i] >= '0' && id[i] <= '9' : id[i] == form[i];

		if (!good)
			return false;
	}
	if (id[BACKUP_ID_LEN] || !strptime(id, "%Y%m%dT%H%M%SZ", &tm))
		return false;
	*ret = timegm(&tm);
	/* 31 February is read as a day of March. */
	backup_id_format(*ret, again);
	return strcmp(id, again) == 0;
}

static void field_seconds(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	/* A clock that was never set may say 1970, or less. */
	static const int64_t range[2] = { -INT64_C(62135596800), INT64_C(253402300799) };
	struct field ranged = *f;

	ranged.arg = range;
	field_int(s, &ranged, node, out);
}

/* Text, or null for none. */
static void field_maybe(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	if (!node_is_null(node))
		field_string(s, f, node, out);
}

static void field_list(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	if (!node_is_null(node) && !(node->kind == NODE_LIST && node->n == 0))
		field_strings(s, f, node, out);
}

static void field_digest(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	const char *text = node_str(node);

	if (!text || !sha256_valid(text))
		schema_wrong(s, f, node, "a SHA-256");
	else
		*(const char **)out = text;
}

/* What can be a file of a backup: no path, nothing hidden, nothing a URL would need quoted. */
static bool name_valid(const char *name)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789-_.";
	size_t len = strlen(name);

	return len > 0 && len <= 200 && strspn(name, allowed) == len && name[0] != '.' &&
	       strcmp(name, MANIFEST_NAME) != 0;
}

static void field_name(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	const char *text = node_str(node);

	if (!text || !name_valid(text))
		schema_wrong(s, f, node, "the name of a file");
	else
		*(const char **)out = text;
}

static void field_id(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	const char *text = node_str(node);

	if (!text || !backup_id_valid(text))
		schema_wrong(s, f, node, "a backup's id");
	else
		*(const char **)out = text;
}

/* [["schema.table", 12], …] into tables and n_tables; out is the struct backup_file. */
static void field_tables(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	struct backup_file *file = out;
	struct backup_table *v;
	size_t n = 0;

	if (node->kind != NODE_LIST) {
		schema_wrong(s, f, node, "a list of tables");
		return;
	}
	v = arena_alloc(s->arena, (node->n + 1) * sizeof *v);
	for (size_t i = 0; i < node->n; i++) {
		const struct node *pair = node->items[i];
		int64_t rows;

		if (pair->kind != NODE_LIST || pair->n != 2 || !node_str(pair->items[0]) ||
			!node_is_int(pair->items[1], &rows) || rows < 0) {
			schema_wrong(s, f, pair, "a name and a number");
			return;
		}
		v[n++] = (struct backup_table){ node_str(pair->items[0]), (uint64_t)rows };
	}
	file->tables = v;
	file->n_tables = n;
}

static void field_u64(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	int64_t n = -1;

	field_int(s, f, node, &n);
	if (n >= 0)
		*(uint64_t *)out = (uint64_t)n;
}

static const char *const kinds[] = { "database", "globals", "cluster", "volume", "path", "secrets",
	NULL };

static const struct field file_fields[] = {
	{ "name", field_name, offsetof(struct backup_file, name), FIELD_REQUIRED },
	{ "kind", field_word, offsetof(struct backup_file, kind), FIELD_REQUIRED, kinds },
	{ "of", field_maybe, offsetof(struct backup_file, of) },
	{ "sha256", field_digest, offsetof(struct backup_file, sha256), FIELD_REQUIRED },
	{ "size", field_u64, offsetof(struct backup_file, size), FIELD_REQUIRED },
	{ "bytes", field_u64, offsetof(struct backup_file, bytes), FIELD_REQUIRED },
	{ "tables", field_tables, 0 },
	{},
};

static void field_files(
	const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	const struct schema inner = { s->arena, s->diags, schema_name(s, f->key) };
	struct manifest *m = out;
	struct backup_file *v;

	if (node->kind != NODE_LIST || node->n > MANIFEST_FILES_MAX) {
		schema_wrong(s, f, node, "a list of files");
		return;
	}
	v = arena_alloc(s->arena, (node->n + 1) * sizeof *v);
	memset(v, 0, (node->n + 1) * sizeof *v);
	for (size_t i = 0; i < node->n; i++)
		schema_read(&inner, node->items[i], file_fields, &v[i]);
	m->files = v;
	m->n_files = node->n;
}

static const int64_t version_one[2] = { 1, 1 };

#define AT(member) offsetof(struct manifest, member)

struct versioned {
	struct manifest m; /* first, so that offsets are its own */
	int64_t v;
};

static const struct field fields[] = {
	{ "v", field_int, offsetof(struct versioned, v), FIELD_REQUIRED, version_one },
	{ "id", field_id, AT(id), FIELD_REQUIRED },
	{ "reason", field_string, AT(reason), FIELD_REQUIRED },
	{ "started", field_seconds, AT(started), FIELD_REQUIRED },
	{ "ended", field_seconds, AT(ended), FIELD_REQUIRED },
	{ "server", field_maybe, AT(server) },
	{ "image", field_maybe, AT(image) },
	{ "revision", field_maybe, AT(revision) },
	{ "recipients", field_list, AT(recipients) },
	{ "verified", field_list, AT(verified) },
	{ "suspect", field_maybe, AT(suspect) },
	{ "files", field_files, 0, FIELD_REQUIRED },
	{},
};

static int check_names(const struct manifest *m, struct error *e)
{
	for (size_t i = 0; i < m->n_files; i++) {
		for (size_t k = i + 1; k < m->n_files; k++) {
			if (strcmp(m->files[i].name, m->files[k].name) == 0)
				return error_set(
					e, ERR_LOCK, "'%s' is named twice", m->files[i].name);
		}
	}
	return 0;
}

int manifest_parse(
	struct manifest *ret, struct arena *a, const char *text, size_t len, struct error *e)
{
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	struct versioned read = { 0 };
	const struct schema s = { a, &d, NULL };
	struct node *doc;
	int r = json_parse(&doc, a, "manifest", text, len, e);

	if (r < 0) {
		e->code = ERR_LOCK;
		return -ERR_LOCK;
	}
	schema_read(&s, doc, fields, &read);
	if (d.errors > 0)
		return error_set(e, ERR_LOCK, "the manifest is not valid: %s", d.v[0].message);
	r = check_names(&read.m, e);
	if (r >= 0)
		*ret = read.m;
	return r;
}

static void write_file(const struct backup_file *f, struct buf *out)
{
	_buf_ tables = BUF_INIT;
	_buf_ json = BUF_INIT;

	ipc_begin(&json);
	ipc_add_str(&json, "name", f->name);
	ipc_add_str(&json, "kind", f->kind);
	ipc_add_str(&json, "of", f->of);
	ipc_add_str(&json, "sha256", f->sha256);
	ipc_add_int(&json, "size", (int64_t)f->size);
	ipc_add_int(&json, "bytes", (int64_t)f->bytes);
	buf_addc(&tables, '[');
	for (size_t i = 0; i < f->n_tables; i++) {
		buf_adds(&tables, i ? ",[" : "[");
		json_write_string(&tables, f->tables[i].name, strlen(f->tables[i].name));
		buf_printf(&tables, ",%" PRIu64 "]", f->tables[i].rows);
	}
	buf_addc(&tables, ']');
	ipc_add(&json, "tables", buf_str(&tables));
	ipc_end(&json);
	buf_add(out, json.data, json.len);
}

void manifest_write(const struct manifest *m, struct buf *out)
{
	_buf_ files = BUF_INIT;

	ipc_begin(out);
	ipc_add_int(out, "v", 1);
	ipc_add_str(out, "id", m->id);
	ipc_add_str(out, "reason", m->reason);
	ipc_add_int(out, "started", m->started);
	ipc_add_int(out, "ended", m->ended);
	ipc_add_str(out, "server", m->server);
	ipc_add_str(out, "image", m->image);
	ipc_add_str(out, "revision", m->revision);
	ipc_add_strs(out, "recipients", m->recipients);
	ipc_add_strs(out, "verified", m->verified);
	ipc_add_str(out, "suspect", m->suspect);
	buf_addc(&files, '[');
	for (size_t i = 0; i < m->n_files; i++) {
		if (i)
			buf_addc(&files, ',');
		write_file(&m->files[i], &files);
	}
	buf_addc(&files, ']');
	ipc_add(out, "files", buf_str(&files));
	ipc_end(out);
	buf_addc(out, '\n');
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static int check_file(const struct backup_file *f, const struct backup_file *again, struct error *e)
{
	if (!same_text(f->of, again->of))
		return error_set(e, ERR_FAILED, "the name '%s' is not UTF-8", f->of);
	for (size_t i = 0; i < f->n_tables; i++) {
		if (strcmp(f->tables[i].name, again->tables[i].name) != 0)
			return error_set(
				e, ERR_FAILED, "the name '%s' is not UTF-8", f->tables[i].name);
	}
	return 0;
}

int manifest_write_checked(const struct manifest *m, struct buf *out, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct manifest again = { 0 };
	int r = 0;

	manifest_write(m, out);
	if (out->len > MANIFEST_MAX)
		return error_set(e, ERR_FAILED,
			"the manifest takes %zu KiB, more than %zu: there are %zu tables; name fewer "
			"databases",
			out->len / KIB, (size_t)(MANIFEST_MAX / KIB), manifest_tables(m));
	if (manifest_parse(&again, arena, buf_str(out), out->len, e) < 0) {
		e->code = ERR_FAILED;
		return error_prefix(e, "what was written cannot be read again");
	}
	for (size_t i = 0; r >= 0 && i < m->n_files; i++)
		r = check_file(&m->files[i], &again.files[i], e);
	return r;
}

uint64_t manifest_size(const struct manifest *m)
{
	uint64_t n = 0;

	for (size_t i = 0; i < m->n_files; i++)
		n += m->files[i].size;
	return n;
}

size_t manifest_tables(const struct manifest *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_files; i++)
		n += m->files[i].n_tables;
	return n;
}

uint64_t manifest_rows(const struct manifest *m)
{
	uint64_t n = 0;

	for (size_t i = 0; i < m->n_files; i++) {
		for (size_t k = 0; k < m->files[i].n_tables; k++)
			n += m->files[i].tables[k].rows;
	}
	return n;
}

bool manifest_verified_by(const struct manifest *m, const char *how)
{
	for (const char **v = m->verified; v && *v; v++) {
		if (strcmp(*v, how) == 0)
			return true;
	}
	return false;
}

bool manifest_before_restore(const struct manifest *m)
{
	return strcmp(m->reason, BACKUP_BEFORE_RESTORE) == 0;
}

bool manifest_good(const struct manifest *m)
{
	return !m->suspect && !manifest_before_restore(m) && manifest_verified_by(m, "whole");
}
