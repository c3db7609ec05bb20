/* The record of an image beside its disk: manifest.json, bill of materials, user-data; and whether a build is needed. */
#pragma once

#include "base.h"

struct arena;
struct definition;
struct error;
struct lock;
struct stat;

struct record {
	const struct definition *def;
	const struct lock *lock;
	const char *id;	       /* names the image */
	const char *recipient; /* "age1…": the public half of its key; "": it has none */
	const char *user;      /* who may log in, or NULL */
	const char *
		agent; /* the file of the agent's package; NULL: none, or as it is recorded there */
	const char *directory; /* where disk.raw already is */
};

/*
 * Everything that decides what an image is, as one digest: this program, the definition with all
 * that it includes (as it was read, whatever its files hold by now), the lock. Equal inputs, equal image
 * but for its key, and for the compiler of its agent.
 */
int record_inputs(
	const struct definition *def, const struct lock *lock, char ret_hex[65], struct error *e);

/*
 * Writes manifest.json (with the SHA-512 of disk.qcow2, which is what is uploaded), sbom.cdx.json, and user-data, which
 * only its maker may read, into the directory and syncs it.
 */
int record_write(const struct record *r, struct error *e);

/* True when there is a manifest.json that kbuild has written, whatever it says of the files. */
bool record_there(int dirfd);

/*
 * True when the directory holds the whole image of this id: the manifest says so, and the
 * files that it lists have the sizes and times it lists.
 */
bool record_matches(const char *directory, const char *id, bool want_qcow2);

/* What the manifest beside a disk says of it; in the arena, NULL: it does not say. */
struct record_facts {
	const char *name, *image;	    /* never NULL */
	const char *distribution, *version; /* "debian", "13" */
	const char *architecture, *user;
	const char *sha512;	 /* of the file */
	const struct stat *stat; /* of the file that all this is said of */
};

/*
 * Of the file (disk.raw, disk.qcow2) in a directory. 0, or RECORD_NONE: there is no manifest, or it is
 * not about this file as it is now.
 */
#define RECORD_NONE 1
int record_read(const char *directory, const char *file, struct arena *a, struct record_facts *ret,
	struct error *e);
