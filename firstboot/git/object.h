/*
 * The two kinds of git objects that are read here, by their bytes: commits (who, when, what was signed) and
 * trees. Foreign bytes: strict, bounded, fuzzed.
 */
#pragma once

#include "base.h"
#include "client.h"

struct arena;
struct buf;

struct commit {
	char tree[REPO_SHA];
	const char *author, *subject; /* shortened, printable; in the arena */
	int64_t time;		      /* of the commit */
};

/* False when it is no commit. */
bool commit_parse(const char *data, size_t len, struct arena *a, struct commit *ret);

#define COMMIT_UNSIGNED 1

/*
 * Splits a signed commit into what was signed and the signature. 0, COMMIT_UNSIGNED, or -EINVAL: no commit,
 * or with two signatures.
 */
int commit_signature(
	const char *data, size_t len, struct buf *ret_payload, struct buf *ret_signature);

enum tree_kind { TREE_FILE, TREE_PROGRAM, TREE_LINK, TREE_DIRECTORY, TREE_SUBMODULE };

struct tree_entry {
	enum tree_kind kind;
	const char *name; /* borrowed from the data */
	char sha[REPO_SHA];
};

/* The entry at *pos, which is moved on. 1; 0 at the end; -EINVAL: it is no tree. */
int tree_next(const char *data, size_t len, size_t *pos, struct tree_entry *ret);

/*
 * Whether a name may be written: one component, UTF-8 without control characters and backslashes, and nothing
 * that some file system takes for ".git" or ".." (case, HFS+'s invisible characters, NTFS's dots, streams and
 * short names).
 */
bool tree_name_good(const char *name);

/*
 * Whether a link's target, by its text, stays in the tree: relative, with no more ".." at its start than
 * there are directories above the link, and none after that.
 */
bool tree_target_good(const char *target, unsigned depth);
