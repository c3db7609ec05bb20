/* See signers.h. */
#include "signers.h"

#include "alloc.h"
#include "base64.h"
#include "buf.h"
#include "pattern.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define BLANK " \t"

struct signer {
	char *principals;
	char *namespaces;      /* NULL: all */
	int64_t after, before; /* 0: no limit */
	bool authority;
	struct buf key;
};

static void signer_free(struct signer *s)
{
	free(s->principals);
	free(s->namespaces);
	buf_free(&s->key);
}

/* "YYYYMMDD[HHMM[SS]]" with an optional Z, else in the server's time zone. False when it is none. */
static bool parse_time(const char *text, int64_t *ret)
{
	size_t n = strspn(text, "0123456789");
	struct tm tm = { .tm_isdst = -1 };
	bool utc = strcmp(text + n, "Z") == 0 || strcmp(text + n, "UTC") == 0;
	int fields[6] = { 0, 1, 1 };
	static const unsigned char width[6] = { 4, 2, 2, 2, 2, 2 };
	const char *p = text;

	if ((n != 8 && n != 12 && n != 14) || (text[n] && !utc))
		return false;
	for (size_t i = 0; p < text + n; p += width[i++]) {
		char digits[5] = "";

		memcpy(digits, p, width[i]);
		fields[i] = atoi(digits);
	}
	tm.tm_year = fields[0] - 1900;
	tm.tm_mon = fields[1] - 1;
	tm.tm_mday = fields[2];
	tm.tm_hour = fields[3];
	tm.tm_min = fields[4];
	tm.tm_sec = fields[5];
	if (fields[1] < 1 || fields[1] > 12 || fields[2] < 1 || fields[2] > 31 || fields[3] > 23 ||
		fields[4] > 59 || fields[5] > 60)
		return false;
	*ret = utc ? timegm(&tm) : mktime(&tm);
	return *ret > 0;
}

/* NAME="VALUE" at *p, which is moved on; \" is a quote inside. Returns new, or NULL: it is not this. */
static char *take_quoted(const char **p, const char *name)
{
	size_t n = strlen(name);
	const char *s = *p;
	_buf_ value = BUF_INIT;

	if (strncasecmp(s, name, n) != 0 || s[n] != '=' || s[n + 1] != '"')
		return NULL;
	for (s += n + 2; *s && *s != '"'; s++) {
		if (s[0] == '\\' && s[1] == '"')
			s++;
		buf_addc(&value, *s);
	}
	if (*s != '"')
		return NULL;
	*p = s + 1;
	return buf_detach(&value);
}

static bool take_time(const char **p, const char *name, int64_t *ret, bool *ret_bad)
{
	_free_ char *text = take_quoted(p, name);

	if (!text)
		return false;
	*ret_bad = *ret != 0 || !parse_time(text, ret);
	return true;
}

static bool take_flag(const char **p, const char *name)
{
	if (strncasecmp(*p, name, strlen(name)) != 0)
		return false;
	*p += strlen(name);
	return true;
}

/* One option at *p. False when it is none that is known. */
static bool take_option(const char **p, struct signer *s)
{
	bool bad = false;
	char *names;

	if (take_flag(p, "cert-authority")) {
		s->authority = true;
		return true;
	}
	if (take_time(p, "valid-after", &s->after, &bad) ||
		take_time(p, "valid-before", &s->before, &bad))
		return !bad;
	names = take_quoted(p, "namespaces");
	if (!names || s->namespaces) {
		free(names);
		return false;
	}
	s->namespaces = names;
	return true;
}

static bool take_options(const char **p, struct signer *s)
{
	for (;;) {
		if (!take_option(p, s))
			return false;
		if (**p == '\0' || strchr(BLANK, **p))
			break;
		if (*(*p)++ != ',')
			return false;
	}
	return !s->after || !s->before || s->before > s->after;
}

/* A word, moved behind; its length. */
static size_t word(const char **p, const char **ret)
{
	size_t n;

	*p += strspn(*p, BLANK);
	*ret = *p;
	n = strcspn(*p, BLANK "\r\n");
	*p += n;
	return n;
}

static bool known_type(const char *s, size_t n)
{
	static const char *const types[] = {
		"ssh-ed25519",
		"ssh-rsa",
		"ssh-dss",
		"ecdsa-sha2-nistp256",
		"ecdsa-sha2-nistp384",
		"ecdsa-sha2-nistp521",
		"sk-ssh-ed25519@openssh.com",
		"sk-ecdsa-sha2-nistp256@openssh.com",
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strlen(types[i]) == n && memcmp(types[i], s, n) == 0)
			return true;
	}
	return false;
}

/* TYPE KEY at *p. */
static bool take_key(const char **p, struct signer *s)
{
	const char *type, *key;
	size_t n = word(p, &type), k;

	if (!known_type(type, n))
		return false;
	k = word(p, &key);
	return k > 0 && base64_decode(key, k, &s->key) && s->key.len > 4 + n &&
	       memcmp(s->key.data + 4, type, n) == 0;
}

#define SIGNER_NONE 1 /* a comment, or nothing */

/* 0, SIGNER_NONE, -1: it cannot be read. */
static int parse_line(const char *line, struct signer *s)
{
	const char *p = line + strspn(line, BLANK), *principals, *options;
	size_t n;

	if (*p == '\0' || *p == '#' || *p == '\n' || *p == '\r')
		return SIGNER_NONE;
	if (*p == '"') {
		principals = p + 1;
		n = strcspn(principals, "\"");
		if (!principals[n])
			return -1;
		p = principals + n + 1;
	} else {
		n = word(&p, &principals);
	}
	s->principals = xstrndup(principals, n);
	options = p += strspn(p, BLANK);
	if (take_key(&p, s))
		return 0;
	buf_reset(&s->key);
	p = options;
	return take_options(&p, s) && take_key(&p, s) ? 0 : -1;
}

static const char *why_not(const struct signer *s, const struct signer_query *q)
{
	if (s->authority)
		return "a certificate authority, which is not used here";
	if (s->namespaces && !pattern_list_match(s->namespaces, q->name))
		return "allowed for something else";
	if (s->after && q->now < s->after)
		return "not valid yet";
	if (s->before && q->now > s->before)
		return "not valid any more";
	return NULL;
}

bool signers_find(const char *const *lines, const struct signer_query *q, char who[SSHSIG_WHO])
{
	snprintf(who, SSHSIG_WHO, "it is signed by a key that nobody in kbuild.app.signers has: %s",
		q->fingerprint);
	for (; lines && *lines; lines++) {
		_cleanup_(signer_free) struct signer s = { 0 };
		const char * not ;
		int r = parse_line(*lines, &s);

		if (r < 0) {
			snprintf(who, SSHSIG_WHO,
				"no line of kbuild.app.signers allows its key (%s), and "
				"one cannot be read",
				q->fingerprint);
			continue;
		}
		if (r == SIGNER_NONE || s.key.len != q->len ||
			memcmp(s.key.data, q->key, q->len) != 0)
			continue;
		not = why_not(&s, q);
		if (!not ) {
			snprintf(who, SSHSIG_WHO, "%s", s.principals);
			return true;
		}
		snprintf(who, SSHSIG_WHO, "the key of %.100s is %s", s.principals, not );
	}
	return false;
}
