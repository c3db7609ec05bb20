/* dpkg's database as text: which packages are installed, and which differ between two times. */
#pragma once

#include "base.h"

struct buf;

/* What is installed, of /var/lib/dpkg/status: a line "NAME VERSION\n" each, in its order. */
void dpkgdb_list(const char *status, size_t len, struct buf *ret);

/* One package that is not as it was; before or now is NULL when it was not there. */
typedef void (*dpkgdb_change)(void *arg, const char *name, const char *before, const char *now);

/* Compares two lists of dpkgdb_list(), both changed in place. Returns how many differ. */
size_t dpkgdb_compare(char *before, char *now, dpkgdb_change change, void *arg);
