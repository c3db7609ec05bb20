/*
 * Blocks on their way into the image: gathered while they follow each other, written in large
 * pieces, and started on their way to the disk early so that the last fsync finds little to do.
 */
#pragma once

#include "base.h"

struct error;

struct blockout {
	int fd;		 /* borrowed */
	uint64_t offset; /* bytes: where block 0 is */
	uint8_t *data;
	uint64_t first;		   /* block at data[0] */
	size_t len;		   /* bytes gathered */
	uint64_t flushed, started; /* bytes handed to the kernel; of these, sent to the disk */
};

void blockout_init(struct blockout *o, int fd, uint64_t offset);
/* Frees, writing nothing: the form for _cleanup_. */
void blockout_free(struct blockout *o);

/* Puts len bytes at a block; the rest of the last block becomes zeros. data is copied. */
int blockout_put(struct blockout *o, uint64_t block, const void *data, size_t len, struct error *e);
/* Writes what is gathered. */
int blockout_flush(struct blockout *o, struct error *e);
