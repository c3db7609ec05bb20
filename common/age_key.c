/* Keys of age: made, and read and written as text. A private key is never part of a message. */
#include "age.h"

#include "bech32.h"
#include "buf.h"
#include "crypt.h"
#include "error.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define RECIPIENT_PREFIX "age"
#define IDENTITY_PREFIX	 "age-secret-key-" /* written in upper case */

void age_identity_generate(struct age_identity *ret)
{
	crypt_random(ret->key, sizeof ret->key);
}

void age_identity_wipe(struct age_identity *id)
{
	crypt_wipe(id, sizeof *id);
}

void age_identity_recipient(const struct age_identity *id, struct age_recipient *ret)
{
	crypt_x25519_public(id->key, ret->key);
}

/* A key of few points gives the same result with every partner: then anybody could open the file. */
static bool usable(const struct age_recipient *r)
{
	static const unsigned char any[CRYPT_KEY_SIZE] = { 9 };
	unsigned char shared[CRYPT_KEY_SIZE];

	return crypt_x25519(any, r->key, shared);
}

bool age_recipient_parse(const char *text, struct age_recipient *ret)
{
	struct age_recipient r;

	/* Bech32 has an upper-case form too; age writes and reads recipients in lower case only. */
	if (strncmp(text, RECIPIENT_PREFIX, strlen(RECIPIENT_PREFIX)) != 0 ||
		!bech32_decode(text, RECIPIENT_PREFIX, r.key, sizeof r.key) || !usable(&r))
		return false;
	*ret = r;
	return true;
}

bool age_identity_parse(const char *text, struct age_identity *ret)
{
	return isupper((unsigned char)text[0]) &&
	       bech32_decode(text, IDENTITY_PREFIX, ret->key, sizeof ret->key);
}

void age_recipient_format(const struct age_recipient *r, char ret[AGE_RECIPIENT_SIZE])
{
	_buf_ text = BUF_INIT;

	bech32_encode(RECIPIENT_PREFIX, r->key, sizeof r->key, &text);
	snprintf(ret, AGE_RECIPIENT_SIZE, "%s", buf_str(&text));
}

void age_identity_format(const struct age_identity *id, char ret[AGE_IDENTITY_SIZE])
{
	_buf_ text = BUF_INIT;

	bech32_encode(IDENTITY_PREFIX, id->key, sizeof id->key, &text);
	snprintf(ret, AGE_IDENTITY_SIZE, "%s", buf_str(&text));
	for (char *p = ret; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	crypt_wipe(text.data, text.len);
}

/* One line without its end; blanks at its end are allowed, as editors leave them. */
static int read_line(const char *name, const char *line, size_t len, unsigned number,
	struct age_identity *ret, struct error *e)
{
	char text[AGE_IDENTITY_SIZE];
	bool ok = len < sizeof text;

	if (ok) {
		memcpy(text, line, len);
		text[len] = '\0';
		ok = age_identity_parse(text, ret);
		crypt_wipe(text, sizeof text);
	}
	return ok ? 0
		  : error_set(e, ERR_INVALID, "%s: line %u is no age identity (AGE-SECRET-KEY-1…)",
			    name, number);
}

int age_identities_parse(const char *name, const char *text, struct age_identity *v, size_t max,
	size_t *ret_n, struct error *e)
{
	unsigned number = 0;
	size_t n = 0;

	for (const char *p = text, *next; *p; p = next) {
		size_t len = strcspn(p, "\n");
		int r;

		next = p + len + (p[len] == '\n');
		number++;
		while (len > 0 && isspace((unsigned char)p[len - 1]))
			len--;
		if (len == 0 || *p == '#')
			continue;
		if (n == max)
			return error_set(
				e, ERR_INVALID, "%s holds more than %zu age identities", name, max);
		r = read_line(name, p, len, number, &v[n], e);
		if (r < 0)
			return r;
		n++;
	}
	if (n == 0)
		return error_set(e, ERR_INVALID, "%s holds no age identity", name);
	*ret_n = n;
	return 0;
}
