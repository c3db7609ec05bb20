/* See plain_head.h. */
#include "plain_head.h"

#include "alloc.h"

#include <string.h>

#define NAME "-- Name: "
#define TYPE "; Type: "

static bool begins(const char *line, size_t len, const char *word)
{
	size_t n = strlen(word);

	return len >= n && memcmp(line, word, n) == 0;
}

static const char *find(const char *line, size_t len, const char *word)
{
	return memmem(line, len, word, strlen(word));
}

/* "-- Name: WHAT; Type: KIND; Schema: -; Owner: …", and no other type after that: names may hold anything. */
static bool is_section(const char *line, size_t len, const char *what, const char *kind)
{
	const char *type = find(line, len, TYPE), *end = line + len;
	_free_ char *rest = xasprintf(TYPE "%s; Schema: -; Owner: ", kind);

	return type && begins(line, len, what) && begins(type, (size_t)(end - type), rest) &&
	       !find(type + 1, (size_t)(end - type - 1), TYPE);
}

static bool is_own_section(const struct plain_head *h, const char *line, size_t len)
{
	_free_ char *name = xasprintf(NAME "%s" TYPE, h->name);

	return is_section(line, len, name, "DATABASE") ||
	       is_section(line, len, name, "DATABASE PROPERTIES") ||
	       is_section(line, len, NAME "DATABASE ", "COMMENT");
}

/* One whole "GRANT PRIVILEGES ON DATABASE NAME TO …;" or "REVOKE … FROM …;". */
static bool is_grant(const struct plain_head *h, const char *line, size_t len)
{
	_free_ char *plain = xasprintf(" ON DATABASE %s ", h->name);
	_free_ char *quoted = xasprintf(" ON DATABASE \"%s\" ", h->name);
	size_t n = begins(line, len, "GRANT ")	  ? strlen("GRANT ")
		   : begins(line, len, "REVOKE ") ? strlen("REVOKE ")
						  : 0;
	const char *semicolon = memchr(line, ';', len);

	if (n == 0 || semicolon != line + len - 1)
		return false;
	while (n < len && line[n] != ' ' && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ,", line[n]))
		n++;
	return begins(line + n, len - n, plain) || begins(line + n, len - n, quoted);
}

static void follow_quotes(struct plain_head *h, const char *line, size_t len)
{
	bool name = false; /* within "…", where an apostrophe is a letter */

	for (size_t i = 0; i < len; i++) {
		name ^= !h->quoted && line[i] == '"';
		h->quoted ^= !name && line[i] == '\'';
	}
}

enum plain_head_line plain_head_line(struct plain_head *h, const char *line, size_t len)
{
	if (h->quoted) {
		follow_quotes(h, line, len);
		return PLAIN_HEAD_SQL;
	}
	if (begins(line, len, NAME)) {
		h->section = !h->closed && is_own_section(h, line, len);
		h->closed = !h->section;
		h->grants = is_section(line, len, NAME "DATABASE ", "ACL");
		return h->section ? PLAIN_HEAD_SQL : h->grants ? PLAIN_HEAD_GRANTS : PLAIN_HEAD_NO;
	}
	/* psql's own commands end a section, and are none of it. */
	if (begins(line, len, "\\"))
		h->section = h->grants = false;
	if (h->section) {
		if (!begins(line, len, "--"))
			follow_quotes(h, line, len);
		return PLAIN_HEAD_SQL;
	}
	return h->grants && is_grant(h, line, len) ? PLAIN_HEAD_GRANT : PLAIN_HEAD_NO;
}
