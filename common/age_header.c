/*
 * Writing and reading the header of age files. Reading is strict where the format says so: canonical
 * base64 without padding, body lines of 64 columns with a shorter last one, one argument for X25519.
 * Stanzas of other kinds are skipped over, as the format asks, but must have the form of stanzas.
 */
#include "age_header.h"

#include "base64.h"
#include "buf.h"
#include "crypt.h"
#include "digest.h"
#include "error.h"

#include <string.h>

#define MAGIC	     "age-encryption.org/v1\n"
#define WRAPPED_SIZE (AGE_FILE_KEY_SIZE + CRYPT_TAG_SIZE)
#define COLUMNS	     64
#define KEY_DIGITS   43 /* base64 digits of 32 bytes, which all of them here are */

static const unsigned char zero_nonce[CRYPT_NONCE_SIZE];

static void add_base64(struct buf *out, const unsigned char bytes[32])
{
	base64_encode(bytes, 32, out);
	out->len--; /* its one '=' */
	out->data[out->len] = '\0';
}

static bool read_base64(const char *text, size_t len, unsigned char ret[32])
{
	_buf_ bytes = BUF_INIT, again = BUF_INIT;
	char padded[KEY_DIGITS + 1];
	bool ok;

	if (len != KEY_DIGITS)
		return false;
	memcpy(padded, text, KEY_DIGITS);
	padded[KEY_DIGITS] = '=';
	/* Written again and compared: no blanks, no second spelling of the same bytes. */
	ok = base64_decode(padded, sizeof padded, &bytes) && bytes.len == 32;
	if (ok)
		add_base64(&again, (const unsigned char *)bytes.data);
	ok = ok && again.len == len && memcmp(again.data, text, len) == 0;
	if (ok)
		memcpy(ret, bytes.data, 32);
	return ok;
}

/* The key that wraps the file key between these two. */
static struct crypt_aead *wrapping(const unsigned char shared[CRYPT_KEY_SIZE],
	const unsigned char ephemeral[CRYPT_KEY_SIZE],
	const unsigned char recipient[CRYPT_KEY_SIZE])
{
	unsigned char salt[2 * CRYPT_KEY_SIZE], key[CRYPT_KEY_SIZE];
	struct crypt_hkdf h = { .secret = shared,
		.secret_len = CRYPT_KEY_SIZE,
		.salt = salt,
		.salt_len = sizeof salt,
		.info = "age-encryption.org/v1/X25519" };
	struct crypt_aead *aead;

	memcpy(salt, ephemeral, CRYPT_KEY_SIZE);
	memcpy(salt + CRYPT_KEY_SIZE, recipient, CRYPT_KEY_SIZE);
	crypt_hkdf(&h, key);
	aead = crypt_aead_new(key);
	crypt_wipe(key, sizeof key);
	return aead;
}

static void header_mac(const unsigned char file_key[AGE_FILE_KEY_SIZE], const char *data,
	size_t len, unsigned char ret[CRYPT_KEY_SIZE])
{
	struct crypt_hkdf h = {
		.secret = file_key, .secret_len = AGE_FILE_KEY_SIZE, .info = "header"
	};
	unsigned char key[CRYPT_KEY_SIZE];

	crypt_hkdf(&h, key);
	hmac_sha256(key, sizeof key, data, len, ret);
	crypt_wipe(key, sizeof key);
}

static void write_stanza(const struct age_recipient *r,
	const unsigned char file_key[AGE_FILE_KEY_SIZE], struct buf *out)
{
	_cleanup_(crypt_aead_freep) struct crypt_aead *aead = NULL;
	unsigned char secret[CRYPT_KEY_SIZE], share[CRYPT_KEY_SIZE], shared[CRYPT_KEY_SIZE];
	unsigned char wrapped[WRAPPED_SIZE];

	crypt_random(secret, sizeof secret);
	crypt_x25519_public(secret, share);
	/* age_recipient_parse() let no key in for which this fails. */
	if (!crypt_x25519(secret, r->key, shared))
		abort();
	aead = wrapping(shared, share, r->key);
	crypt_aead_seal(aead, zero_nonce, file_key, AGE_FILE_KEY_SIZE, wrapped);
	buf_adds(out, "-> X25519 ");
	add_base64(out, share);
	buf_addc(out, '\n');
	add_base64(out, wrapped);
	buf_addc(out, '\n');
	crypt_wipe(secret, sizeof secret);
	crypt_wipe(shared, sizeof shared);
}

void age_header_write(const struct age_recipient *v, size_t n,
	const unsigned char file_key[AGE_FILE_KEY_SIZE], struct buf *out)
{
	size_t start = out->len;
	unsigned char mac[CRYPT_KEY_SIZE];

	buf_adds(out, MAGIC);
	for (size_t i = 0; i < n; i++)
		write_stanza(&v[i], file_key, out);
	buf_adds(out, "---");
	header_mac(file_key, out->data + start, out->len - start, mac);
	buf_addc(out, ' ');
	add_base64(out, mac);
	buf_addc(out, '\n');
}

ssize_t age_header_length(const char *data, size_t len, struct error *e)
{
	const char *mac, *end;

	if (memcmp(data, MAGIC, MIN(len, strlen(MAGIC))) != 0)
		return error_set(e, ERR_INVALID, "not an age file of version 1");
	mac = len > strlen(MAGIC) ? memmem(data, len, "\n---", 4) : NULL;
	end = mac ? memchr(mac + 1, '\n', len - (size_t)(mac + 1 - data)) : NULL;
	if (end && (size_t)(end + 1 - data) <= AGE_HEADER_MAX)
		return end + 1 - data;
	if (len >= AGE_HEADER_MAX)
		return error_set(e, ERR_INVALID, "not an age file: its header has no end");
	return 0;
}

/* What is left to read of a header: whole lines. */
struct cursor {
	const char *p, *end;
};

/* The next line without its newline, which is there: age_header_length() ends behind one. */
static size_t next_line(struct cursor *c, const char **ret)
{
	const char *newline = memchr(c->p, '\n', (size_t)(c->end - c->p));
	size_t len = newline ? (size_t)(newline - c->p) : (size_t)(c->end - c->p);

	*ret = c->p;
	c->p += len + (newline != NULL);
	return len;
}

static bool starts(const char *line, size_t len, const char *word)
{
	return len >= strlen(word) && memcmp(line, word, strlen(word)) == 0;
}

/* The words behind "-> " must be of visible ASCII, one blank between two. */
static bool words_valid(const char *line, size_t len)
{
	bool blank = true;

	for (size_t i = 0; i < len; i++) {
		bool space = line[i] == ' ';

		if ((space && blank) || (!space && (line[i] < 33 || line[i] > 126)))
			return false;
		blank = space;
	}
	return !blank;
}

/* Lines of exactly 64 columns, then a shorter one (perhaps empty). Gives the first one. */
static bool read_body(struct cursor *c, const char **ret_first, size_t *ret_len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	bool first = true;

	for (;;) {
		const char *line;
		size_t len;

		if (c->p >= c->end)
			return false;
		len = next_line(c, &line);
		for (size_t i = 0; i < len; i++) {
			if (!line[i] || !strchr(digits, line[i]))
				return false;
		}
		if (first) {
			*ret_first = line;
			*ret_len = len;
		}
		first = false;
		if (len != COLUMNS)
			return len < COLUMNS;
	}
}

struct stanza {
	unsigned char share[CRYPT_KEY_SIZE], wrapped[WRAPPED_SIZE];
};

#define STANZA_OTHER 1 /* of another kind */

static int read_stanza(struct cursor *c, struct stanza *ret, struct error *e)
{
	const char *line, *body;
	size_t len = next_line(c, &line), body_len = 0;
	bool ours;

	if (!starts(line, len, "-> ") || !words_valid(line + 3, len - 3) ||
		!read_body(c, &body, &body_len))
		return error_set(e, ERR_INVALID, "damaged: its header is not well-formed");
	ours = (len == 9 && starts(line, len, "-> X25519")) || starts(line, len, "-> X25519 ");
	if (!ours)
		return STANZA_OTHER;
	if (len < 10 || !read_base64(line + 10, len - 10, ret->share) ||
		!read_base64(body, body_len, ret->wrapped))
		return error_set(
			e, ERR_INVALID, "damaged: a recipient in its header is not well-formed");
	return 0;
}

static bool unwrap(
	const struct stanza *s, const struct age_identity *id, unsigned char ret[AGE_FILE_KEY_SIZE])
{
	_cleanup_(crypt_aead_freep) struct crypt_aead *aead = NULL;
	unsigned char shared[CRYPT_KEY_SIZE];
	struct age_recipient own;

	if (!crypt_x25519(id->key, s->share, shared))
		return false;
	age_identity_recipient(id, &own);
	aead = wrapping(shared, s->share, own.key);
	crypt_wipe(shared, sizeof shared);
	return crypt_aead_open(aead, zero_nonce, s->wrapped, sizeof s->wrapped, ret);
}

/* Goes through the stanzas up to the line of the MAC; the file key when one of them is ours. */
static int find_key(struct cursor *c, const struct age_identity *v, size_t n,
	unsigned char ret[AGE_FILE_KEY_SIZE], struct error *e)
{
	bool found = false;

	while (!starts(c->p, (size_t)(c->end - c->p), "---")) {
		struct stanza s;
		int r = read_stanza(c, &s, e);

		if (r < 0)
			return r;
		for (size_t i = 0; r == 0 && i < n && !found; i++)
			found = unwrap(&s, &v[i], ret);
	}
	return found ? 0 : error_set(e, ERR_INVALID, "none of the keys opens it");
}

int age_header_open(const char *data, size_t len, const struct age_identity *v, size_t n,
	unsigned char ret_file_key[AGE_FILE_KEY_SIZE], struct error *e)
{
	struct cursor c = { .p = data + strlen(MAGIC), .end = data + len };
	unsigned char mac[CRYPT_KEY_SIZE], wanted[CRYPT_KEY_SIZE];
	const char *line;
	size_t line_len;
	int r = find_key(&c, v, n, ret_file_key, e);

	if (r < 0)
		return r;
	line_len = next_line(&c, &line);
	if (!starts(line, line_len, "--- ") || !read_base64(line + 4, line_len - 4, mac))
		return error_set(e, ERR_INVALID, "damaged: its header does not end as it must");
	header_mac(ret_file_key, data, (size_t)(line + 3 - data), wanted);
	if (!crypt_equal(mac, wanted, sizeof mac))
		return error_set(e, ERR_INVALID, "damaged: its header was changed");
	return 0;
}
