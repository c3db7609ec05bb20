/* Gathering and writing blocks. */
#include "blockout.h"

#include "alloc.h"
#include "error.h"
#include "ext4.h"
#include "fd.h"

#include <fcntl.h>
#include <string.h>

#define GATHER	    (4 * MIB)
#define START_EVERY (64 * MIB)

void blockout_init(struct blockout *o, int fd, uint64_t offset)
{
	*o = (struct blockout){ .fd = fd, .offset = offset, .data = xmalloc(GATHER) };
}

void blockout_free(struct blockout *o)
{
	free(o->data);
	o->data = NULL;
}

static int write_out(
	struct blockout *o, uint64_t block, const void *data, size_t len, struct error *e)
{
	int r = fd_write_at(o->fd, data, len, o->offset + block * EXT4_BLOCK);

	if (r < 0)
		return error_errno(e, r, "cannot write the disk image");
	o->flushed += len;
	if (o->flushed - o->started >= START_EVERY) {
		sync_file_range(o->fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* a hint; fsync comes later */
		o->started = o->flushed;
	}
	return 0;
}

int blockout_flush(struct blockout *o, struct error *e)
{
	size_t len = o->len;

	o->len = 0;
	return len ? write_out(o, o->first, o->data, len, e) : 0;
}

int blockout_put(struct blockout *o, uint64_t block, const void *data, size_t len, struct error *e)
{
	size_t pad = (EXT4_BLOCK - len % EXT4_BLOCK) % EXT4_BLOCK;

	if (o->len > 0 &&
		(o->first + o->len / EXT4_BLOCK != block || o->len + len + pad > GATHER)) {
		int r = blockout_flush(o, e);

		if (r < 0)
			return r;
	}
	if (len + pad > GATHER / 4 && pad == 0) /* large already: no copy */
		return write_out(o, block, data, len, e);
	if (o->len == 0)
		o->first = block;
	memcpy(o->data + o->len, data, len);
	memset(o->data + o->len + len, 0, pad);
	o->len += len + pad;
	return 0;
}
