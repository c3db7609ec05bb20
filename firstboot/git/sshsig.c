/* See sshsig.h. Strings inside are as in SSH: four bytes of length, then the bytes. */
#include "sshsig.h"

#include "base64.h"
#include "buf.h"
#include "crypt.h"
#include "digest.h"
#include "known_hosts.h"
#include "signers.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "SSHSIG"
#define BEGIN "-----BEGIN SSH SIGNATURE-----\n"
#define END   "-----END SSH SIGNATURE-----"
#define TYPE  "ssh-ed25519"

struct slice {
	const unsigned char *p;
	size_t n;
};

struct sshsig {
	struct slice key, name, reserved, hash, signature;
};

static bool take(struct slice *from, size_t n, struct slice *ret)
{
	if (from->n < n)
		return false;
	*ret = (struct slice){ from->p, n };
	from->p += n;
	from->n -= n;
	return true;
}

static bool take_u32(struct slice *from, uint32_t *ret)
{
	struct slice s;

	if (!take(from, 4, &s))
		return false;
	*ret = (uint32_t)s.p[0] << 24 | (uint32_t)s.p[1] << 16 | (uint32_t)s.p[2] << 8 | s.p[3];
	return true;
}

static bool take_string(struct slice *from, struct slice *ret)
{
	uint32_t n;

	return take_u32(from, &n) && take(from, n, ret);
}

static bool is(struct slice s, const char *text)
{
	return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

/* The same for what OpenSSH reads as a C string: its NUL may have come along. */
static bool is_word(struct slice s, const char *text)
{
	return is(s, text) || (s.n == strlen(text) + 1 && memcmp(s.p, text, s.n) == 0);
}

_printf_(2, 3) static bool refuse(char who[SSHSIG_WHO], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(who, SSHSIG_WHO, fmt, ap);
	va_end(ap);
	return false;
}

/* As ssh-keygen: what follows the last line does not matter, what comes before the first one does. */
static bool dearmor(const char *text, struct buf *ret)
{
	const char *end;

	if (strlen(text) > SSHSIG_MAX || strncmp(text, BEGIN, strlen(BEGIN)) != 0)
		return false;
	text += strlen(BEGIN) - 1;
	end = strstr(text, "\n" END);
	text++;
	return end && end >= text && base64_decode(text, (size_t)(end - text), ret);
}

static bool parse(struct slice blob, struct sshsig *ret)
{
	struct slice magic;
	uint32_t version;

	return take(&blob, strlen(MAGIC), &magic) && is(magic, MAGIC) &&
	       take_u32(&blob, &version) && version <= 1 && take_string(&blob, &ret->key) &&
	       take_string(&blob, &ret->name) && take_string(&blob, &ret->reserved) &&
	       take_string(&blob, &ret->hash) && take_string(&blob, &ret->signature) && blob.n == 0;
}

/* A string TYPE and a string of n bytes, and nothing else. */
static bool parse_typed(struct slice s, size_t n, struct slice *ret)
{
	struct slice type;

	return take_string(&s, &type) && is(type, TYPE) && take_string(&s, ret) && ret->n == n &&
	       s.n == 0;
}

static void add_string(struct buf *b, const void *data, size_t len)
{
	const unsigned char n[4] = { (unsigned char)(len >> 24), (unsigned char)(len >> 16),
		(unsigned char)(len >> 8), (unsigned char)len };

	buf_add(b, n, sizeof n);
	buf_add(b, data, len);
}

/*
 * What was signed: not the data, but its hash in a frame that no other use of the key makes. All of it is
 * what we expect, not what the signature says; what it has in the reserved field does not count.
 */
static bool frame(const struct sshsig *s, const struct sshsig_check *c, struct buf *ret)
{
	const bool longer = is_word(s->hash, "sha512");
	unsigned char hash[SHA512_SIZE];

	if (!longer && !is_word(s->hash, "sha256"))
		return false;
	if (longer)
		sha512_raw(c->data, c->len, hash);
	else
		sha256_raw(c->data, c->len, hash);
	buf_adds(ret, MAGIC);
	add_string(ret, c->name, strlen(c->name));
	add_string(ret, "", 0);
	add_string(ret, longer ? "sha512" : "sha256", 6);
	add_string(ret, hash, longer ? SHA512_SIZE : SHA256_SIZE);
	return true;
}

/* The type of a key that is not ours, for the message. */
static bool refuse_type(struct slice key, char who[SSHSIG_WHO])
{
	struct slice type;
	char name[64];
	size_t n;

	if (!take_string(&key, &type))
		return refuse(who, "its signature is garbled");
	n = MIN(type.n, sizeof name - 1);
	memcpy(name, type.p, n);
	name[n] = '\0';
	for (char *p = name; *p; p++) {
		if (*p < ' ' || *p > '~')
			*p = '?';
	}
	return refuse(who, "it is signed with a key of the type %s; only ed25519 keys count", name);
}

bool sshsig_verify(const struct sshsig_check *c, char who[SSHSIG_WHO])
{
	_buf_ blob = BUF_INIT;
	_buf_ framed = BUF_INIT;
	struct slice key, signature;
	char fingerprint[64];
	struct sshsig s;

	if (!dearmor(c->signature, &blob))
		return refuse(who, strstr(c->signature, "PGP")
					   ? "it is signed with OpenPGP; only SSH signatures count"
					   : "its signature is no SSH signature");
	if (!parse((struct slice){ (const unsigned char *)buf_str(&blob), blob.len }, &s))
		return refuse(who, "its signature is garbled");
	if (!is_word(s.name, c->name))
		return refuse(who, "it is signed for something else than '%s'", c->name);
	if (!parse_typed(s.key, CRYPT_KEY_SIZE, &key))
		return refuse_type(s.key, who);
	if (!parse_typed(s.signature, CRYPT_SIGNATURE_SIZE, &signature) || !frame(&s, c, &framed))
		return refuse(who, "its signature is garbled");
	if (!crypt_ed25519_verify(key.p, signature.p, framed.data, framed.len))
		return refuse(who, "its signature does not fit: it was changed after signing");
	known_hosts_fingerprint(s.key.p, s.key.n, fingerprint);
	return signers_find(c->signers,
		&(struct signer_query){ s.key.p, s.key.n, c->name, c->now, fingerprint }, who);
}
