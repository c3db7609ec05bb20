/*
 * One file of a backup, both ways.
 *
 *   packing    bytes → zstd → age (with recipients) → SHA-256 → the file
 *   unpacking  the file → SHA-256 → age → zstd → bytes
 *
 * Memory is some tens of megabytes, whatever the length.
 */
#pragma once

#include "base.h"

struct age_identity;
struct age_recipient;
struct error;
struct pack;

/* Writes at fd (borrowed). n 0: not encrypted. */
int pack_new(struct pack **ret, int fd, const struct age_recipient *recipients, size_t n,
	struct error *e);
int pack_add(struct pack *p, const void *data, size_t len, struct error *e);
/* The digest (64 digits and a NUL) and the size of what was written; fsynced. */
int pack_end(struct pack *p, char *ret_sha256, uint64_t *ret_size, struct error *e);
void pack_free(struct pack *p);
DEFINE_CLEANUP(struct pack *, pack_free);

typedef int (*unpack_out)(void *arg, const void *data, size_t len, struct error *e);

struct unpack_how {
	const struct age_identity *identities;
	size_t n;	/* 0: the file is not encrypted */
	unpack_out out; /* NULL: only the digest is asked for, nothing is opened */
	void *arg;
};

/*
 * Reads fd from its beginning to its end. That its digest is sha256 (NULL: not asked) is known only
 * when 0 is returned: what came out before is to be kept aside. ERR_LOCK: it is another file.
 */
int unpack(int fd, const char *sha256, const struct unpack_how *how, struct error *e);
