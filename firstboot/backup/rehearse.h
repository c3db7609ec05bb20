/*
 * The weekly test restore: a throw-away server from the same image, without network, is filled from the files
 * as they lie on the disk, and every table's rows are counted there.
 *
 * A backup that is encrypted to the operator cannot be opened here later. So on the day of a rehearsal the
 * files get one more key (the witness), made for this run, kept in this process's memory alone and wiped at
 * its end: what is rehearsed is the very file that is kept, and nobody but the operator can open it
 * afterwards.
 */
#pragma once

#include "base.h"

struct age_identity;
struct agent;
struct backup_list;
struct error;
struct manifest;

/* Whether one is due: wanted, and none of these (by their manifests) was rehearsed for a week. */
bool rehearse_due(const struct agent *a, const struct backup_list *l, int64_t now);

/*
 * Rehearses m. witness NULL: it is not encrypted. On success m->verified (and the manifest on the disk) says
 * "restore". ERR_TEST: it was restored and is not the same.
 */
int rehearse(struct agent *a, int dir, struct manifest *m, const struct age_identity *witness,
	struct error *e);
