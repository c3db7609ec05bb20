/*
 * An ext4 file system being made inside a file, at an offset, never mounted. This is the one door
 * to libext2fs: it formats, keeps bitmaps, inodes and checksums. What stands in the blocks of
 * directories and extent trees is built by ext4_dir.c and ext4_extent.c; files are put in by
 * ext4_populate.c. Blocks are handed out in order, so the same calls give the same bytes.
 */
#pragma once

#include "base.h"

#define EXT4_BLOCK	4096
#define EXT4_ROOT_INO	2
#define EXT4_FIRST_INO	11	   /* of those that are ours to give: lost+found, then the tree */
#define EXT4_INDEX_FL	0x00001000 /* i_flags: directory with a hash index */
#define EXT4_EXTENTS_FL 0x00080000 /* i_flags: i_block holds an extent tree */
#define EXT4_I_BLOCK	60	   /* bytes of i_block */

struct error;
struct ext4;

struct ext4_options {
	const char *path; /* of the file; must exist and be zeros where the file system will be */
	uint64_t offset, size;		    /* bytes */
	const char *distribution, *release; /* whose e2fsck and GRUB must understand it */
	const char *label;
	const char *seed; /* UUID and hash seed derive from it */
	int64_t epoch;	  /* what "now" is */
	uint64_t inodes;  /* at least so many for files; more when the size suggests it */
};

/* Formats. Returns new. */
int ext4_format(struct ext4 **ret, const struct ext4_options *o, struct error *e);
/* Writes what is still in memory (superblocks, bitmaps, descriptors). No sync. */
int ext4_finish(struct ext4 *fs, struct error *e);
/* Frees, writing nothing. The form for _cleanup_. */
void ext4_free(struct ext4 *fs);
DEFINE_CLEANUP(struct ext4 *, ext4_free);

uint64_t ext4_free_blocks(const struct ext4 *fs);

/*
 * Takes the next run of free blocks, at most want. Returns its length (> 0) and start, or 0 when
 * the file system is full.
 */
uint32_t ext4_alloc(struct ext4 *fs, uint32_t want, uint64_t *ret_start);
/* Sets the error for that. The size was checked before, so it is rare. */
int ext4_full(struct error *e);

struct ext4_inode {
	uint16_t mode; /* with the type */
	uint32_t uid, gid, links, flags;
	uint64_t size, blocks; /* bytes; blocks of 4 KiB, those of the extent tree included */
	int64_t mtime;
	uint32_t mtime_ns;
	uint8_t block[EXT4_I_BLOCK];
};

/* Marks the inode used and writes it. Times but mtime are the epoch. */
int ext4_inode_write(struct ext4 *fs, uint32_t ino, const struct ext4_inode *in, struct error *e);

struct ext4_xattr {
	const char *name; /* with its prefix */
	const void *value;
	size_t len;
};

/* Adds extended attributes to an inode that was written; v is sorted by name. */
int ext4_xattrs_write(
	struct ext4 *fs, uint32_t ino, const struct ext4_xattr *v, size_t n, struct error *e);

/* CRC32C over an inode's metadata block, as metadata_csum wants it (generation 0). */
uint32_t ext4_csum(const struct ext4 *fs, uint32_t ino, const void *data, size_t len);
/* Goes on with a checksum. */
uint32_t ext4_csum_more(uint32_t csum, const void *data, size_t len);

/* The hash (half MD4, signed, keyed by the hash seed) that orders an indexed directory. */
void ext4_dirhash(const struct ext4 *fs, const char *name, size_t len, uint32_t *ret_hash,
	uint32_t *ret_minor);
