/* What the text of a Release file says, once its signature is known to be good. */
#pragma once

#include "base.h"
#include "digest.h"

struct arena;

/* "Sat, 21 Nov 2026 00:53:03 UTC" as "2026-11-21T00:53:03Z"; false when it is no such date. */
#define RELEASE_DATE_SIZE 64 /* more than needed: the compiler cannot bound the numbers */
bool release_date(const char *text, char ret[RELEASE_DATE_SIZE]);

/* A field; in the arena, or NULL. */
const char *release_field(const char *text, const char *field, struct arena *a);

/*
 * Does it say that it is the suite's? By Suite or by Codename ("stable", "trixie"), for sources may name
 * either. A name of several parts counts without its last one, too, as it does for apt.
 */
bool release_is(const char *text, const char *suite);

/* The hash that the SHA256 section gives for a file. */
bool release_hash(const char *text, const char *name, char ret[SHA256_HEX]);

/* Is there a package list of the component, for the architecture or for all? */
bool release_has(const char *text, const char *component, const char *architecture);
