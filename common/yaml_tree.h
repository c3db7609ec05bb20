/*
 * YAML 1.1 to nodes, from libyaml's events: anchors, aliases and merge keys ("<<") are expanded
 * under a bound, repeated keys are errors, cycles and other tags than the core ones are refused.
 * A "!!binary" value becomes the bytes that it encodes. (Not yaml.h: that name is libyaml's.)
 */
#pragma once

#include "base.h"

struct arena;
struct buf;
struct diags;
struct error;
struct node;

/* Bounds against hostile files; a definition of a thousand lines has some 5,000 nodes. */
#define YAML_SIZE_MAX	 (4 * MIB)
#define YAML_NODES_MAX	 50000
#define YAML_DEPTH_MAX	 64
#define YAML_ANCHORS_MAX 1000

/*
 * Reads one document. name is what marks show and must live in the arena or longer. What is wrong
 * goes to diags (several where possible); then *ret is NULL and the return is negative with
 * ERR_INVALID. An empty document gives an empty map.
 */
int yaml_parse(struct node **ret, struct arena *a, const char *name, const char *text, size_t len,
	struct diags *d, struct error *e);
int yaml_read_file(
	struct node **ret, struct arena *a, const char *path, struct diags *d, struct error *e);
/* The first half of it: the text of a file (appended), for who wants more of it than its nodes. */
int yaml_read_text(struct buf *ret, const char *path, struct diags *d, struct error *e);
