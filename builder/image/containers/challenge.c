/* Challenges of RFC 9110: scheme, then name=value or name="value", commas between all of them. */
#include "challenge.h"

#include "arena.h"

#include <string.h>
#include <strings.h>

#define TOKEN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"

static const char *take_token(const char **p, struct arena *a)
{
	size_t len = strspn(*p, TOKEN);
	const char *token = len ? arena_strndup(a, *p, len) : NULL;

	*p += len;
	return token;
}

/* A value, quoted or not; NULL when there is none, or no end to it. */
static const char *take_value(const char **p, struct arena *a)
{
	const char *from = *p + 1;
	char *text;
	size_t n = 0;

	if (**p != '"') { /* some leave the quotes of URLs out, too */
		size_t len = strcspn(*p, ", \t");
		const char *bare = len ? arena_strndup(a, *p, len) : NULL;

		*p += len;
		return bare;
	}
	text = arena_alloc(a, strlen(from) + 1);
	for (; *from && *from != '"'; from++) {
		if (*from == '\\' && from[1])
			from++;
		text[n++] = *from;
	}
	if (!*from)
		return NULL;
	*p = from + 1;
	return text;
}

static enum challenge_kind kind_of(const char *scheme)
{
	if (strcasecmp(scheme, "Bearer") == 0)
		return CHALLENGE_BEARER;
	return strcasecmp(scheme, "Basic") == 0 ? CHALLENGE_BASIC : CHALLENGE_NONE;
}

static void keep_better(const struct challenge *c, struct challenge *ret)
{
	if (c->kind > ret->kind && (c->kind != CHALLENGE_BEARER || c->realm))
		*ret = *c;
}

static void take_parameter(struct challenge *c, const char *name, const char *value)
{
	if (strcasecmp(name, "realm") == 0)
		c->realm = value;
	else if (strcasecmp(name, "service") == 0)
		c->service = value;
}

void challenge_parse(const char *value, struct arena *a, struct challenge *ret)
{
	struct challenge c = { .kind = CHALLENGE_NONE };
	const char *p = value;

	if (strlen(value) > CHALLENGE_MAX)
		return;
	for (;;) {
		const char *name, *text;

		p += strspn(p, ", \t");
		name = take_token(&p, a);
		if (!name)
			break;
		p += strspn(p, " \t");
		if (*p != '=') { /* the next scheme begins */
			keep_better(&c, ret);
			c = (struct challenge){ .kind = kind_of(name) };
			continue;
		}
		p++;
		p += strspn(p, " \t");
		text = take_value(&p, a);
		if (!text)
			break;
		take_parameter(&c, name, text);
	}
	keep_better(&c, ret);
}
