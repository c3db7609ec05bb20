/* The bucket of kbuild.backup.offsite, seen as backups. */
#pragma once

#include "s3.h"

struct agent;
struct backup_list;
struct manifest;

struct bucket {
	struct arena *arena; /* borrowed: keys and objects live there */
	struct http http;
	struct s3 s3;
	const char *prefix; /* "…/", of one server */
};

/* The name of a server (NULL: this one), in the arena. ERR_USAGE: no such name can be. */
int bucket_server(const struct agent *a, const char *server, struct arena *arena, const char **ret,
	struct error *e);
/*
 * Opens it with the credential "s3", at the copies of a server (NULL: of this one). ERR_INVALID when there
 * is no credential, ERR_USAGE: no such name can be.
 */
int bucket_open(struct bucket *ret, struct agent *a, const char *server, struct arena *arena,
	struct error *e);
/* PREFIX/SERVER/ID/NAME, in the arena. */
const char *bucket_key(const struct bucket *b, const char *id, const char *name);
/* All below the prefix. */
int bucket_objects(struct bucket *b, struct s3_object **ret, size_t *ret_n, struct error *e);
/* The id that a key is below, in ret (BACKUP_ID_LEN + 1). */
bool bucket_id(const struct bucket *b, const char *key, char *ret);
/* Whether both are the same backup: its files in their digests. What was found out since may differ. */
bool bucket_same(const struct manifest *a, const struct manifest *b);
/*
 * The backups among them that have a manifest, newest first. Those whose manifest is that of one in known
 * (may be NULL), by its digest, are not asked for again. What cannot be read is said and left alone.
 */
int bucket_manifests(struct bucket *b, const struct s3_object *objects, size_t n,
	const struct backup_list *known, struct backup_list *ret, struct error *e);
