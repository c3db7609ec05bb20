/* The bucket of kbuild.backup.offsite, seen as backups. */
#pragma once

#include "s3.h"

struct agent;
struct backup_list;

struct bucket {
	struct arena *arena; /* borrowed: keys and objects live there */
	struct http http;
	struct s3 s3;
	const char *prefix; /* "" or "…/" */
};

/* Opens it with the credential "s3". ERR_INVALID when there is none. */
int bucket_open(struct bucket *ret, struct agent *a, struct arena *arena, struct error *e);
/* PREFIX/ID/NAME, in the arena. */
const char *bucket_key(const struct bucket *b, const char *id, const char *name);
/* All below the prefix. */
int bucket_objects(struct bucket *b, struct s3_object **ret, size_t *ret_n, struct error *e);
/*
 * The backups among them that have a manifest, newest first. Those that are in known (may be NULL) are
 * not asked for again. What cannot be read is said and left alone.
 */
int bucket_manifests(struct bucket *b, const struct s3_object *objects, size_t n,
	const struct backup_list *known, struct backup_list *ret, struct error *e);
