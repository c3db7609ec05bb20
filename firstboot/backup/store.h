/*
 * The backups of this server: STATE/backup/ID/ with its files and manifest.json. A backup is written into
 * ID.part and gets its name by one rename when all of it is on the disk; one that goes loses its name
 * first. So what has a name is whole, after a power cut too. What was fetched of another server lies apart, in
 * STATE/backup-foreign/SERVER/ID/: it is never listed, compared with, sent or kept in place of one of ours.
 */
#pragma once

#include "base.h"

struct agent;
struct arena;
struct error;
struct manifest;

struct backup_list {
	struct arena *arena;
	struct manifest *v; /* newest first */
	size_t n;
};
#define BACKUP_LIST_INIT                                                                           \
	{                                                                                          \
	}
void backup_list_free(struct backup_list *l); /* leaves BACKUP_LIST_INIT; for _cleanup_ */

/*
 * "latest" (or NULL: the newest good one, else the newest) or an id. ERR_FAILED:
 * there is none.
 */
int backup_list_find(
	const struct backup_list *l, const char *id, const struct manifest **ret, struct error *e);
/* The newest good one, or NULL. */
const struct manifest *backup_list_good(const struct backup_list *l);
/* Into the order of a list. */
void backup_list_sort(struct backup_list *l);

/* Opens STATE/backup, making it. The fd. */
int store_open(const struct agent *a, struct error *e);
/* The same for those of another server (a valid name), here until they are restored. */
int store_open_foreign(const struct agent *a, const char *server, struct error *e);
/* Removes all of these. */
int store_forget_foreign(const struct agent *a, struct error *e);
/* What has a valid manifest. What has none is said on standard error and left alone. */
int store_list(int dir, struct backup_list *ret, struct error *e);
/* Removes what a run that was cut off left behind. */
int store_sweep(int dir, struct error *e);
/*
 * An id above all that are there, near now (unix seconds), and its directory ID.part: the fd. last:
 * an id that must be below it, or NULL.
 */
int store_begin(int dir, int64_t now, const char *last, char *ret_id, struct error *e);
/* Writes the manifest into part and gives the directory its name. */
int store_publish(int dir, int part, const struct manifest *m, struct error *e);
/* Replaces the manifest of a backup that is there. */
int store_update(int dir, const struct manifest *m, struct error *e);
int store_remove(int dir, const char *id, struct error *e);
/* Opens a file of a backup for reading. */
int store_file(int dir, const char *id, const char *name, struct error *e);

/*
 * ERR_FAILED (transient) when the disk below dir has not room for twice what the last backup took (at
 * least 64 MiB). last may be NULL.
 */
int store_check_room(int dir, const struct manifest *last, struct error *e);
