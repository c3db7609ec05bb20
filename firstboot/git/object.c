/* See object.h. */
#include "object.h"

#include "arena.h"
#include "buf.h"
#include "digest.h"
#include "utf8.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define TEXT_MAX 200 /* bytes of a subject or a name: it is for a line in a status */

/* A line without its end; *pos is moved behind it. False at the end of the data. */
static bool next_line(const char *data, size_t len, size_t *pos, const char **ret, size_t *ret_len)
{
	const char *end;

	if (*pos >= len)
		return false;
	*ret = data + *pos;
	end = memchr(*ret, '\n', len - *pos);
	*ret_len = end ? (size_t)(end - *ret) : len - *pos;
	*pos += *ret_len + 1;
	return true;
}

static bool starts(const char *line, size_t len, const char *word)
{
	size_t n = strlen(word);

	return len > n && memcmp(line, word, n) == 0 && line[n] == ' ';
}

/* At most TEXT_MAX bytes of it as one printable line of UTF-8. */
static const char *printable(struct arena *a, const char *s, size_t len)
{
	_buf_ out = BUF_INIT;
	uint32_t c;

	for (size_t at = 0, n; at < len && out.len < TEXT_MAX - 4; at += n) {
		n = utf8_next(s + at, len - at, &c);
		if (n == 0 || c < ' ' || (c >= 0x7f && c < 0xa0))
			buf_addc(&out, '?');
		else
			buf_add(&out, s + at, n);
		n = MAX(n, 1);
	}
	return arena_strndup(a, buf_str(&out), out.len);
}

/* "NAME <MAIL> SECONDS ZONE". */
static int64_t person_time(const char *line, size_t len)
{
	int64_t t = 0;
	size_t i = len;

	while (i > 0 && line[i - 1] != '>')
		i--;
	while (i < len && line[i] == ' ')
		i++;
	for (; i < len && isdigit((unsigned char)line[i]) && t < INT64_MAX / 100; i++)
		t = t * 10 + (line[i] - '0');
	return t;
}

static size_t person_name(const char *line, size_t len)
{
	const char *mail = memchr(line, '<', len);
	size_t n = mail ? (size_t)(mail - line) : len;

	while (n > 0 && line[n - 1] == ' ')
		n--;
	return n;
}

static bool copy_sha(const char *s, size_t len, char ret[REPO_SHA])
{
	if (len != REPO_SHA - 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)s[i]) && (s[i] < 'a' || s[i] > 'f'))
			return false;
	}
	memcpy(ret, s, len);
	ret[len] = '\0';
	return true;
}

bool commit_parse(const char *data, size_t len, struct arena *a, struct commit *ret)
{
	struct commit c = { .author = "", .subject = "" };
	const char *line = NULL;
	size_t pos = 0, n = 0;

	if (!next_line(data, len, &pos, &line, &n) || !starts(line, n, "tree") ||
		!copy_sha(line + 5, n - 5, c.tree))
		return false;
	while (next_line(data, len, &pos, &line, &n) && n > 0) {
		if (starts(line, n, "author"))
			c.author = printable(a, line + 7, person_name(line + 7, n - 7));
		else if (starts(line, n, "committer"))
			c.time = person_time(line + 10, n - 10);
	}
	while (next_line(data, len, &pos, &line, &n)) {
		if (n > 0) {
			c.subject = printable(a, line, n);
			break;
		}
	}
	*ret = c;
	return true;
}

int commit_signature(
	const char *data, size_t len, struct buf *ret_payload, struct buf *ret_signature)
{
	bool inside = false, seen = false;
	const char *line;
	size_t pos = 0, n, begin = 0;

	for (; next_line(data, len, &pos, &line, &n) && n > 0; begin = pos) {
		if (inside && line[0] == ' ') {
			buf_add(ret_signature, line + 1, n - 1);
			buf_addc(ret_signature, '\n');
			continue;
		}
		inside = starts(line, n, "gpgsig");
		/* One signature, of the kind that a repository of SHA-1 has. */
		if ((inside && seen) || starts(line, n, "gpgsig-sha256"))
			return -EINVAL;
		if (inside) {
			seen = true;
			buf_add(ret_signature, line + 7, n - 7);
			buf_addc(ret_signature, '\n');
		} else {
			buf_add(ret_payload, line, MIN(n + 1, len - begin));
		}
	}
	/* The blank line and the message, to the last byte. */
	if (begin < len)
		buf_add(ret_payload, data + begin, len - begin);
	return seen ? 0 : COMMIT_UNSIGNED;
}

int tree_next(const char *data, size_t len, size_t *pos, struct tree_entry *ret)
{
	/* git's own canonical modes; 100664 is of old versions. */
	static const struct {
		const char *mode;
		enum tree_kind kind;
	} modes[] = {
		{ "100644", TREE_FILE },
		{ "100664", TREE_FILE },
		{ "100755", TREE_PROGRAM },
		{ "120000", TREE_LINK },
		{ "40000", TREE_DIRECTORY },
		{ "160000", TREE_SUBMODULE },
	};
	const char *p = data + *pos, *space, *end;

	if (*pos == len)
		return 0;
	space = memchr(p, ' ', len - *pos);
	end = space ? memchr(space, '\0', len - (size_t)(space - data)) : NULL;
	if (!end || len - (size_t)(end - data) < 1 + 20)
		return -EINVAL;
	ret->name = space + 1;
	hex_encode(end + 1, 20, ret->sha);
	*pos = (size_t)(end - data) + 1 + 20;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (strlen(modes[i].mode) == (size_t)(space - p) &&
			memcmp(modes[i].mode, p, (size_t)(space - p)) == 0) {
			ret->kind = modes[i].kind;
			return 1;
		}
	}
	return -EINVAL;
}

/* The characters that HFS+ leaves out when it compares names; the list is git's (utf8.c, next_hfs_char). */
static bool ignored_by_hfs(uint32_t c)
{
	return (c >= 0x200c && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x206a && c <= 0x206f) || c == 0xfeff;
}

/* ".git" as NTFS may be told it: "git~1", with dots and blanks at the end, or with a stream's name. */
static bool is_git(const char *name)
{
	size_t n = strcspn(name, ":");

	while (n > 0 && (name[n - 1] == '.' || name[n - 1] == ' '))
		n--;
	return (n == 4 && strncasecmp(name, ".git", 4) == 0) ||
	       (n == 5 && strncasecmp(name, "git~", 4) == 0 && isdigit((unsigned char)name[4]));
}

bool tree_name_good(const char *name)
{
	size_t len = strlen(name), n;
	_buf_ seen = BUF_INIT;
	uint32_t c;

	if (len == 0 || len > 255 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t at = 0; at < len; at += n) {
		n = utf8_next(name + at, len - at, &c);
		if (n == 0 || c < ' ' || c == 0x7f || c == '/' || c == '\\')
			return false;
		if (!ignored_by_hfs(c))
			buf_add(&seen, name + at, n);
	}
	return seen.len > 0 && strcmp(seen.data, ".") != 0 && strcmp(seen.data, "..") != 0 &&
	       !is_git(seen.data);
}

bool tree_target_good(const char *target, unsigned depth)
{
	bool down = false;

	if (*target == '\0' || *target == '/' || !utf8_valid(target, strlen(target)))
		return false;
	while (*target) {
		size_t n = strcspn(target, "/");

		if (n == 2 && memcmp(target, "..", 2) == 0) {
			if (down || depth-- == 0)
				return false;
		} else if (n > 0 && !(n == 1 && *target == '.')) {
			down = true;
		}
		target += n;
		target += *target == '/';
	}
	return true;
}
