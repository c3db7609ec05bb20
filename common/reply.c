/* Servers' replies; see reply.h. */
#include "reply.h"

#include "error.h"
#include "mark.h"
#include "node.h"
#include "utf8.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int reply_read(const struct node *map, const char *what, const struct field *fields, void *out,
	struct arena *a, struct error *e)
{
	_cleanup_(diags_free) struct diags diags = DIAGS_INIT;
	struct schema s = { .arena = a, .diags = &diags, .where = what, .open = true };

	if (node_is_null(map)) {
		error_set(e, ERR_NETWORK, "the reply holds no '%s'", what);
		e->transient = false;
		return -ERR_NETWORK;
	}
	schema_read(&s, map, fields, out);
	if (diags.errors == 0)
		return 0;
	error_set(e, ERR_NETWORK, "the reply's %s", diags.v[0].message);
	e->transient = false;
	return -ERR_NETWORK;
}

/* It may come to a terminal. */
static bool is_clean(const char *text, size_t len)
{
	if (len > REPLY_TEXT_MAX)
		return false;
	for (size_t n; len > 0; text += n, len -= n) {
		n = utf8_shown(text, len);
		if (n == 0)
			return false;
	}
	return true;
}

void reply_text(const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	const char *text = node->quoted ? node_str(node) : NULL;

	if (text && is_clean(text, node->len))
		*(const char **)out = text;
	else if (text && node->len > REPLY_TEXT_MAX)
		schema_wrong(s, f, node, "text of at most 4096 bytes");
	else
		schema_wrong(s, f, node, "text without control characters");
}

void reply_word(const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	const char *text = node_str(node);

	if (!text || !*text)
		schema_wrong(s, f, node, "text that is not empty");
	else if (!is_clean(text, node->len))
		schema_wrong(s, f, node, "text without control characters");
	else
		*(const char **)out = text;
}

void reply_number(const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	if (!node_is_int(node, out))
		schema_wrong(s, f, node, "a whole number");
}

void reply_time(const struct schema *s, const struct field *f, const struct node *node, void *out)
{
	const char *text = node_str(node);

	if (!text || !parse_time(text, out))
		schema_wrong(s, f, node, "a time as in 2026-11-29T11:04:14Z");
}

/* "Z", "+01:00", "+0100" or nothing; seconds to take away. */
static bool read_zone(const char *text, int64_t *ret)
{
	unsigned hours, minutes;
	char sign;
	int used = 0;

	*ret = 0;
	if (*text == '\0' || strcmp(text, "Z") == 0)
		return true;
	if (sscanf(text, "%c%2u:%2u%n", &sign, &hours, &minutes, &used) != 3)
		used = 0;
	if (used == 0 && sscanf(text, "%c%2u%2u%n", &sign, &hours, &minutes, &used) != 3)
		return false;
	if ((sign != '+' && sign != '-') || text[used] != '\0' || hours > 23 || minutes > 59)
		return false;
	*ret = (sign == '-' ? -60 : 60) * (int64_t)(hours * 60 + minutes);
	return true;
}

bool parse_time(const char *text, int64_t *ret)
{
	struct tm tm = {};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t zone;

	if (!rest)
		rest = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
	if (!rest)
		return false;
	if (*rest == '.') {
		rest++;
		if (!isdigit((unsigned char)*rest))
			return false;
		rest += strspn(rest, "0123456789");
	}
	if (!read_zone(rest, &zone))
		return false;
	*ret = timegm(&tm) - zone;
	return true;
}
