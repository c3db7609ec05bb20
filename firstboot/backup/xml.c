/* See xml.h. */
#include "xml.h"

#include "buf.h"
#include "error.h"

#include <string.h>

struct xml {
	const char *p, *end;
	char path[XML_PATH_MAX];
	size_t depth, elements;
	size_t lens[XML_DEPTH_MAX];   /* of the path before each level */
	size_t starts[XML_DEPTH_MAX]; /* of each level's text */
	struct buf text;
	xml_element element;
	void *arg;
};

static int wrong(struct error *e)
{
	return error_set(e, ERR_FAILED, "the answer is not the XML of S3");
}

/* The place behind the first word from p on, or NULL. */
static const char *behind(const struct xml *x, const char *word)
{
	const char *at = memmem(x->p, (size_t)(x->end - x->p), word, strlen(word));

	return at ? at + strlen(word) : NULL;
}

static bool begins(const struct xml *x, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(x->end - x->p) >= n && memcmp(x->p, word, n) == 0;
}

static void add_utf8(struct buf *b, unsigned long c)
{
	if (c < 0x80) {
		buf_addc(b, (char)c);
	} else if (c < 0x800) {
		buf_addc(b, (char)(0xc0 | c >> 6));
		buf_addc(b, (char)(0x80 | (c & 63)));
	} else if (c < 0x10000) {
		buf_addc(b, (char)(0xe0 | c >> 12));
		buf_addc(b, (char)(0x80 | (c >> 6 & 63)));
		buf_addc(b, (char)(0x80 | (c & 63)));
	} else {
		buf_addc(b, (char)(0xf0 | c >> 18));
		buf_addc(b, (char)(0x80 | (c >> 12 & 63)));
		buf_addc(b, (char)(0x80 | (c >> 6 & 63)));
		buf_addc(b, (char)(0x80 | (c & 63)));
	}
}

static bool add_number(struct buf *b, const char *name)
{
	bool hex = name[1] == 'x';
	const char *digits = name + 1 + hex;
	char *end;
	unsigned long c = strtoul(digits, &end, hex ? 16 : 10);

	if (*digits < '0' || *end || end - digits > 8 || c == 0 || c > 0x10ffff ||
		(c >= 0xd800 && c < 0xe000))
		return false;
	add_utf8(b, c);
	return true;
}

/* p stands at "&". */
static int read_entity(struct xml *x, struct error *e)
{
	static const struct {
		const char *name;
		char c;
	} known[] = { { "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' },
		{ "apos", '\'' } };
	const char *end = memchr(x->p, ';', MIN((size_t)(x->end - x->p), 12));
	char name[12] = "";

	if (!end)
		return wrong(e);
	memcpy(name, x->p + 1, (size_t)(end - x->p - 1));
	x->p = end + 1;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(name, known[i].name) == 0) {
			buf_addc(&x->text, known[i].c);
			return 0;
		}
	}
	return name[0] == '#' && add_number(&x->text, name) ? 0 : wrong(e);
}

static int open_element(struct xml *x, const char *name, size_t n, struct error *e)
{
	size_t len = x->depth ? strlen(x->path) : 0;

	if (n == 0 || x->depth == XML_DEPTH_MAX || len + n + 2 > sizeof x->path)
		return wrong(e);
	x->lens[x->depth] = len;
	x->starts[x->depth] = x->text.len;
	x->depth++;
	x->elements++;
	if (len > 0)
		x->path[len++] = '/';
	memcpy(x->path + len, name, n);
	x->path[len + n] = '\0';
	return 0;
}

static int close_element(struct xml *x, struct error *e)
{
	size_t level = --x->depth, start = x->starts[level];
	int r = x->element(x->arg, x->path, buf_str(&x->text) + start, e);

	/* What is in an element is no text of the one around it. */
	x->text.len = start;
	if (x->text.data)
		x->text.data[start] = '\0';
	x->path[x->lens[level]] = '\0';
	return r;
}

/* p stands behind "<". */
static int read_start(struct xml *x, struct error *e)
{
	const char *name = x->p, *end = memchr(x->p, '>', (size_t)(x->end - x->p));
	bool empty;
	size_t n;
	int r;

	if (!end)
		return wrong(e);
	empty = end > name && end[-1] == '/';
	for (n = 0; name + n < end - empty && !strchr(" \t\r\n", name[n]); n++) {
		if (strchr("<>&\"'/=", name[n]))
			return wrong(e);
	}
	r = open_element(x, name, n, e);
	x->p = end + 1;
	return r >= 0 && empty ? close_element(x, e) : r;
}

/* p stands behind "</". */
static int read_end(struct xml *x, struct error *e)
{
	const char *name, *end = memchr(x->p, '>', (size_t)(x->end - x->p));
	size_t n;

	if (!end || x->depth == 0)
		return wrong(e);
	name = x->path + x->lens[x->depth - 1];
	name += *name == '/';
	n = (size_t)(end - x->p);
	while (n > 0 && strchr(" \t\r\n", x->p[n - 1]))
		n--;
	if (n != strlen(name) || memcmp(name, x->p, n) != 0)
		return wrong(e);
	x->p = end + 1;
	return close_element(x, e);
}

static int read_markup(struct xml *x, struct error *e)
{
	if (begins(x, "<?")) {
		x->p = behind(x, "?>");
		return x->p ? 0 : wrong(e);
	}
	if (begins(x, "<!--")) {
		x->p = behind(x, "-->");
		return x->p ? 0 : wrong(e);
	}
	if (begins(x, "<!"))
		return wrong(e);
	if (begins(x, "</")) {
		x->p += 2;
		return read_end(x, e);
	}
	x->p++;
	return read_start(x, e);
}

static int read_text(struct xml *x, struct error *e)
{
	if (*x->p == '&')
		return read_entity(x, e);
	if (x->depth == 0 ? !strchr(" \t\r\n", *x->p) : *x->p == '\0')
		return wrong(e);
	if (x->depth > 0)
		buf_addc(&x->text, *x->p);
	x->p++;
	return 0;
}

static int read_all(struct xml *x, struct error *e)
{
	int r = 0;

	while (r >= 0 && x->p < x->end)
		r = *x->p == '<' ? read_markup(x, e) : read_text(x, e);
	return r >= 0 && (x->depth > 0 || x->elements == 0) ? wrong(e) : r;
}

int xml_read(const char *text, size_t len, xml_element element, void *arg, struct error *e)
{
	struct xml x = { .p = text, .end = text + len, .element = element, .arg = arg };
	int r = read_all(&x, e);

	buf_free(&x.text);
	return r;
}
