/*
 * The blocks of a directory, built whole from all of its entries at once: one plain block when
 * they fit, else a hash index (htree) over leaves in hash order, as the kernel would grow it.
 */
#pragma once

#include "base.h"

struct buf;
struct ext4;

struct dir_entry {
	const char *name; /* at most 255 bytes; neither "." nor ".." */
	uint32_t ino;
	uint8_t type; /* DT_* of dirent.h */
};

struct dir {
	uint32_t ino, parent;
	struct dir_entry *entries; /* sorted by name; not changed */
	size_t n;
	size_t min_blocks; /* lost+found keeps empty ones, so that e2fsck need not allocate */
};

/* Appends the blocks to out. Returns true when they form an index (EXT4_INDEX_FL is due). */
bool ext4_dir_build(const struct ext4 *fs, const struct dir *d, struct buf *out);
