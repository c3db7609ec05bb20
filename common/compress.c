/* See compress.h. What libzstd cannot do for want of memory aborts, as everywhere. */
#include "compress.h"

#include "alloc.h"
#include "error.h"

#include <zstd.h>

#define OUT_SIZE (128 * KIB)
/*
 * Of each piece that a thread works on, and of the history it begins with: levels up to 9 look back at
 * most 8 MiB, and a few such pieces are in memory at a time.
 */
#define JOB_SIZE       (2 * MIB)
#define WINDOW_LOG     21 /* 2 MiB, what level 3 has by itself */
#define WINDOW_LOG_MAX 23 /* 8 MiB: what every decoder has to accept (RFC 8878, 3.1.1.1.2) */

struct compress {
	ZSTD_CCtx *z;
	compress_out out;
	void *arg;
	char block[OUT_SIZE];
};

struct compress *compress_new(int level, unsigned threads, compress_out out, void *arg)
{
	struct compress *c = xcalloc(1, sizeof *c);

	c->z = ZSTD_createCCtx();
	if (!c->z)
		abort();
	c->out = out;
	c->arg = arg;
	ZSTD_CCtx_setParameter(c->z, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(c->z, ZSTD_c_windowLog, WINDOW_LOG);
	ZSTD_CCtx_setParameter(c->z, ZSTD_c_checksumFlag, 1);
	/* Refused by a library without threads, which then works alone. */
	if (threads > 0 &&
		!ZSTD_isError(ZSTD_CCtx_setParameter(c->z, ZSTD_c_nbWorkers, (int)threads)))
		ZSTD_CCtx_setParameter(c->z, ZSTD_c_jobSize, (int)JOB_SIZE);
	return c;
}

static int push(struct compress *c, ZSTD_inBuffer *in, ZSTD_EndDirective how, struct error *e)
{
	size_t left;

	do {
		ZSTD_outBuffer out = { c->block, sizeof c->block, 0 };
		int r;

		left = ZSTD_compressStream2(c->z, &out, in, how);
		if (ZSTD_isError(left))
			return error_set(
				e, ERR_FAILED, "cannot compress: %s", ZSTD_getErrorName(left));
		r = out.pos ? c->out(c->arg, c->block, out.pos, e) : 0;
		if (r < 0)
			return r;
	} while (how == ZSTD_e_end ? left > 0 : in->pos < in->size);
	return 0;
}

int compress_add(struct compress *c, const void *data, size_t len, struct error *e)
{
	ZSTD_inBuffer in = { data, len, 0 };

	return push(c, &in, ZSTD_e_continue, e);
}

int compress_end(struct compress *c, struct error *e)
{
	ZSTD_inBuffer in = { NULL, 0, 0 };

	return push(c, &in, ZSTD_e_end, e);
}

void compress_free(struct compress *c)
{
	ZSTD_freeCCtx(c->z);
	free(c);
}

struct decompress {
	ZSTD_DCtx *z;
	compress_out out;
	void *arg;
	size_t expected; /* 0: a frame has just ended */
	bool any;
	char block[OUT_SIZE];
};

struct decompress *decompress_new(compress_out out, void *arg)
{
	struct decompress *d = xcalloc(1, sizeof *d);

	d->z = ZSTD_createDCtx();
	if (!d->z)
		abort();
	ZSTD_DCtx_setParameter(d->z, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	d->out = out;
	d->arg = arg;
	return d;
}

int decompress_add(struct decompress *d, const void *data, size_t len, struct error *e)
{
	ZSTD_inBuffer in = { data, len, 0 };
	bool full = false;

	/* A full block of output may have left more behind, though all input is taken. */
	while (in.pos < in.size || full) {
		ZSTD_outBuffer out = { d->block, sizeof d->block, 0 };
		size_t left = ZSTD_decompressStream(d->z, &out, &in);
		int r;

		if (ZSTD_isError(left))
			return error_set(e, ERR_LOCK, "not compressed by zstd, or damaged (%s)",
				ZSTD_getErrorName(left));
		d->expected = left;
		d->any = true;
		full = out.pos == out.size && left > 0;
		r = out.pos ? d->out(d->arg, d->block, out.pos, e) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int decompress_end(struct decompress *d, struct error *e)
{
	if (!d->any || d->expected != 0)
		return error_set(e, ERR_LOCK, "cut off");
	return 0;
}

void decompress_free(struct decompress *d)
{
	ZSTD_freeDCtx(d->z);
	free(d);
}
