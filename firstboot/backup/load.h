/* From a backup's file into a database, and whether what is there then is what the manifest says. */
#pragma once

#include "base.h"

struct age_identity;
struct backup_file;
struct buf;
struct error;
struct manifest;
struct pg;

struct load {
	const struct pg *pg; /* where to */
	int dir;	     /* STATE/backup */
	const struct manifest *m;
	const struct age_identity *identities;
	size_t n;
};

/* A database of a manifest: the file it is in. */
struct load_item {
	const struct backup_file *file; /* "database" or "cluster" */
	const char *name;
};

/* Its tables according to the manifest; one whole file, or the part of a cluster with its prefix. */
size_t load_item_tables(const struct load_item *i);

/* SQL of the dump that makes the database itself, under its name: see create.h. Empty where it has none. */
int load_definition(
	const struct load *l, const struct load_item *i, struct buf *ret, struct error *e);
/* Into the database into, which is there and empty. */
int load_database(
	const struct load *l, const struct load_item *i, const char *into, struct error *e);
/* A volume or path, into the place beside it that the broker has for it. */
int load_files(const struct load *l, const struct backup_file *f, struct error *e);
/* Dumps into and counts. ERR_TEST names the first table that is not as it was. */
int load_compare(
	const struct load *l, const struct load_item *i, const char *into, struct error *e);
/*
 * Roles. whole: with their passwords, settings and memberships, for a server that has none of ours; else only those
 * that are missing are made, without a password, because the ones that are there may have newer ones.
 */
int load_roles(const struct load *l, bool whole, struct error *e);
