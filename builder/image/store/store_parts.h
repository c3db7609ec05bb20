/* Private to store.c, partial.c, fetch.c and plain.c. */
#pragma once

#include "base.h"
#include "digest.h"

struct error;
struct pool;
struct progress;
struct sha256;
struct store_item;

struct store_label {
	char sha256[SHA256_HEX];
	char *name;
};

/* What differs between packages and parts of container images: where they lie, and the words. */
struct store_form {
	const char *dir, *suffix; /* "store", ".deb" */
	const char *one, *many;	  /* "package is", "packages are" */
	const char *fetching;	  /* of the progress */
	const char *differs;	  /* what to do when a server's bytes are others */
	const char *gone;	  /* … when it has no such file (any more) */
	const char *again;	  /* … in all other cases */
};

struct store {
	const struct store_form *form;
	char *dir;		    /* the cache directory, absolute */
	int fd;			    /* the same */
	struct pool *pool;	    /* workers of store_plain_start(), or NULL */
	struct store_label *labels; /* what people call the files, since store_fetch() */
	size_t n_labels, cap_labels;
};

/* "store/ab/abcd….deb", "store/partial/abcd…" and "plain/…", below store.fd; return new. */
char *store_name(const struct store *s, const char *sha256);
char *partial_name(const struct store *s, const char *sha256);
char *plain_name(const char *sha256);

/* What people call the file: its name of store_fetch(), else its digest. Borrowed. */
const char *store_label(const struct store *s, const char *sha256);

/* True when the store has it, of this size. One of another size is removed. */
bool store_has(struct store *s, const char *sha256, uint64_t size);

/*
 * A download that is not complete. It is locked while it is open, so that two kbuilds never write
 * to one file; what was loaded stays when it is closed, for the next run.
 */
struct partial {
	int fd;			       /* -1: not open */
	const struct store_item *item; /* borrowed */
	char *name;
	uint64_t size;	     /* loaded so far */
	struct sha256 *hash; /* over these bytes */
};
#define PARTIAL_INIT                                                                               \
	{                                                                                          \
		.fd = -1                                                                           \
	}

#define PARTIAL_BUSY 1 /* another kbuild is loading it */
#define PARTIAL_HAVE 2 /* it is in the store by now */
int partial_open(
	struct partial *p, struct store *s, const struct store_item *item, struct error *e);
/* 0 or -errno; after a failure only the bytes counted in size are there. */
int partial_add(struct partial *p, const void *data, size_t len);
int partial_restart(struct partial *p); /* empties it; 0 or -errno */
void partial_close(struct partial *p);

#define PARTIAL_WRONG 1 /* the digest differs; it was emptied */
/* The file is as large as it must be: compares the digest. 0, PARTIAL_WRONG or -errno. */
int partial_check(struct partial *p);
/* Moves checked files into the store, durably. They stay open: locked until they have their names. */
int partials_move_in(struct partial *parts, size_t n, struct store *s, struct error *e);

/* Loads all n items, of which none was in the store a moment ago. */
int fetch_all(struct store *s, const struct store_item *const *items, size_t n, struct progress *p,
	struct error *e);

void pool_free(struct pool *p); /* stops the workers */
