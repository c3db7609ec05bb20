/*
 * One database's part of pg_dumpall's text, as a filter: what stands between its "\connect" and the next
 * database, so that it can be replayed into a database of another name: without what names the database itself
 * (plain_head.h), or nothing but that. Without a name: what stands before the first database, the roles.
 */
#pragma once

#include "base.h"

struct error;
struct plain_part;

typedef int (*plain_part_out)(void *arg, const void *data, size_t len, struct error *e);

struct plain_part *plain_part_new(const char *database, plain_part_out out, void *arg);
/* What makes the database as it was, in place of what is in it: for psql, while nothing has its name. */
struct plain_part *plain_part_head(const char *database, plain_part_out out, void *arg);
int plain_part_add(struct plain_part *p, const void *data, size_t len, struct error *e);
/* ERR_LOCK when the database was not there. */
int plain_part_end(struct plain_part *p, struct error *e);
void plain_part_free(struct plain_part *p);
DEFINE_CLEANUP(struct plain_part *, plain_part_free);
