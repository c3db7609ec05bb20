/* The keep policy applied to this server's backups. */
#pragma once

#include "base.h"

struct agent;
struct error;

/* Removes what the policy does not keep (retain.h). Called only after a new backup was checked. */
int prune_backups(const struct agent *a, int dir, const char *pinned, struct error *e);
