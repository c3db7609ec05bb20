/* JSON to and from nodes, read by jansson (strict: no repeated keys), under the bounds of yaml.h. */
#pragma once

#include "base.h"

struct arena;
struct buf;
struct error;
struct node;

/* name is for messages: "reply of glance". Marks have no lines. ERR_FAILED when it is not JSON. */
int json_parse(struct node **ret, struct arena *a, const char *name, const char *text, size_t len,
	struct error *e);

/* Appends s as a JSON string with quotes; bytes that are not UTF-8 become U+FFFD. */
void json_write_string(struct buf *out, const char *s, size_t len);
