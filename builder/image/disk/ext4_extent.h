/* Extent trees: where the blocks of a file lie. Built whole, from the bottom, as narrow as can be. */
#pragma once

#include "base.h"

struct blockout;
struct error;
struct ext4;

#define EXTENT_LEN_MAX 32768 /* blocks; longer would mean "unwritten" */

struct extent {
	uint32_t logical; /* first block in the file */
	uint32_t len;	  /* blocks, at most EXTENT_LEN_MAX */
	uint64_t start;	  /* first block in the file system */
};

struct extents {
	struct extent *v;
	size_t n, cap;
	uint64_t blocks; /* sum of len */
};

/* Adds a run (split where too long); runs that continue the last one are joined to it. */
void extents_add(struct extents *x, uint32_t logical, uint64_t start, uint32_t len);

/*
 * Writes the tree of ino: the top into i_block, the rest into blocks taken from fs. ret_blocks:
 * how many those are. Full: ERR_FAILED.
 */
int extents_write(const struct extents *x, struct ext4 *fs, struct blockout *out, uint32_t ino,
	uint8_t *i_block, uint64_t *ret_blocks, struct error *e);
