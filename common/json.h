/* JSON to and from nodes, read by jansson (strict: no repeated keys), under bounds. */
#pragma once

#include "base.h"

struct arena;
struct buf;
struct error;
struct node;

/* Bounds against hostile replies. The largest honest one known is OVH's price catalog, some 10 MB. */
#define JSON_SIZE_MAX  (32 * MIB)
#define JSON_NODES_MAX 2000000
#define JSON_DEPTH_MAX 64

/* name is for messages: "reply of glance". Marks have no lines. ERR_FAILED when it is not JSON. */
int json_parse(struct node **ret, struct arena *a, const char *name, const char *text, size_t len,
	struct error *e);

/* Appends s as a JSON string with quotes; bytes that are not UTF-8 become U+FFFD. */
void json_write_string(struct buf *out, const char *s, size_t len);
