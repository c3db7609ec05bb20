/* The one file that knows zlib. Several members after each other are one file, as gzip(1) has it. */
#include "gunzip.h"
#include "buf.h"

#include <errno.h>
#include <limits.h>
#include <zlib.h>

#define STEP	    (64 * KIB)
#define GZIP_WINDOW (15 + 16) /* zlib.h: the largest window, and 16 for a gzip header */

static int inflate_all(z_stream *z, size_t max, struct buf *out)
{
	size_t start = out->len;

	for (;;) {
		int r;

		z->next_out = (Bytef *)buf_reserve(out, STEP);
		z->avail_out = STEP;
		r = inflate(z, Z_NO_FLUSH);
		out->len += STEP - z->avail_out;
		out->data[out->len] = '\0';
		if (out->len - start > max)
			return -EFBIG;
		if (r == Z_STREAM_END) {
			if (z->avail_in == 0)
				return 0;
			r = inflateReset(z);
		}
		if (r != Z_OK)
			return -EBADMSG;
	}
}

int gunzip(const void *data, size_t len, size_t max, struct buf *out)
{
	z_stream z = { 0 };
	int r;

	if (len > UINT_MAX)
		return -EFBIG;
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
		return -EBADMSG;
	r = inflate_all(&z, max, out);
	inflateEnd(&z);
	return r;
}
