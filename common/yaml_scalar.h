/* Scalars and tags of YAML, for yaml_tree.c: what a tag makes of a text. */
#pragma once

#include "base.h"
#include "mark.h"

struct arena;
struct node;

#define YAML_CORE "tag:yaml.org,2002:" /* what "!!" stands for */

struct yaml_scalar {
	struct mark at;
	const char *tag, *text; /* tag NULL: none was written */
	size_t len;
	bool plain; /* without quotes, and no block */
};

/* Tags that are not understood, and wrong "!!binary", become diags. */
struct node *yaml_scalar_node(struct arena *a, const struct yaml_scalar *s, struct diags *d);

void yaml_unknown_tag(const char *tag, const struct mark *at, struct diags *d);
