/* See pack.h. */
#include "pack.h"

#include "age.h"
#include "alloc.h"
#include "compress.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"

#include <errno.h>
#include <string.h>

/* zstd's own default: 19 would make files a fifth smaller and take forty times as long. */
#define LEVEL 3
/* One beside the caller, who scans, encrypts and hashes: a small server has two cores. */
#define THREADS 1
#define BLOCK	(256 * KIB)

struct pack {
	int fd;
	struct sha256 *sha;
	uint64_t size;
	struct age_encrypt *age; /* NULL: not encrypted */
	struct compress *compress;
};

static int write_out(void *arg, const void *data, size_t len, struct error *e)
{
	struct pack *p = arg;
	int r = fd_write(p->fd, data, len);

	if (r < 0) {
		error_errno(e, r, "cannot write the backup");
		return r == -ENOSPC || r == -EDQUOT ? error_transient(e) : -e->code;
	}
	sha256_add(p->sha, data, len);
	p->size += len;
	return 0;
}

static int encrypt_out(void *arg, const void *data, size_t len, struct error *e)
{
	struct pack *p = arg;

	return p->age ? age_encrypt_add(p->age, data, len, e) : write_out(p, data, len, e);
}

int pack_new(struct pack **ret, int fd, const struct age_recipient *recipients, size_t n,
	struct error *e)
{
	_cleanup_(pack_freep) struct pack *p = xcalloc(1, sizeof *p);
	int r = 0;

	p->fd = fd;
	p->sha = sha256_new();
	p->compress = compress_new(LEVEL, THREADS, encrypt_out, p);
	if (n > 0)
		r = age_encrypt_new(&p->age, recipients, n, write_out, p, e);
	if (r < 0)
		return r;
	*ret = TAKE(p);
	return 0;
}

int pack_add(struct pack *p, const void *data, size_t len, struct error *e)
{
	return compress_add(p->compress, data, len, e);
}

int pack_end(struct pack *p, char *ret_sha256, uint64_t *ret_size, struct error *e)
{
	int r = compress_end(p->compress, e);

	if (r >= 0 && p->age)
		r = age_encrypt_end(p->age, e);
	if (r < 0)
		return r;
	if (fsync(p->fd) < 0)
		return error_errno(e, errno, "cannot write the backup");
	sha256_end(p->sha, ret_sha256);
	*ret_size = p->size;
	return 0;
}

void pack_free(struct pack *p)
{
	if (p->compress)
		compress_free(p->compress);
	if (p->age)
		age_encrypt_free(p->age);
	sha256_free(p->sha);
	free(p);
}

struct opening {
	struct age_decrypt *age;
	struct decompress *plain;
};

static int decompress_out(void *arg, const void *data, size_t len, struct error *e)
{
	struct opening *o = arg;

	return decompress_add(o->plain, data, len, e);
}

static int open_block(struct opening *o, const void *data, size_t len, struct error *e)
{
	if (!o->plain)
		return 0;
	return o->age ? age_decrypt_add(o->age, data, len, e)
		      : decompress_add(o->plain, data, len, e);
}

static int open_end(struct opening *o, struct error *e)
{
	int r = o->age ? age_decrypt_end(o->age, e) : 0;

	return r >= 0 && o->plain ? decompress_end(o->plain, e) : r;
}

static int read_blocks(int fd, struct opening *o, struct sha256 *sha, struct error *e)
{
	_free_ char *block = xmalloc(BLOCK);
	off_t at = 0;
	ssize_t n;
	int r = 0;

	while (r >= 0 && (n = pread(fd, block, BLOCK, at)) != 0) {
		if (interrupted())
			return error_set(e, ERR_INTERRUPTED, "interrupted");
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(e, errno, "cannot read the backup");
		sha256_add(sha, block, (size_t)n);
		at += n;
		r = open_block(o, block, (size_t)n, e);
	}
	return r;
}

static int unpack_with(int fd, const char *sha256, struct opening *o, struct error *e)
{
	_cleanup_(sha256_freep) struct sha256 *sha = sha256_new();
	char got[SHA256_HEX];
	int r = read_blocks(fd, o, sha, e);

	if (r < 0)
		return r;
	sha256_end(sha, got);
	if (sha256 && strcmp(got, sha256) != 0)
		return error_set(
			e, ERR_LOCK, "the file is damaged: its SHA-256 is %s, not %s", got, sha256);
	return open_end(o, e);
}

int unpack(int fd, const char *sha256, const struct unpack_how *how, struct error *e)
{
	_cleanup_(decompress_freep) struct decompress *plain = NULL;
	_cleanup_(age_decrypt_freep) struct age_decrypt *age = NULL;
	struct opening o = { 0 };
	int r = 0;

	if (how->out)
		o.plain = plain = decompress_new(how->out, how->arg);
	if (how->out && how->n > 0) {
		r = age_decrypt_new(&age, how->identities, how->n, decompress_out, &o, e);
		o.age = age;
	}
	return r < 0 ? r : unpack_with(fd, sha256, &o, e);
}
