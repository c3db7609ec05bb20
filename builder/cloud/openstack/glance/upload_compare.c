/* Whether the bytes that a service keeps are ours, by whatever hash it has of them. */
#include "upload_parts.h"

#include "alloc.h"
#include "arena.h"
#include "digest.h"
#include "provider.h"
#include "upload_hash.h"

#include <errno.h>
#include <unistd.h>

int upload_know_hash(struct upload *u, struct error *e)
{
	const char *hex;

	if (u->sha512)
		return 0;
	if (!u->hash)
		u->hash = upload_hash_start(u->fd, u->size);
	if (!upload_hash_ready(u->hash))
		return HASH_WAIT;
	hex = upload_hash_hex(u->hash);
	if (!hex)
		return error_set(e, ERR_FAILED, "%s cannot be read to its end", u->q->disk);
	u->sha512 = arena_strdup(u->a, hex);
	return 0;
}

/* Services from before 2018 know MD5 only. Rare enough to read the file once more. */
static int compare_md5(struct upload *u, const char *want, struct error *e)
{
	_cleanup_(md5_freep) struct md5 *sum = md5_new();
	_free_ char *block = xmalloc(MIB);
	char hex[MD5_HEX];
	uint64_t at = 0;

	while (at < u->size) {
		ssize_t n = pread(u->fd, block, MIN(MIB, u->size - at), (off_t)at);

		if (n <= 0)
			return error_errno(e, n < 0 ? errno : ENODATA, "reading %s", u->q->disk);
		md5_add(sum, block, (size_t)n);
		at += (uint64_t)n;
	}
	md5_end(sum, hex);
	return strcmp(hex, want) == 0 ? 0 : BYTES_DIFFER;
}

int upload_compare(struct upload *u, const struct glance_image *i, struct error *e)
{
	int r;

	if (i->size != (int64_t)u->size)
		return BYTES_DIFFER;
	r = upload_know_hash(u, e);
	if (r != 0)
		return r;
	if (i->hash_value && i->hash_algo && strcmp(i->hash_algo, "sha512") == 0)
		return strcmp(i->hash_value, u->sha512) == 0 ? 0 : BYTES_DIFFER;
	return i->checksum ? compare_md5(u, i->checksum, e) : BYTES_UNKNOWN;
}
