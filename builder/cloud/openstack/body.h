/* JSON that is sent: built as nodes, so that nothing has to be escaped by hand. */
#pragma once

#include "base.h"

struct arena;
struct node;

struct node *body_map(struct arena *a);
struct node *body_list(struct arena *a);
/* Members of a map. text NULL: left out. Returns the map again. */
struct node *body_text(struct arena *a, struct node *map, const char *key, const char *text);
struct node *body_number(struct arena *a, struct node *map, const char *key, int64_t value);
struct node *body_bool(struct arena *a, struct node *map, const char *key, bool value);
struct node *body_null(struct arena *a, struct node *map, const char *key);
struct node *body_set(struct arena *a, struct node *map, const char *key, struct node *value);
/* {"key": value} as JSON, in the arena. */
const char *body_json(struct arena *a, const char *key, struct node *value);

/* What becomes a part of paths: nothing but what ids are made of. */
bool id_valid(const char *text);
/* Text as a part of a path or query, escaped; in the arena. */
const char *escaped(struct arena *a, const char *text);
