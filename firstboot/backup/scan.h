/*
 * What a dump says of itself while it streams by, without a second pass: whether it is whole, which
 * tables it holds, and how many rows each has in this very dump (a count asked of the server would
 * be of another moment).
 *
 *   custom   the format of pg_dump -Fc -Z0 is followed block by block: the table of contents names
 *            what must come, and the end is where a block ends with nothing missing
 *   plain    pg_dumpall's text: COPY … "\." counted per "Data for Name:", and its last comment
 *   globals  pg_dumpall --globals-only: the last comment
 *   tar      ends with an empty block, as every tar does
 *   json     ends with the brace that closes it
 */
#pragma once

#include "base.h"

struct buf;
struct error;
struct scan;

enum scan_kind { SCAN_CUSTOM, SCAN_PLAIN, SCAN_GLOBALS, SCAN_TAR, SCAN_JSON };

struct scan_table {
	char *name; /* "schema.table"; in a plain dump of all databases "database.schema.table" */
	uint64_t rows;
};

struct scan *scan_new(enum scan_kind kind);
void scan_free(struct scan *s);
DEFINE_CLEANUP(struct scan *, scan_free);

/* ERR_LOCK: this is no such dump. */
int scan_add(struct scan *s, const void *data, size_t len, struct error *e);
/* ERR_LOCK: it is cut off, or not all there. */
int scan_end(struct scan *s, struct error *e);

/* After the end; live as long as the scan, in the order of the dump. */
const struct scan_table *scan_tables(const struct scan *s, size_t *ret_n);
const char *scan_server_version(const struct scan *s); /* "15.4 (Debian …)", or NULL */
/* custom: its head up to the end of the table of contents, for pg_restore --list. */
const struct buf *scan_contents(const struct scan *s);
/*
 * custom: SQL that makes the database as it was, with its owner, settings and grants; it names the database. Known as
 * soon as the contents are, which may be long before the end.
 */
bool scan_contents_known(const struct scan *s);
const struct buf *scan_definition(const struct scan *s);
