/* Interpolation by the rules of the Compose specification. */
#include "compose_vars.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"

#include <string.h>

#define VARS_MAX  1000
#define DEPTH_MAX 8 /* of defaults within defaults */
#define FIRST	  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define MORE	  FIRST "0123456789"

static const char malformed[] = "a variable in it is not closed, or no name";
static const char no_value[] = "it has no value";

/* The length of the name at s, 0: none is there. */
static size_t name_length(const char *s)
{
	return strspn(s, FIRST) ? strspn(s, MORE) : 0;
}

/* Without quotes; what stands bare ends before a comment. */
static const char *value_of(const char *s, struct arena *a)
{
	const char *end;
	size_t len;

	s += strspn(s, " \t");
	if (*s == '"' || *s == '\'') {
		end = strchr(s + 1, *s);
		return end ? arena_strndup(a, s + 1, (size_t)(end - s - 1)) : NULL;
	}
	end = strstr(s, " #");
	len = end ? (size_t)(end - s) : strlen(s);
	while (len > 0 && strchr(" \t\r", s[len - 1]))
		len--;
	return arena_strndup(a, s, len);
}

static bool read_line(char *line, struct arena *a, struct compose_var *ret)
{
	char *name = line + strspn(line, " \t"), *end;

	if (strncmp(name, "export ", 7) == 0)
		name += 7;
	end = name + name_length(name);
	if (end == name || end[strspn(end, " \t")] != '=')
		return false;
	ret->value = value_of(strchr(end, '=') + 1, a);
	*end = '\0';
	ret->name = name;
	return ret->value != NULL;
}

void compose_vars_read(const char *text, size_t len, struct arena *a, struct compose_vars *ret)
{
	char *copy = arena_strndup(a, text, len), *save = NULL;
	struct compose_var *v = arena_alloc(a, VARS_MAX * sizeof *v);
	size_t n = 0;

	for (char *line = strtok_r(copy, "\n", &save); line && n < VARS_MAX;
		line = strtok_r(NULL, "\n", &save))
		n += read_line(line, a, &v[n]);
	*ret = (struct compose_vars){ v, n };
}

static const char *lookup(const struct compose_vars *vars, const char *name, size_t len)
{
	for (size_t i = vars->n; i > 0; i--) {
		const struct compose_var *v = &vars->v[i - 1];

		if (strncmp(v->name, name, len) == 0 && v->name[len] == '\0')
			return v->value;
	}
	return NULL;
}

struct replacing {
	const struct compose_vars *vars;
	struct arena *a;
	struct buf *out;
	const char *missing; /* a variable without a value */
	unsigned depth;
};

static const char *replace(struct replacing *r, const char *text, size_t len);

/* The "}" that ends what begins at s, over the pairs within. NULL: none. */
static const char *closing(const char *s, const char *end)
{
	unsigned open = 1;

	for (; s < end; s++) {
		if (s[0] == '$' && s + 1 < end && s[1] == '{')
			open++;
		else if (*s == '}' && --open == 0)
			return s;
	}
	return NULL;
}

/* name[operator word]: ":-" ":+" ":?" count an empty value as none, "-" "+" "?" do not. */
static const char *expand(
	struct replacing *r, const char *name, size_t len, const char *rest, const char *end)
{
	const char *value = lookup(r->vars, name, len), *why = NULL;
	bool colon = rest < end && *rest == ':', have;
	char op = '\0';

	rest += colon;
	if (rest < end)
		op = *rest++;
	else if (colon)
		return malformed;
	if (op && !strchr("-+?", op))
		return malformed;
	have = value && (!colon || *value);
	if (op == '+')
		return have ? replace(r, rest, (size_t)(end - rest)) : NULL;
	if (have)
		buf_adds(r->out, value);
	else if (op == '-')
		why = replace(r, rest, (size_t)(end - rest));
	else {
		r->missing = arena_strndup(r->a, name, len);
		why = no_value;
	}
	return why;
}

/* The variable at *p, just behind its "$"; *p is moved behind it. */
static const char *replace_one(struct replacing *r, const char **p, const char *end)
{
	bool braces = **p == '{';
	const char *name = *p + braces, *stop;
	size_t len = MIN(name_length(name), (size_t)(end - name));

	if (len == 0)
		return malformed;
	stop = braces ? closing(name, end) : name + len;
	if (!stop)
		return malformed;
	*p = stop + braces;
	return expand(r, name, len, name + len, stop);
}

static const char *replace(struct replacing *r, const char *text, size_t len)
{
	const char *end = text + len, *why = NULL;

	if (++r->depth > DEPTH_MAX)
		return malformed;
	while (text < end && !why) {
		const char *dollar = memchr(text, '$', (size_t)(end - text));

		buf_add(r->out, text, (size_t)((dollar ? dollar : end) - text));
		if (!dollar)
			break;
		text = dollar + 1;
		if (r->out->len > COMPOSE_VALUE_MAX)
			return "it becomes too long";
		if (text < end && *text == '$') {
			buf_addc(r->out, '$');
			text++;
			continue;
		}
		why = replace_one(r, &text, end);
	}
	r->depth--;
	return why;
}

const char *compose_vars_replace(const struct compose_vars *vars, const char *text, struct arena *a,
	struct buf *out, const char **ret_name)
{
	struct replacing r = { .vars = vars, .a = a, .out = out };
	const char *why = replace(&r, text, strlen(text));

	*ret_name = why == no_value ? r.missing : NULL;
	return why;
}
