/*
 * Versions and relations as Debian Policy 5.6.12 and 7.1 define them: enough to say why a package
 * that apt chose is there. Nothing is resolved with this.
 */
#pragma once

#include "base.h"

/* As dpkg compares: negative, 0, positive. Any text compares. */
int version_compare(const char *a, const char *b);

/* One alternative of a field like Depends: "name:arch (>= version)". */
struct relation {
	const char *name; /* borrowed from the field, not NUL-terminated */
	size_t name_len;
	char op[3];	   /* "", "<<", "<=", "=", ">=", ">>" */
	char version[128]; /* "" without a version */
	bool more;	   /* another alternative of the same dependency follows */
};

/*
 * Takes the next alternative off *p, which must be NUL-terminated text; restrictions by
 * architecture or profile are skipped. False at the end. Text that is no relation is passed over.
 */
bool relation_next(const char **p, struct relation *ret);

/* Does a package of this version answer the relation's version? */
bool relation_satisfied(const struct relation *r, const char *version);
