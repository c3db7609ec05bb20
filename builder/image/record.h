/* The record of an image: manifest.json beside the disk, user-data, and whether a build is needed. */
#pragma once

#include "base.h"

struct definition;
struct error;
struct lock;

struct record {
	const struct definition *def;
	const struct lock *lock;
	const char *inputs;    /* digest of all inputs */
	const char *directory; /* where disk.raw already is */
};

/*
 * Everything that decides what an image is, as one digest: this program, the definition with all
 * that it includes, the lock, the mirror. Equal inputs, equal image.
 */
int record_inputs(const struct definition *def, const struct lock *lock, const char *mirror,
	char ret_hex[65], struct error *e);

/* Writes manifest.json, user-data and packages.txt into the directory and syncs it. */
int record_write(const struct record *r, struct error *e);

/*
 * True when the directory holds a whole image made from these inputs: the manifest says so, and the
 * files that it lists have the sizes and times it lists.
 */
bool record_matches(const char *directory, const char *inputs, bool want_qcow2);
