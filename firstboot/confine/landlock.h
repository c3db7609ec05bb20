/* Landlock, by the kernel's calls: libraries of the oldest release know none of it. */
#pragma once

#include "base.h"

struct confine_files;
struct error;

struct landlock_wish {
	const struct confine_files *files;
	bool connect;  /* may connect to TCP ports */
	bool signals;  /* may signal processes outside */
	bool abstract; /* may connect to abstract unix sockets outside */
};

/*
 * Restricts the process as far as this kernel can (ABI 1 to 7; what an ABI does not know is left out).
 * A kernel without Landlock: nothing is done, *ret_abi is 0; the filter and the unit's sandbox hold.
 */
int landlock_enter(const struct landlock_wish *w, int *ret_abi, struct error *e);
