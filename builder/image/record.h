/* The record of an image: manifest.json beside the disk, user-data, and whether a build is needed. */
#pragma once

#include "base.h"

struct definition;
struct error;
struct lock;

struct record {
	const struct definition *def;
	const struct lock *lock;
	const char *id;	       /* names the image */
	const char *recipient; /* "age1…": the public half of its key; "": it has none */
	const char *directory; /* where disk.raw already is */
};

/*
 * Everything that decides what an image is, as one digest: this program, the definition with all
 * that it includes, the lock, the mirror. Equal inputs, equal image but for its key.
 */
int record_inputs(const struct definition *def, const struct lock *lock, const char *mirror,
	char ret_hex[65], struct error *e);

/* Writes manifest.json, user-data and packages.txt into the directory and syncs it. */
int record_write(const struct record *r, struct error *e);

/*
 * True when the directory holds the whole image of this id: the manifest says so, and the
 * files that it lists have the sizes and times it lists.
 */
bool record_matches(const char *directory, const char *id, bool want_qcow2);
