/* What pg_dumpall writes of roles, made fit for the server that it goes to. Pure. */
#pragma once

#include "base.h"

struct buf;

/*
 * all, for a server that has none of the roles, or is to have all as they were: every statement, but that what a
 * superuser granted is granted by the one of there.
 */
void roles_whole(const struct buf *all, struct buf *ret);
/*
 * For psql: makes the roles that are missing, without passwords, and makes them members of what they were members
 * of. A role that is there becomes a member of nothing: that may have been taken from it since.
 */
void roles_missing(const struct buf *all, struct buf *ret);
