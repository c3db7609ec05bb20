/*
 * The store: files by SHA-256, below CACHE/store, shared by all projects of a user. A file is in
 * it only when it is whole and its digest was compared; a kill at any instant leaves at most a
 * partial download, which the next run resumes.
 *
 *   store/ab/abcd….deb     a package as its archive serves it
 *   store/partial/abcd…    a download that is not complete
 *   plain/ab/abcd….deb     the same package with uncompressed members, made once
 *   plain/ab/abcd….sum     the SHA-256 of that file
 *   blobs/ab/abcd…         a manifest, configuration or layer of a container image
 *   blobs/partial/abcd…
 */
#pragma once

#include "base.h"

struct error;
struct http_header;
struct progress;
struct store;

/*
 * What a server wants to see before it gives a file. Asked before each attempt, so that a token that has
 * run out meanwhile is made anew.
 */
struct store_access {
	/* Headers in *ret, ended by {} and borrowed until the next call. Negative ends the whole fetch. */
	int (*headers)(void *arg, const struct http_header **ret, struct error *e);
	void *arg;
};

struct store_item {
	const char *name;		   /* for people: "apt 3.0.3" */
	const char *sha256;		   /* lower-case hex */
	uint64_t size;			   /* bytes */
	const char *const *urls;	   /* NULL-terminated, tried in order */
	const struct store_access *access; /* NULL: nothing is wanted */
};

/* Packages. Returns new. */
int store_open(struct store **ret, const char *cache_dir, struct error *e);
/* Parts of container images: all but what makes plain forms works for them, too. Returns new. */
int store_open_blobs(struct store **ret, const char *cache_dir, struct error *e);
void store_close(struct store *s);
DEFINE_CLEANUP(struct store *, store_close);

/*
 * Makes sure that all items are in the store: downloads what is missing, in parallel, resuming
 * what was begun. offline: ERR_NETWORK naming what is missing. A server that stalls, refuses, sends
 * HTML or the wrong bytes is tried a few times with growing pauses, then ERR_NETWORK (ERR_LOCK when
 * the bytes came whole but do not match), naming the URL and the reason. Nothing wrong is kept.
 * $KBUILD_STALL_SECONDS (20) and $KBUILD_RETRY_PAUSE_MS (500) are for tests and for bad lines.
 */
int store_fetch(struct store *s, const struct store_item *items, size_t n, bool offline,
	struct progress *p, struct error *e);

/*
 * Reads a stored file again and compares, for --verify. A damaged one is removed; ERR_LOCK then says
 * to run again.
 */
int store_verify(struct store *s, const char *sha256, struct error *e);

/* Removes a file whose bytes were read and are others; ERR_LOCK, saying so and to run again. */
int store_damaged(struct store *s, const char *sha256, struct error *e);

/*
 * Reading a stored package failed with e: when its bytes are damaged, that is the better message, and
 * the file is removed. Returns negative in any case.
 */
int store_blame(struct store *s, const char *sha256, struct error *e);

/* The path of a file in the store; returns new. It may not exist. */
char *store_path(const struct store *s, const char *sha256);

/*
 * The path of the package with uncompressed members (an equal .deb that dpkg reads several times
 * faster); made when absent, from bytes whose digest was just compared. Safe from several threads,
 * but not while store_plain_start() or _join() run. Returns new.
 */
int store_plain(struct store *s, const char *sha256, char **ret_path, struct error *e);

/*
 * Makes the plain form of all of them in worker threads, in order; store_plain() then waits for
 * the one it is asked for. store_plain_join() stops the workers and returns the first error.
 */
int store_plain_start(struct store *s, const char *const *sha256, size_t n, struct error *e);
int store_plain_join(struct store *s, struct error *e);
