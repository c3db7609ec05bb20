/* Version order and relation fields. */
#include "depend.h"

#include <ctype.h>
#include <string.h>

/* The weight of a character in the non-digit part: ~ before the end, letters before the rest. */
static int order(char c)
{
	if (c == '~')
		return -1;
	if (c == '\0' || isdigit((unsigned char)c))
		return 0;
	if (isalpha((unsigned char)c))
		return (unsigned char)c;
	return (unsigned char)c + 256;
}

/* Compares upstream versions or revisions, each ended by its length. */
static int part_compare(const char *a, const char *a_end, const char *b, const char *b_end)
{
	while (a < a_end || b < b_end) {
		int first = 0;

		while ((a < a_end && !isdigit((unsigned char)*a)) ||
			(b < b_end && !isdigit((unsigned char)*b))) {
			int x = order(a < a_end ? *a : '\0'), y = order(b < b_end ? *b : '\0');

			if (x != y)
				return x - y;
			a += a < a_end;
			b += b < b_end;
		}
		while (a < a_end && *a == '0')
			a++;
		while (b < b_end && *b == '0')
			b++;
		while (a < a_end && b < b_end && isdigit((unsigned char)*a) &&
			isdigit((unsigned char)*b)) {
			if (!first)
				first = *a - *b;
			a++;
			b++;
		}
		if (a < a_end && isdigit((unsigned char)*a))
			return 1;
		if (b < b_end && isdigit((unsigned char)*b))
			return -1;
		if (first)
			return first;
	}
	return 0;
}

struct version {
	const char *epoch, *epoch_end, *upstream, *upstream_end, *revision, *revision_end;
};

static struct version split(const char *s)
{
	const char *end = s + strlen(s), *colon = strchr(s, ':'), *dash = strrchr(s, '-');
	struct version v = { .epoch = s,
		.epoch_end = s,
		.upstream = s,
		.upstream_end = end,
		.revision = end,
		.revision_end = end };

	if (colon) {
		v.epoch_end = colon;
		v.upstream = colon + 1;
	}
	if (dash && dash >= v.upstream) {
		v.upstream_end = dash;
		v.revision = dash + 1;
	}
	return v;
}

int version_compare(const char *a, const char *b)
{
	struct version x = split(a), y = split(b);
	int r;

	r = part_compare(x.epoch, x.epoch_end, y.epoch, y.epoch_end);
	if (r == 0)
		r = part_compare(x.upstream, x.upstream_end, y.upstream, y.upstream_end);
	if (r == 0)
		r = part_compare(x.revision, x.revision_end, y.revision, y.revision_end);
	return r;
}

static const char *skip_blank(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

/* "(>= 1.2)" */
static const char *read_version(const char *p, struct relation *ret)
{
	size_t n;

	p = skip_blank(p + 1);
	n = strspn(p, "<>=");
	/* "<" and ">" are the old names of "<=" and ">=". */
	if (n == 1 && *p != '=')
		ret->op[1] = '=';
	memcpy(ret->op, p, MIN(n, 2));
	p = skip_blank(p + n);
	n = strcspn(p, ") \t\r\n|,");
	if (n < sizeof ret->version)
		memcpy(ret->version, p, n);
	p += strcspn(p, ")|,");
	return *p == ')' ? p + 1 : p;
}

bool relation_next(const char **at, struct relation *ret)
{
	const char *p = *at;

	p += strspn(p, " \t\r\n,|");
	if (!*p)
		return false;
	*ret = (struct relation){ .name = p };
	ret->name_len = strcspn(p, " \t\r\n:(|,[<");
	p += ret->name_len;
	if (*p == ':')
		p += strcspn(p, " \t\r\n(|,[<");
	p = skip_blank(p);
	if (*p == '(')
		p = read_version(p, ret);
	p += strcspn(p, "|,");
	ret->more = *p == '|';
	*at = *p ? p + 1 : p;
	return true;
}

bool relation_satisfied(const struct relation *r, const char *version)
{
	int c;

	if (!r->op[0])
		return true;
	c = version_compare(version, r->version);
	if (r->op[0] == '=')
		return c == 0;
	if (r->op[0] == '<')
		return r->op[1] == '=' ? c <= 0 : c < 0;
	return r->op[1] == '=' ? c >= 0 : c > 0;
}
