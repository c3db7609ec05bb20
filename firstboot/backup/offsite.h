/*
 * The copies elsewhere: PREFIX/ID/NAME in a bucket, manifest.json last, so that what has a manifest there is
 * whole there. What the offsite policy keeps is sent, what it does not keep is removed (where the key may
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
/* What is whole there, newest first. */
int offsite_list(struct agent *a, struct backup_list *ret, struct error *e);
/*
 * Brings one here: into ID.part, as far as it was brought before, then digests are compared and it gets its
 * name. ret_id: BACKUP_ID_LEN + 1; id as backup_list_find() takes it.
 */
int offsite_fetch(struct agent *a, int dir, const char *id, char *ret_id, struct error *e);
