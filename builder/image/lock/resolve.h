/*
 * The plan: which packages, in which version, from which source, for which reason. apt decides in
 * two phases, as mmdebstrap makes trees, so that sets, versions and marks are the same: first the
 * essential packages into nothing, then the rest with those counted as installed.
 */
#pragma once

#include "base.h"

struct apt_source;
struct aptdir;
struct arena;
struct definition;
struct error;
struct lock_package;
struct lock_source;

/* One package of the plan, with its stanza of the index. */
struct pick {
	const char *name, *url; /* url: decoded */
	bool essential, automatic;
	const struct apt_source *source; /* after index_find() */
	const char *text;		 /* the stanza, NUL-terminated */
	size_t len;
};

struct picks {
	struct pick *v;
	size_t n, cap;
};

void picks_free(struct picks *p);

struct resolution {
	struct aptdir *dir; /* its indexes known (aptdir_indexes) and verified */
	const struct definition *def;
	const char *const *asked;
	const struct lock_source *sources; /* what was verified: names the state of the indexes */
	struct arena *arena;		   /* for everything below */

	struct lock_package *packages; /* the answer, sorted by name, all fields filled */
	size_t n;
};

/* Fills in the answer. ERR_INVALID when what is asked for cannot be installed. */
int resolve(struct resolution *r, struct error *e);

/* Finds the stanzas that picks lack yet in the index files, copying them to the arena. */
int index_find(const struct aptdir *d, struct picks *p, struct arena *a, struct error *e);

/*
 * Writes pins that keep out updates which the archive still gives to a part of machines only
 * (Phased-Update-Percentage below 100), unless the security pocket has the same version.
 */
int phased_pins(struct aptdir *d, struct error *e);

/* Says why each package (sorted by name, picks in the same order) is there. */
void explain_packages(struct lock_package *packages, const struct picks *p,
	const char *const *asked, struct arena *a);

/* ERR_INVALID when the plan is one of those that are known not to work. */
int lint_packages(
	const struct lock_package *v, size_t n, const struct definition *def, struct error *e);

/* Adds a name that is near to the one which apt says it has not found. */
void suggest_package(const struct aptdir *d, const char *apt_says, struct error *e);
