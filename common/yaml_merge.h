/* What yaml_tree.c does to each map when all of its entries are read. */
#pragma once

#include "base.h"

struct arena;
struct diags;
struct node;

/* Complains about each key that an earlier entry has. */
void yaml_complain_repeated(const struct node *map, struct diags *d);

/* Takes the merge key ("<<") out, and puts in its place the keys of its maps that map lacks. */
void yaml_apply_merge(struct arena *a, struct node *map, struct diags *d);
