/*
 * Backups of the application's database, volumes and paths, and the way back: for the verbs `backup` and
 * `restore`, and one call for a deployment. The parts:
 *
 *   pg      what the broker does    scan   what a dump says while it streams by
 *   pack    zstd, age, SHA-256      store  STATE/backup
 *   take    a backup is taken       keep   which ones stay
 */
#pragma once

#include "base.h"

struct agent;
struct error;

/*
 * Takes a backup and checks it, as `kbuild-agent backup now` does, without the offsite copy: for who is
 * about to change what it protects. reason: "deploy", one word. Without a database and without
 * paths in the configuration there is nothing to do: 0. The caller has started the roles.
 */
int backup_now(struct agent *a, const char *reason, struct error *e);
