/* See sanity.h. */
#include "sanity.h"

#include "arena.h"
#include "manifest.h"
#include "restore_name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool holds_tables(const struct backup_file *f)
{
	return strcmp(f->kind, "database") == 0 || strcmp(f->kind, "cluster") == 0;
}

static const struct backup_file *find(const struct manifest *m, const struct backup_file *like)
{
	for (size_t i = 0; i < m->n_files; i++) {
		if (same(m->files[i].kind, like->kind) && same(m->files[i].of, like->of))
			return &m->files[i];
	}
	return NULL;
}

/* Written by pg_dumpall now and by pg_dump before, or the other way round: not to be compared. */
static bool other_format(const struct manifest *m, const struct backup_file *before)
{
	const struct backup_file cluster = { .kind = "cluster" }, globals = { .kind = "globals" };

	if (holds_tables(before) || strcmp(before->kind, "globals") == 0)
		return find(m, strcmp(before->kind, "cluster") == 0 ? &globals : &cluster) != NULL;
	return false;
}

/* One that a restore has put aside: backups of today leave it out (choose.h), and nobody would miss it. */
static bool is_made(const struct backup_file *f)
{
	return strcmp(f->kind, "database") == 0 && f->of && restore_made(f->of);
}

static const char *name_of(const struct backup_file *f)
{
	return f->of ? f->of : f->kind;
}

/* Whether a table of a cluster's is of a database that a restore has made or put aside. */
static bool in_made(const struct backup_table *t)
{
	size_t n = strcspn(t->name, ".");
	char database[64]; /* NAMEDATALEN */

	if (n >= sizeof database)
		return false;
	snprintf(database, sizeof database, "%.*s", (int)n, t->name);
	return restore_made(database);
}

static size_t count_made(const struct backup_file *f)
{
	bool cluster = strcmp(f->kind, "cluster") == 0;
	size_t n = 0;

	for (size_t i = 0; cluster && i < f->n_tables; i++)
		n += in_made(&f->tables[i]);
	return n;
}

/* An empty file is of no weight: one that held little may well hold less. */
#define SMALL (64 * KIB)

static const char *compare(
	const struct manifest *m, const struct backup_file *before, struct arena *arena)
{
	const struct backup_file *now = find(m, before);
	size_t made, made_before, tables, tables_before;

	/* They come along with who can open them, not with the data. */
	if (strcmp(before->kind, "secrets") == 0)
		return NULL;
	if (!now && (other_format(m, before) || is_made(before)))
		return NULL;
	if (!now)
		return arena_printf(arena, "%s %s was in the last backup and is gone", before->kind,
			name_of(before));
	if (strcmp(before->kind, "globals") == 0)
		return NULL;
	made = count_made(now);
	made_before = count_made(before);
	/* What a database takes of a cluster's bytes is not known. */
	if (before->bytes > SMALL && now->bytes < before->bytes / 2 && made >= made_before)
		return arena_printf(arena,
			"%s %s has %" PRIu64 " bytes, less than half of the %" PRIu64
			" of the last backup",
			holds_tables(before) ? "the dump of" : before->kind, name_of(before),
			now->bytes, before->bytes);
	if (!holds_tables(before))
		return NULL;
	tables = now->n_tables - made;
	tables_before = before->n_tables - made_before;
	if (tables < (tables_before + 1) / 2)
		return arena_printf(arena,
			"the dump of %s has %zu tables, less than half of the %zu of the last "
			"backup",
			name_of(before), tables, tables_before);
	return NULL;
}

const char *sanity_check(const struct manifest *m, const struct manifest *last, struct arena *arena)
{
	const char *odd = NULL;
	bool database = false;

	for (size_t i = 0; i < m->n_files; i++)
		database |= holds_tables(&m->files[i]);
	if (database && manifest_tables(m) == 0)
		return "the database has no tables";
	for (size_t i = 0; last && !odd && i < last->n_files; i++)
		odd = compare(m, &last->files[i], arena);
	return odd;
}
