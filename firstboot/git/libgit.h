/*
 * The one door to libgit2: a bare repository as a store of objects, and the fetch that fills it. libgit2 brings
 * no connection (those are remote.h's), reads no configuration of the machine, runs nothing.
 *
 * The library is loaded when it is asked for, by its name, and not linked: most runs of the agent ask whether
 * there is something new, hear that there is not, and need none of it.
 */
#pragma once

#include "base.h"
#include "client.h"

struct buf;
struct error;
struct libgit;
struct remote;

/* Loads the library. Before the process is confined: it reads files. Returns new. */
int libgit_load(struct libgit **ret, struct error *e);
void libgit_free(struct libgit *g);
DEFINE_CLEANUP(struct libgit *, libgit_free);

/* The repository is not one (any more), or an object in it is missing or spoiled: throw it away. */
#define LIBGIT_DAMAGED 1

/* Opens the repository at path, makes it when the directory is empty. 0 or LIBGIT_DAMAGED. */
int libgit_open(struct libgit *g, const char *path, struct error *e);
/* Lets go of it, so that it can be thrown away. */
void libgit_close(struct libgit *g);

struct libgit_limits {
	uint64_t bytes;	  /* received */
	uint64_t objects; /* in one fetch */
};

#define LIBGIT_TIP  "refs/kbuild/tip"
#define LIBGIT_GOOD "refs/kbuild/good"

/* Fetches r's branch into LIBGIT_TIP. 0 or LIBGIT_DAMAGED. */
int libgit_fetch(struct libgit *g, struct remote *r, const struct libgit_limits *limits,
	char ret[REPO_SHA], struct error *e);

enum libgit_kind { LIBGIT_COMMIT, LIBGIT_TREE, LIBGIT_BLOB };

/*
 * Appends an object's bytes, at most max (else ERR_INVALID). 0; LIBGIT_DAMAGED also when it is not there or of
 * another kind: everything that is asked for was fetched.
 */
int libgit_read(struct libgit *g, const char *sha, enum libgit_kind kind, uint64_t max,
	struct buf *ret, struct error *e);
bool libgit_has(struct libgit *g, const char *sha);

/* 0 or LIBGIT_DAMAGED. */
int libgit_relation(struct libgit *g, const char *old, const char *new, enum repo_relation *ret,
	struct error *e);

/* False when there is none. */
bool libgit_ref(struct libgit *g, const char *name, char ret[REPO_SHA]);
int libgit_set_ref(struct libgit *g, const char *name, const char *sha, struct error *e);

/*
 * Writes what the commits need (NULL-terminated) as one new pack beside the old ones; ret is the middle of
 * its file names, pack-RET.pack. 0 or LIBGIT_DAMAGED.
 */
int libgit_repack(
	struct libgit *g, const char *const *commits, char ret[REPO_SHA], struct error *e);
