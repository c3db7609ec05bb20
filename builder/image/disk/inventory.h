/*
 * All that is in a tree, read once before anything is written: names in order, one entry an inode
 * however many names it has, inode numbers, and how much room it takes. So that a disk that is
 * too small is known at once, and the order of the host's directories never reaches the image.
 */
#pragma once

#include "base.h"

struct arena;
struct error;

struct inv_inode {
	uint32_t ino; /* in the image */
	uint16_t mode;
	uint32_t uid, gid, links; /* links: names inside the tree (directories: as ext4 counts) */
	uint64_t size, room;	  /* bytes; room: about what its data takes on disk */
	uint64_t rdev;
	int64_t mtime;
	uint32_t mtime_ns;
	bool written;
};

struct inv_node {
	const char *name; /* "" for the root */
	struct inv_inode *inode;
	struct inv_node *child; /* directories: n of them, sorted by name as bytes */
	size_t n;
};

struct inventory {
	struct inv_node root;
	uint64_t inodes; /* number of them */
	uint64_t blocks; /* of 4 KiB, an upper bound */
	uint64_t bytes;	 /* of data, for progress */
};

/*
 * Reads the tree below the directory fd. Inode numbers: root gets root_ino, the rest first_ino
 * and up. A top-level lost+found is replaced by an empty one, made when absent; the root directory
 * itself is 0755, of root, at the epoch. Lives in a.
 */
struct inventory_request {
	int fd;
	const char *path; /* for messages */
	uint32_t root_ino, first_ino;
	int64_t epoch; /* later times are clamped to it */
};
int inventory_read(
	struct inventory *inv, struct arena *a, const struct inventory_request *q, struct error *e);

#define LOST_FOUND	  "lost+found"
#define LOST_FOUND_BLOCKS 4
