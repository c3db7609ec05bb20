/* A new database to be filled, like the one that it will take the place of. */
#pragma once

#include "base.h"

struct error;
struct load;
struct load_item;

/*
 * Makes the database into, empty. Where one of the item's name is there, the new one gets its owner, encoding,
 * locale, limit, grants and settings; else it gets what the dump says of them, which is made under the item's name
 * and renamed at once. Where not all of that can be (a locale that this server has not, a role that is gone), it is
 * said, and the rest is as the server makes it. Roles are there.
 */
int create_database(
	const struct load *l, const struct load_item *i, const char *into, struct error *e);
