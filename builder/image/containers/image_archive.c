/* See image_archive.h. Headers are ustar's, and hold nothing of the machine or of the time. */
#include "image_archive.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "image_manifest.h"
#include "image_ref.h"
#include "interrupt.h"
#include "json.h"
#include "progress.h"
#include "store.h"
#include "tarball.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 512
#define PIECE (1 * MIB)

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
	char magic[8], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar's header is one block");

struct image_archive {
	int fd;
	struct store *blobs;
	struct progress *progress;
	struct arena *arena;
	const char **there; /* digests that are in it */
	size_t n, cap;
	struct buf manifest; /* manifest.json, growing */
};

struct image_archive *image_archive_new(int fd, struct store *blobs, struct progress *p)
{
	struct image_archive *w = xcalloc(1, sizeof *w);

	*w = (struct image_archive){
		.fd = fd, .blobs = blobs, .progress = p, .arena = arena_new()
	};
	buf_addc(&w->manifest, '[');
	return w;
}

void image_archive_free(struct image_archive *w)
{
	if (!w)
		return;
	arena_free(w->arena);
	free(w->there);
	buf_free(&w->manifest);
	free(w);
}

static void octal(char *to, size_t len, uint64_t value)
{
	for (size_t i = len - 1; i > 0; i--, value >>= 3)
		to[i - 1] = (char)('0' + (value & 7));
}

static void fill_header(struct header *h, const char *name, uint64_t size)
{
	unsigned sum = 0;

	*h = (struct header){ .type = '0' };
	snprintf(h->name, sizeof h->name, "%s", name);
	octal(h->mode, sizeof h->mode, 0644);
	octal(h->uid, sizeof h->uid, 0);
	octal(h->gid, sizeof h->gid, 0);
	octal(h->size, sizeof h->size, size);
	octal(h->mtime, sizeof h->mtime, 0);
	memcpy(h->magic, "ustar\00000", 8);
	memset(h->sum, ' ', sizeof h->sum);
	for (size_t i = 0; i < sizeof *h; i++)
		sum += ((const unsigned char *)h)[i];
	octal(h->sum, sizeof h->sum - 1, sum);
}

static int pad(int fd, uint64_t size)
{
	static const char zeros[BLOCK];
	size_t rest = (size_t)(size % BLOCK);

	return rest ? fd_write(fd, zeros, BLOCK - rest) : 0;
}

static int add_bytes(
	struct image_archive *w, const char *name, const void *data, size_t len, struct error *e)
{
	struct header h;
	int r;

	fill_header(&h, name, len);
	r = fd_write(w->fd, &h, sizeof h);
	if (r == 0)
		r = fd_write(w->fd, data, len);
	if (r == 0)
		r = pad(w->fd, len);
	return r < 0 ? error_errno(e, r, "writing the container images") : 0;
}

/* All bytes of the blob, hashed on the way: they are compared each time that they are used. */
static int copy_bytes(int from, int to, char ret_hex[SHA256_HEX], uint64_t *ret_size)
{
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();
	_free_ char *piece = xmalloc(PIECE);

	*ret_size = 0;
	for (;;) {
		ssize_t n = read(from, piece, PIECE);
		int r;

		if (interrupted())
			return -ECANCELED;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			sha256_end(h, ret_hex);
			return n < 0 ? -errno : 0;
		}
		sha256_add(h, piece, (size_t)n);
		r = fd_write(to, piece, (size_t)n);
		if (r < 0)
			return r;
		*ret_size += (uint64_t)n;
	}
}

/* Unpacks a blob that engines may not be able to read; it is compared first. */
static int unpack_bytes(int from, uint64_t size, int to, uint64_t *ret_size, struct error *e)
{
	const struct tar_source source = { .fd = from, .size = size, .suffix = "zst" };

	return tar_decompress(&source, to, ret_size, e);
}

static int write_blob(struct image_archive *w, const struct image_blob *b, int from,
	uint64_t *ret_size, struct error *e)
{
	char hex[SHA256_HEX];
	int r;

	if (b->zstd) {
		r = store_verify(w->blobs, b->sha256, e);
		return r < 0 ? r : unpack_bytes(from, b->size, w->fd, ret_size, e);
	}
	r = copy_bytes(from, w->fd, hex, ret_size);
	if (r < 0)
		return error_errno(e, r, "copying a part of a container image");
	return strcmp(hex, b->sha256) == 0 ? 0 : store_damaged(w->blobs, b->sha256, e);
}

/* A blob under its digest, unless it is there. The header is written last: then the size is known. */
static int add_blob(
	struct image_archive *w, const struct image_blob *b, const char **ret_name, struct error *e)
{
	const char *name = arena_printf(w->arena, "blobs/sha256/%s", b->sha256);
	_free_ char *path = store_path(w->blobs, b->sha256);
	_close_ int from = -1;
	off_t at = lseek(w->fd, 0, SEEK_CUR);
	struct header h = {};
	uint64_t size;
	int r;

	*ret_name = name;
	for (size_t i = 0; i < w->n; i++) {
		if (strcmp(w->there[i], name) == 0)
			return 0;
	}
	from = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0)
		return error_errno(e, errno, "opening %s", path);
	r = fd_write(w->fd, &h, sizeof h);
	if (r < 0)
		return error_errno(e, r, "writing the container images");
	r = write_blob(w, b, from, &size, e);
	if (r < 0)
		return r;
	if (size > LAYER_SIZE_MAX)
		return error_set(e, ERR_FAILED, "a layer has more than 8 GiB");
	fill_header(&h, name, size);
	r = fd_write_at(w->fd, &h, sizeof h, (uint64_t)at);
	if (r == 0)
		r = pad(w->fd, size);
	if (r < 0)
		return error_errno(e, r, "writing the container images");
	w->there = grow(w->there, w->n, &w->cap, sizeof *w->there);
	w->there[w->n++] = name;
	progress_advance(w->progress, b->size);
	return 0;
}

/* In full: docker itself shortens what it shows. */
static void add_tag(struct buf *out, const struct image_ref *ref)
{
	_buf_ name = BUF_INIT;

	buf_printf(&name, "%s/%s:%s", ref->registry, ref->repository, ref->tag);
	json_write_string(out, buf_str(&name), name.len);
}

int image_archive_add(struct image_archive *w, const struct image_ref *ref,
	const struct image_manifest *m, struct error *e)
{
	struct buf *out = &w->manifest;
	const char *name;
	int r = add_blob(w, &m->config, &name, e);

	if (r < 0)
		return r;
	buf_printf(out, "%s{\"Config\":\"%s\",\"RepoTags\":[", out->len > 1 ? "," : "", name);
	if (ref->tag && !ref->sha256)
		add_tag(out, ref);
	buf_adds(out, "],\"Layers\":[");
	for (size_t i = 0; i < m->n && r == 0; i++) {
		r = add_blob(w, &m->layers[i], &name, e);
		buf_printf(out, "%s\"%s\"", i ? "," : "", name);
	}
	buf_adds(out, "]}");
	return r;
}

int image_archive_end(struct image_archive *w, struct error *e)
{
	static const char end[2 * BLOCK];
	int r;

	buf_adds(&w->manifest, "]\n");
	r = add_bytes(w, "manifest.json", w->manifest.data, w->manifest.len, e);
	if (r < 0)
		return r;
	r = fd_write(w->fd, end, sizeof end);
	return r < 0 ? error_errno(e, r, "writing the container images") : 0;
}
