/* Between scan.c and the formats it knows. */
#pragma once

#include "buf.h"
#include "scan.h"

struct scan_format {
	void *(*make)(struct scan *s);
	int (*add)(void *state, const char *data, size_t len, struct error *e);
	int (*end)(void *state, struct error *e);
	void (*free)(void *state);
};

struct scan {
	const struct scan_format *format;
	void *state;
	struct scan_table *tables;
	size_t n, cap;
	char *server_version;
	struct buf contents;
	bool contents_known;   /* contents is all of them */
	struct buf definition; /* custom: see scan_definition() */
};

struct piece {
	const char *at; /* not NUL-terminated; NULL for none */
	size_t len;
};

/* Adds to the definition what an entry of the contents says of the database itself, if it does. */
void scan_define(
	struct scan *s, struct piece kind, struct piece tag, struct piece made, struct piece owner);

/* Adds a table; takes name. The place is valid until the next one. */
struct scan_table *scan_table_add(struct scan *s, char *name);

extern const struct scan_format scan_custom, scan_plain, scan_globals, scan_tar, scan_json;
