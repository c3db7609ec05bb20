/*
 * What pg_dump's text says of the database itself, beside what is in it: CREATE DATABASE, owner, settings, comment,
 * who may connect. It names the database, so it fits no other name; and text that an application's roles wrote
 * stands further down (bodies of functions), or quoted in here, and must not be taken for it.
 *
 * So the sections at the beginning are known by their exact comments, up to the first of another kind, and their
 * literals are followed to their end; what is granted comes last, and is known line by line.
 */
#pragma once

#include "base.h"

struct plain_head {
	const char *name; /* of the database; borrowed */
	bool closed;	  /* its own sections at the beginning are over */
	bool section;	  /* inside of one of them */
	bool quoted;	  /* the line begins inside of a literal */
	bool grants;	  /* inside of a section of grants on the database */
};

enum plain_head_line {
	PLAIN_HEAD_NO,
	PLAIN_HEAD_SQL,	   /* belongs to one of the sections */
	PLAIN_HEAD_GRANTS, /* begins a section of grants: only the last one is pg_dump's for sure */
	PLAIN_HEAD_GRANT,  /* GRANT or REVOKE on the database */
};

/* What the next line is, without its end; of this database's part, but for rows. */
enum plain_head_line plain_head_line(struct plain_head *h, const char *line, size_t len);
