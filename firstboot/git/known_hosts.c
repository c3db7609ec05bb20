/* See known_hosts.h. */
#include "known_hosts.h"

#include "alloc.h"
#include "base64.h"
#include "buf.h"
#include "digest.h"
#include "pattern.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define BLANK "\t "

/* One line, in parts that borrow from text. */
struct known_line {
	char *text;
	const char *marker; /* "@revoked", or NULL */
	char *names;
	const char *type;
	const char *key; /* base64 */
};

static void known_line_free(struct known_line *l)
{
	free(l->text);
}

static char *word(char **rest)
{
	char *w = *rest + strspn(*rest, BLANK);
	size_t n = strcspn(w, BLANK "\r\n");

	*rest = w + n + (w[n] != '\0');
	w[n] = '\0';
	return w;
}

/* False for comments and what is no line. */
static bool parse_line(const char *text, struct known_line *l)
{
	char *rest = l->text = xstrdup(text);

	l->names = word(&rest);
	l->marker = NULL;
	if (*l->names == '@') {
		l->marker = l->names;
		l->names = word(&rest);
	}
	l->type = word(&rest);
	l->key = word(&rest);
	return *l->names && *l->names != '#' && *l->key;
}

/* "|1|SALT|HMAC-SHA1(SALT, NAME)". */
static bool hashed_matches(const char *hashed, const char *name)
{
	_buf_ salt = BUF_INIT;
	_buf_ want = BUF_INIT;
	unsigned char got[SHA1_SIZE];
	const char *second = strchr(hashed + 3, '|');

	if (!second || !base64_decode(hashed + 3, (size_t)(second - hashed - 3), &salt) ||
		!base64_decode(second + 1, strlen(second + 1), &want) || want.len != sizeof got)
		return false;
	hmac_sha1(buf_str(&salt), salt.len, name, strlen(name), got);
	return memcmp(got, want.data, sizeof got) == 0;
}

static bool names_match(char *names, const char *name)
{
	if (strncmp(names, "|1|", 3) == 0)
		return hashed_matches(names, name);
	/* Names of hosts have no case; name has none already. */
	for (char *p = names; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return pattern_list_match(names, name);
}

/* The name under which a host is listed: "host", or "[host]:port" where the port is not 22. */
static char *listed_name(const char *host, const char *port)
{
	char *name = strcmp(port, "22") == 0 ? xstrdup(host) : xasprintf("[%s]:%s", host, port);

	for (char *p = name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return name;
}

static bool same_key(const char *text, const void *key, size_t len)
{
	_buf_ listed = BUF_INIT;

	return base64_decode(text, strlen(text), &listed) && listed.len == len &&
	       memcmp(listed.data, key, len) == 0;
}

enum known_host known_hosts_find(
	const char *const *lines, const char *host, const char *port, const void *key, size_t len)
{
	_free_ char *name = listed_name(host, port);
	enum known_host found = HOST_UNKNOWN;

	for (; lines && *lines; lines++) {
		_cleanup_(known_line_free) struct known_line l = { 0 };

		if (!parse_line(*lines, &l) || !names_match(l.names, name))
			continue;
		if (l.marker && strcmp(l.marker, "@revoked") == 0) {
			if (same_key(l.key, key, len))
				return HOST_REVOKED;
		} else if (!l.marker) {
			if (same_key(l.key, key, len))
				found = HOST_TRUSTED;
			else if (found == HOST_UNKNOWN)
				found = HOST_OTHER_KEY;
		}
	}
	return found;
}

void known_hosts_types(const char *const *lines, const char *host, const char *port, char ret[256])
{
	/* In this order: the strongest that is listed is asked for first. */
	static const struct {
		const char *listed, *asked;
	} types[] = {
		{ "ssh-ed25519", "ssh-ed25519" },
		{ "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256" },
		{ "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384" },
		{ "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521" },
		{ "ssh-rsa", "rsa-sha2-512,rsa-sha2-256,ssh-rsa" },
	};
	_free_ char *name = listed_name(host, port);

	*ret = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		for (const char *const *line = lines; line && *line; line++) {
			_cleanup_(known_line_free) struct known_line l = { 0 };

			if (!parse_line(*line, &l) || l.marker ||
				strcmp(l.type, types[i].listed) != 0 || !names_match(l.names, name))
				continue;
			strcat(ret, *ret ? "," : "");
			strcat(ret, types[i].asked);
			break;
		}
	}
}

void known_hosts_fingerprint(const void *key, size_t len, char ret[64])
{
	unsigned char hash[SHA256_SIZE];
	_buf_ text = BUF_INIT;

	sha256_raw(key, len, hash);
	base64_encode(hash, sizeof hash, &text);
	snprintf(ret, 64, "SHA256:%.*s", (int)strcspn(text.data, "="), text.data);
}
