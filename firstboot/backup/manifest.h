/*
 * manifest.json of a backup: written last, so that a directory without one is no backup. It says what
 * the files are, in which digests, and what was known of the server then. Version 1:
 *
 *   {"v": 1, "id": "20260104T020000Z", "reason": "timer", "started": 1767492000, "ended": 1767492042,
 *    "server": "15.4 (Debian …)", "image": "sha256:…", "revision": "COMMIT", "recipients": ["age1…"],
 *    "verified": ["whole", "list"], "suspect": "…" or null,
 *    "files": [{"name": "db-app.dump.zst.age", "kind": "database", "of": "app", "sha256": "…",
 *               "size": 123, "bytes": 1234, "tables": [["public.users", 12], …]}]}
 */
#pragma once

#include "base.h"

struct arena;
struct buf;
struct error;

#define MANIFEST_NAME	   "manifest.json"
#define MANIFEST_MAX	   (16 * MIB - 2 * KIB)
#define MANIFEST_FILES_MAX 1000
#define BACKUP_ID_LEN	   16 /* YYYYMMDDTHHMMSSZ */

struct backup_table {
	const char *name;
	uint64_t rows;
};

struct backup_file {
	const char *name;   /* in the backup's directory */
	const char *kind;   /* "database", "globals", "cluster", "volume", "path", "secrets" */
	const char *of;	    /* the database, volume or path; NULL for globals, cluster, secrets */
	const char *sha256; /* of the file as it lies there */
	uint64_t size;	    /* of the same */
	uint64_t bytes;	    /* before compression */
	const struct backup_table *tables;
	size_t n_tables;
};

struct manifest {
	const char *id;
	const char *reason;
	int64_t started, ended;	 /* unix seconds, by the clock of then */
	const char *server;	 /* PostgreSQL's version; NULL: no database, as below */
	const char *image;	 /* digest of the container's image; NULL: not known */
	const char *revision;	 /* of the application; NULL: not known */
	const char **recipients; /* who can open it; NULL: it is not encrypted */
	const char **verified;	 /* "whole", "list", "restore", "accepted" */
	const char *suspect;	 /* what is odd about it; NULL: nothing */
	const struct backup_file *files;
	size_t n_files;
};

/* A name that can stand in paths and keys: digits, T, Z in their places. */
bool backup_id_valid(const char *id);
/* Of a moment (unix seconds), and back. */
void backup_id_format(int64_t at, char ret[BACKUP_ID_LEN + 1]);
bool backup_id_time(const char *id, int64_t *ret);

/* All in arena. ERR_LOCK when it is no manifest of this version, or says what cannot be. */
int manifest_parse(
	struct manifest *ret, struct arena *a, const char *text, size_t len, struct error *e);
void manifest_write(const struct manifest *m, struct buf *out);
/*
 * The same, and read again: what could not be read, or says something else then, would be a backup that nobody can
 * restore. ERR_FAILED says what is wrong with it.
 */
int manifest_write_checked(const struct manifest *m, struct buf *out, struct error *e);

uint64_t manifest_size(const struct manifest *m); /* all files, as stored */
size_t manifest_tables(const struct manifest *m); /* of all databases */
uint64_t manifest_rows(const struct manifest *m);
bool manifest_verified_by(const struct manifest *m, const char *how);
#define BACKUP_ACCEPTED                                                                            \
	"accepted" /* somebody said that it is as it should be, whatever looks odd */
/* Reasons: somebody asked; what a deployment and a restore back up before they change anything. */
#define BACKUP_BY_HAND	      "hand"
#define BACKUP_BEFORE_DEPLOY  "deploy"
#define BACKUP_BEFORE_RESTORE "restore"

bool manifest_before_restore(const struct manifest *m);
/*
 * Checked, and nothing odd about it: one that may stand for its day. What a restore put aside may not, because
 * it is what somebody wanted to get away from.
 */
bool manifest_good(const struct manifest *m);
