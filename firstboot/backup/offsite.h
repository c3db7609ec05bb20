/*
 * The copies elsewhere: PREFIX/SERVER/ID/NAME in a bucket, manifest.json last, so that what has a manifest
 * there is whole there. Each server has its own: servers of one definition would remove each other's. What the offsite policy keeps is sent, what it does not keep is removed (where the key may
 * delete: one that may not, with rules in the bucket, is the better protection against a burglar).
 */
#pragma once

#include "base.h"

struct agent;
struct backup_list;
struct error;

/* Whether the configuration has one. */
bool offsite_wanted(const struct agent *a);

/* Sends and removes. dir: STATE/backup. Cut off anywhere, the next run goes on. */
int offsite_sync(struct agent *a, int dir, struct error *e);
/* What is whole there, newest first; of a server, NULL: of this one. */
int offsite_list(struct agent *a, const char *server, struct backup_list *ret, struct error *e);
/*
 * Opens the directory that backups of a server (NULL: this one) are brought to: for those of another one, it is not
 * the one of ours (store.h). The fd.
 */
int offsite_open(const struct agent *a, const char *server, struct error *e);
/*
 * Brings one of a server (NULL: this one) here, into dir of offsite_open(): into ID.part, going on where an earlier
 * call ended, then digests are compared and it gets its name. ret_id: BACKUP_ID_LEN + 1; id as backup_list_find() takes it.
 */
int offsite_fetch(struct agent *a, int dir, const char *server, const char *id, char *ret_id,
	struct error *e);
