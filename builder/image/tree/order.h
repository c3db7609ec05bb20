/*
 * In which order packages are unpacked and configured. dpkg configures what is unpacked in a right
 * order by itself, but it wants what a package Pre-Depends on to be configured before that package
 * is unpacked; apt knows, dpkg does not look ahead. So packages are parted into levels.
 */
#pragma once

#include "base.h"

struct order_package {
	const char *name;
	/* The fields of its control file, as they stand there; NULL: absent. */
	const char *provides, *pre_depends, *depends;
	bool configured; /* already: an essential one */

	/* Results. Packages of level 0 can be unpacked at once, those of level N + 1 after … */
	unsigned level;
	/* … those with early <= N + 1 were configured; 0: whenever. */
	unsigned early;
};

/*
 * Fills in level and early, returns the number of levels. Versions are not looked at: apt chose
 * packages that fit. A Pre-Depends on something that is not among them is left to dpkg's check.
 */
unsigned order_packages(struct order_package *v, size_t n);
