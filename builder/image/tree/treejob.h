/*
 * Inside of the making of one tree: what its phases share. Only tree.c, essentials.c and unpack.c
 * include this.
 */
#pragma once

#include "base.h"
#include "chroot.h"
#include "work.h"

struct arena;
struct error;
struct order_package;
struct tree_request;

struct job {
	const struct tree_request *q;
	struct arena *arena;
	struct order_package *order; /* of each locked package, in its order; in the arena */
	unsigned levels;
	struct work work; /* WORK/entry/root is the tree */
	char *root;
	int root_fd;
	char *plain;		     /* CACHE/plain, without symlinks in it */
	struct chroot_bind binds[2]; /* it, in the tree; and the end */
};

/*
 * unpack.c: reads the control files, decides the order of all that is not essential, and sets the
 * store's workers on making the plain forms in the order in which they will be asked for.
 */
int unpack_prepare(struct job *j, struct error *e);
/* Unpacks all that is not essential, in order. */
int unpack_rest(struct job *j, struct error *e);
/* Configures all that was unpacked. */
int configure_rest(struct job *j, struct error *e);
/*
 * One transaction: dpkg with these options (NULL-terminated) on the packages v[0..n), given as
 * indexes into the lock. count: see struct dpkg.
 */
struct transaction {
	const char *title;
	const char *const *options;
	const char *count;
	const size_t *v;
	size_t n;
};
int transaction_run(struct job *j, const struct transaction *t, struct error *e);

/* essentials.c: from an empty directory to a tree in which dpkg works. */
int essentials_install(struct job *j, struct error *e);
