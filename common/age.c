/*
 * The payload of age files: a nonce of 16 bytes, then chunks of 64 KiB, each sealed on its own. A
 * chunk's nonce is its number and whether it is the last one, so chunks can be neither exchanged nor
 * cut off unnoticed. That is also why a full chunk is held back until it is known whether more comes.
 */
#include "age.h"

#include "age_header.h"
#include "alloc.h"
#include "buf.h"
#include "crypt.h"
#include "error.h"
#include "fd.h"

#include <inttypes.h>
#include <string.h>

#define CHUNK	     (64 * KIB)
#define SEALED_CHUNK (CHUNK + CRYPT_TAG_SIZE)
#define NONCE_SIZE   16 /* of the payload, from which its key comes */

int age_out_fd(void *arg, const void *data, size_t len, struct error *e)
{
	const int *fd = arg;
	int r = fd_write(*fd, data, len);

	return r < 0 ? error_errno(e, r, "writing") : 0;
}

int age_out_buf(void *arg, const void *data, size_t len, _unused_ struct error *e)
{
	buf_add(arg, data, len);
	return 0;
}

/* What both directions have: a chunk that fills, its number, and where results go. */
struct stream {
	struct crypt_aead *aead;
	age_out out;
	void *arg;
	uint64_t number;
	size_t len; /* bytes in chunk */
	unsigned char chunk[SEALED_CHUNK], result[SEALED_CHUNK];
};

static void stream_key(struct stream *s, const unsigned char file_key[AGE_FILE_KEY_SIZE],
	const unsigned char nonce[NONCE_SIZE])
{
	struct crypt_hkdf h = { .secret = file_key,
		.secret_len = AGE_FILE_KEY_SIZE,
		.salt = nonce,
		.salt_len = NONCE_SIZE,
		.info = "payload" };
	unsigned char key[CRYPT_KEY_SIZE];

	crypt_hkdf(&h, key);
	s->aead = crypt_aead_new(key);
	crypt_wipe(key, sizeof key);
}

/* Eleven bytes of the number, big-endian, and one that says whether it is the last. */
static void stream_nonce(const struct stream *s, bool last, unsigned char ret[CRYPT_NONCE_SIZE])
{
	memset(ret, 0, CRYPT_NONCE_SIZE);
	for (unsigned i = 0; i < 8; i++)
		ret[10 - i] = (unsigned char)(s->number >> (8 * i));
	ret[11] = last;
}

static void stream_wipe(struct stream *s)
{
	crypt_aead_free(s->aead);
	crypt_wipe(s->chunk, sizeof s->chunk);
	crypt_wipe(s->result, sizeof s->result);
}

struct age_encrypt {
	struct stream s;
};

void age_encrypt_free(struct age_encrypt *a)
{
	if (!a)
		return;
	stream_wipe(&a->s);
	free(a);
}

int age_encrypt_new(struct age_encrypt **ret, const struct age_recipient *v, size_t n, age_out out,
	void *arg, struct error *e)
{
	_cleanup_(age_encrypt_freep) struct age_encrypt *a = NULL;
	unsigned char file_key[AGE_FILE_KEY_SIZE], nonce[NONCE_SIZE];
	_buf_ header = BUF_INIT;
	int r;

	if (n < 1 || n > AGE_RECIPIENTS_MAX)
		return error_set(e, ERR_INVALID, "encryption is for 1 to %d recipients, not %zu",
			AGE_RECIPIENTS_MAX, n);
	a = xcalloc(1, sizeof *a);
	a->s.out = out;
	a->s.arg = arg;
	crypt_random(file_key, sizeof file_key);
	crypt_random(nonce, sizeof nonce);
	age_header_write(v, n, file_key, &header);
	stream_key(&a->s, file_key, nonce);
	crypt_wipe(file_key, sizeof file_key);
	buf_add(&header, nonce, sizeof nonce);
	r = out(arg, header.data, header.len, e);
	if (r < 0)
		return r;
	*ret = TAKE(a);
	return 0;
}

static int seal_chunk(struct stream *s, const void *data, size_t len, bool last, struct error *e)
{
	unsigned char nonce[CRYPT_NONCE_SIZE];

	stream_nonce(s, last, nonce);
	crypt_aead_seal(s->aead, nonce, data, len, s->result);
	s->number++;
	return s->out(s->arg, s->result, len + CRYPT_TAG_SIZE, e);
}

int age_encrypt_add(struct age_encrypt *a, const void *data, size_t len, struct error *e)
{
	struct stream *s = &a->s;
	const char *p = data;

	while (len > 0) {
		size_t n = MIN(len, CHUNK - s->len);
		/* Whole chunks of a large piece are sealed from where they are. */
		bool direct = s->len == 0 && len > CHUNK;
		int r = 0;

		if (direct) {
			r = seal_chunk(s, p, CHUNK, false, e);
		} else if (s->len == CHUNK) {
			r = seal_chunk(s, s->chunk, CHUNK, false, e);
			s->len = 0;
			n = 0;
		} else {
			memcpy(s->chunk + s->len, p, n);
			s->len += n;
		}
		if (r < 0)
			return r;
		p += n;
		len -= n;
	}
	return 0;
}

int age_encrypt_end(struct age_encrypt *a, struct error *e)
{
	return seal_chunk(&a->s, a->s.chunk, a->s.len, true, e);
}

struct age_decrypt {
	struct stream s;
	struct buf header; /* until it is whole, with what came behind it */
	struct age_identity *identities;
	size_t n_identities;
};

void age_decrypt_free(struct age_decrypt *a)
{
	if (!a)
		return;
	stream_wipe(&a->s);
	crypt_wipe(a->identities, a->n_identities * sizeof *a->identities);
	free(a->identities);
	buf_free(&a->header);
	free(a);
}

int age_decrypt_new(struct age_decrypt **ret, const struct age_identity *v, size_t n, age_out out,
	void *arg, struct error *e)
{
	struct age_decrypt *a;

	if (n < 1)
		return error_set(e, ERR_INVALID, "decryption needs a key");
	a = xcalloc(1, sizeof *a);
	a->s.out = out;
	a->s.arg = arg;
	a->identities = xcalloc(n, sizeof *v);
	memcpy(a->identities, v, n * sizeof *v);
	a->n_identities = n;
	*ret = a;
	return 0;
}

static int open_chunk(struct stream *s, const void *data, size_t len, bool last, struct error *e)
{
	unsigned char nonce[CRYPT_NONCE_SIZE];

	stream_nonce(s, last, nonce);
	if (!crypt_aead_open(s->aead, nonce, data, len, s->result)) {
		bool cut = false;

		/* A whole chunk that is sound, but not as the last one: what follows is missing. */
		if (last && len == SEALED_CHUNK) {
			stream_nonce(s, false, nonce);
			cut = crypt_aead_open(s->aead, nonce, data, len, s->result);
		}
		return error_set(e, ERR_INVALID,
			cut ? "cut off: its end is missing"
			    : "damaged: chunk %" PRIu64 " was changed or cut off",
			s->number + 1);
	}
	s->number++;
	return len > CRYPT_TAG_SIZE ? s->out(s->arg, s->result, len - CRYPT_TAG_SIZE, e) : 0;
}

static int add_payload(struct stream *s, const char *p, size_t len, struct error *e)
{
	while (len > 0) {
		size_t n = MIN(len, SEALED_CHUNK - s->len);
		int r = 0;

		if (s->len == 0 && len > SEALED_CHUNK) {
			r = open_chunk(s, p, SEALED_CHUNK, false, e);
		} else if (s->len == SEALED_CHUNK) {
			r = open_chunk(s, s->chunk, SEALED_CHUNK, false, e);
			s->len = 0;
			n = 0;
		} else {
			memcpy(s->chunk + s->len, p, n);
			s->len += n;
		}
		if (r < 0)
			return r;
		p += n;
		len -= n;
	}
	return 0;
}

/* Looks whether the header and the nonce behind it are there; then the rest is payload. */
static int open_header(struct age_decrypt *a, struct error *e)
{
	unsigned char file_key[AGE_FILE_KEY_SIZE];
	ssize_t len = age_header_length(a->header.data, a->header.len, e);
	size_t skip;
	int r;

	if (len < 0)
		return (int)len;
	skip = (size_t)len + NONCE_SIZE;
	if (len == 0 || a->header.len < skip)
		return 0;
	r = age_header_open(
		a->header.data, (size_t)len, a->identities, a->n_identities, file_key, e);
	if (r < 0)
		return r;
	stream_key(&a->s, file_key, (const unsigned char *)a->header.data + len);
	crypt_wipe(file_key, sizeof file_key);
	return add_payload(&a->s, a->header.data + skip, a->header.len - skip, e);
}

int age_decrypt_add(struct age_decrypt *a, const void *data, size_t len, struct error *e)
{
	const char *p = data;

	/* In pieces, so that a large first one is not copied into the header whole. */
	while (len > 0 && !a->s.aead) {
		size_t n = MIN(len, 4 * KIB);
		int r;

		buf_add(&a->header, p, n);
		r = open_header(a, e);
		if (r < 0)
			return r;
		p += n;
		len -= n;
	}
	return len > 0 ? add_payload(&a->s, p, len, e) : 0;
}

int age_decrypt_end(struct age_decrypt *a, struct error *e)
{
	if (!a->s.aead)
		return error_set(e, ERR_INVALID, "cut off: its header is not whole");
	/* Only a file without content ends in an empty chunk. */
	if (a->s.len <= CRYPT_TAG_SIZE && (a->s.number > 0 || a->s.len < CRYPT_TAG_SIZE))
		return error_set(e, ERR_INVALID, "cut off: its end is missing");
	return open_chunk(&a->s, a->s.chunk, a->s.len, true, e);
}

int age_seal(const struct age_recipient *v, size_t n, const void *data, size_t len, struct buf *ret,
	struct error *e)
{
	_cleanup_(age_encrypt_freep) struct age_encrypt *a = NULL;
	_buf_ out = BUF_INIT;
	int r = age_encrypt_new(&a, v, n, age_out_buf, &out, e);

	if (r == 0)
		r = age_encrypt_add(a, data, len, e);
	if (r == 0)
		r = age_encrypt_end(a, e);
	if (r == 0)
		buf_add(ret, out.data, out.len);
	return r;
}

int age_open(const struct age_identity *v, size_t n, const void *data, size_t len, struct buf *ret,
	struct error *e)
{
	_cleanup_(age_decrypt_freep) struct age_decrypt *a = NULL;
	_buf_ out = BUF_INIT;
	int r = age_decrypt_new(&a, v, n, age_out_buf, &out, e);

	if (r == 0)
		r = age_decrypt_add(a, data, len, e);
	if (r == 0)
		r = age_decrypt_end(a, e);
	if (r == 0)
		buf_add(ret, out.data, out.len);
	if (out.data)
		crypt_wipe(out.data, out.len);
	return r;
}
