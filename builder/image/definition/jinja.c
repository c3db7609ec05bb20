/*
 * Two passes: the text is cut into tokens, trimmed as Jinja trims them (which depends only on the
 * source, not on values); then the tokens are walked, nested blocks by recursion.
 */
#include "jinja.h"
#include "alloc.h"
#include "buf.h"
#include "error.h"

#include <string.h>

#define WORDS_MAX 8
#define DEPTH_MAX 16

enum token_kind { TOKEN_TEXT, TOKEN_VALUE, TOKEN_BLOCK };

struct token {
	enum token_kind kind;
	const char *s;
	size_t len;
};

struct tokens {
	struct token *v;
	size_t n, cap;
};

/* A loop's variable, in front of those around it. */
struct scope {
	const struct scope *outer;
	const char *name, *value;
};

struct render {
	const struct tokens *tokens;
	const struct jinja_list *lists;
	struct buf *out;
	struct error *e;
};

/* A tag's text, split at blanks. */
struct words {
	char *text;
	char *v[WORDS_MAX];
	size_t n;
};

static void tokens_free(struct tokens *t)
{
	free(t->v);
}

static void words_free(struct words *w)
{
	free(w->text);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void add(struct tokens *t, enum token_kind kind, const char *s, size_t len)
{
	if (kind == TOKEN_TEXT && len == 0)
		return;
	t->v = grow(t->v, t->n, &t->cap, sizeof *t->v);
	t->v[t->n++] = (struct token){ kind, s, len };
}

/* The next tag at or after p, or the end of the text. */
static const char *next_tag(const char *p)
{
	while ((p = strchr(p, '{')) && p[1] != '{' && p[1] != '%' && p[1] != '#')
		p++;
	return p;
}

/* Cuts one tag (p is at its "{"); returns what follows, or NULL when it is not closed. */
static const char *cut_tag(struct tokens *t, const char *p, bool *ret_strip)
{
	char kind = p[1], close[3] = { kind == '{' ? '}' : kind, '}', '\0' };
	const char *start = p + 2, *end = strstr(start, close), *after;
	size_t len;

	if (!end)
		return NULL;
	after = end + 2;
	*ret_strip = end > start && end[-1] == '-';
	start += *start == '-';
	len = end > start ? (size_t)(end - start) - (*ret_strip ? 1 : 0) : 0;
	if (kind != '#')
		add(t, kind == '{' ? TOKEN_VALUE : TOKEN_BLOCK, start, len);
	if (kind != '{' && *after == '\n')
		after++; /* trim_blocks */
	return after;
}

static int tokenize(const char *text, struct tokens *t, struct error *e)
{
	bool strip = false;

	for (const char *p = text;;) {
		const char *tag = next_tag(p), *end = tag ? tag : p + strlen(p);

		while (strip && p < end && is_blank(*p))
			p++;
		while (tag && tag[2] == '-' && end > p && is_blank(end[-1]))
			end--;
		add(t, TOKEN_TEXT, p, (size_t)(end - p));
		if (!tag)
			return 0;
		p = cut_tag(t, tag, &strip);
		if (!p)
			return error_set(
				e, ERR_FAILED, "a tag of the template is not closed: %.20s", tag);
	}
}

static void split(const struct token *t, struct words *w)
{
	char *save = NULL;

	w->text = xstrndup(t->s, t->len);
	w->n = 0;
	for (char *p = strtok_r(w->text, " \t\n", &save); p && w->n < WORDS_MAX;
		p = strtok_r(NULL, " \t\n", &save))
		w->v[w->n++] = p;
}

static int not_known(const struct render *r, const struct token *t)
{
	return error_set(r->e, ERR_FAILED, "the template says '%.*s', which kbuild does not know",
		(int)t->len, t->s);
}

static const struct jinja_list *find_list(const struct render *r, const char *name)
{
	for (const struct jinja_list *l = r->lists; l->name; l++)
		if (strcmp(l->name, name) == 0)
			return l;
	return NULL;
}

/* "if NAME [or NAME]…": 1 true, 0 false, negative. */
static int condition(const struct render *r, const struct token *t, const struct words *w)
{
	int result = 0;

	if (w->n < 2 || w->n % 2 != 0)
		return not_known(r, t);
	for (size_t i = 1; i < w->n; i += 2) {
		const struct jinja_list *l = find_list(r, w->v[i]);

		if (!l || (i > 1 && strcmp(w->v[i - 1], "or") != 0))
			return not_known(r, t);
		result |= l->items && l->items[0];
	}
	return result;
}

static int value(const struct render *r, const struct token *t, const struct scope *scope)
{
	_cleanup_(words_free) struct words w = { 0 };

	split(t, &w);
	for (const struct scope *s = scope; w.n == 1 && s; s = s->outer)
		if (strcmp(s->name, w.v[0]) == 0) {
			buf_adds(r->out, s->value);
			return 0;
		}
	return not_known(r, t);
}

/* The index of the tag that ends the block begun at i, or 0. */
static size_t block_end(const struct render *r, size_t i)
{
	int depth = 0;

	for (; i < r->tokens->n; i++) {
		_cleanup_(words_free) struct words w = { 0 };

		if (r->tokens->v[i].kind != TOKEN_BLOCK)
			continue;
		split(&r->tokens->v[i], &w);
		if (w.n == 0)
			continue;
		depth += strncmp(w.v[0], "end", 3) == 0 ? -1 : 1;
		if (depth == 0)
			return i;
	}
	return 0;
}

static int walk(
	const struct render *r, size_t from, size_t to, const struct scope *scope, int depth);

/* "for X in NAME" */
static int loop(const struct render *r, size_t begin, size_t end, const struct words *w,
	const struct scope *outer, int depth)
{
	const struct jinja_list *l = w->n == 4 ? find_list(r, w->v[3]) : NULL;

	if (!l || strcmp(w->v[2], "in") != 0)
		return not_known(r, &r->tokens->v[begin]);
	for (const char *const *item = l->items; item && *item; item++) {
		struct scope scope = { outer, w->v[1], *item };
		int status = walk(r, begin + 1, end, &scope, depth);

		if (status < 0)
			return status;
	}
	return 0;
}

static int block(
	const struct render *r, size_t begin, size_t end, const struct scope *scope, int depth)
{
	_cleanup_(words_free) struct words w = { 0 };
	int status;

	split(&r->tokens->v[begin], &w);
	if (w.n > 0 && strcmp(w.v[0], "for") == 0)
		return loop(r, begin, end, &w, scope, depth);
	if (w.n == 0 || strcmp(w.v[0], "if") != 0)
		return not_known(r, &r->tokens->v[begin]);
	status = condition(r, &r->tokens->v[begin], &w);
	return status <= 0 ? status : walk(r, begin + 1, end, scope, depth);
}

static int walk(
	const struct render *r, size_t from, size_t to, const struct scope *scope, int depth)
{
	for (size_t i = from; i < to; i++) {
		const struct token *t = &r->tokens->v[i];
		int status = 0;

		if (t->kind == TOKEN_TEXT)
			buf_add(r->out, t->s, t->len);
		else if (t->kind == TOKEN_VALUE)
			status = value(r, t, scope);
		else {
			size_t end = depth < DEPTH_MAX ? block_end(r, i) : 0;

			if (end == 0 || end >= to)
				return not_known(r, t);
			status = block(r, i, end, scope, depth + 1);
			i = end;
		}
		if (status < 0)
			return status;
	}
	return 0;
}

int jinja_render(const char *text, const struct jinja_list *lists, struct buf *out, struct error *e)
{
	_cleanup_(tokens_free) struct tokens tokens = { 0 };
	struct render r = { &tokens, lists, out, e };
	size_t len = strlen(text);
	bool newline = len > 0 && text[len - 1] == '\n';
	/* Jinja drops the last newline of a source, and cloud-init adds one again. */
	_free_ char *source = xstrndup(text, len - newline);
	int status = tokenize(source, &tokens, e);

	if (status == 0)
		status = walk(&r, 0, tokens.n, NULL, 0);
	if (status == 0 && newline)
		buf_addc(out, '\n');
	return status;
}
