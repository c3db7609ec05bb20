/* Parts of restore.c: what is to be done (restore_plan.c), and how it is brought to an end (restore_settle.c). */
#pragma once

#include "load.h"
#include "pg.h"
#include "restore.h"
#include "restore_name.h"

struct agent;
struct arena;
struct backup_file;
struct error;
struct restore;
struct restored;

#define RESTORE_ALERT "restore"

struct restore_item {
	struct load_item load;
	const char *fresh; /* the database that is filled */
	const char *old;   /* what the one before is called then */
};

struct restore_plan {
	const struct restore *q;
	struct arena *arena;
	struct pg pg;
	const char **there; /* the databases of the server */
	struct restore_item *items;
	size_t n;
	const struct backup_file **files; /* volumes and paths */
	size_t n_files;
};

/* Pointers of it are q's, or in the arena. As restore_plan() in restore.h. */
int restore_plan_make(
	const struct restore *q, struct arena *arena, struct restore_plan *ret, struct error *e);
void restore_plan_describe(const struct restore_plan *p, struct restored **ret);
bool restore_is_files(const char *kind);

enum restore_settled {
	/* Of a swap nothing had begun, of what was filled nothing is of use: what there is is as it was. */
	RESTORE_DROPPED = 1,
	/* Databases are swapped, and some files could not be: e says which. They are given up. */
	RESTORE_LACKING,
};
/*
 * Ends what RESTORE_STATE tells of, by what is there now. begin: a swap that has not begun may begin; without,
 * it is too late for that: people work in what is there. 0: nothing is left to do, all of it was done.
 */
int restore_end(const struct agent *a, bool begin, struct error *e);
/* Nothing is left to be ended. */
int restore_forget(const struct agent *a, struct error *e);
