/* See dns_wire.h. A cursor that never leaves the message; pointers in names only lead backwards. */
#include "dns_wire.h"

#include "arena.h"
#include "buf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define HEADER	  12
#define LABEL_MAX 63
#define WIRE_MAX  255 /* of a name */
#define CLASS_IN  1

static const struct {
	unsigned number;
	const char *name;
} types[] = {
	{ DNS_A, "A" },
	{ DNS_NS, "NS" },
	{ DNS_CNAME, "CNAME" },
	{ DNS_SOA, "SOA" },
	{ DNS_AAAA, "AAAA" },
};

const char *dns_type_name(unsigned type)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].number == type)
			return types[i].name;
	return NULL;
}

unsigned dns_type_number(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i].name, name) == 0)
			return types[i].number;
	return 0;
}

const char *dns_code_text(unsigned code)
{
	static const char *const texts[] = { "no error", "format error", "server failure",
		"no such name", "not implemented", "refused" };

	return code < ARRAY_SIZE(texts) ? texts[code] : "an unusual error";
}

static void add16(struct buf *out, unsigned v)
{
	buf_addc(out, (char)(v >> 8));
	buf_addc(out, (char)v);
}

static int add_name(struct buf *out, const char *name)
{
	size_t begin = out->len;

	while (*name && strcmp(name, ".") != 0) {
		size_t n = strcspn(name, ".");

		if (n == 0 || n > LABEL_MAX || out->len - begin + n + 2 > WIRE_MAX)
			return -EINVAL;
		buf_addc(out, (char)n);
		buf_add(out, name, n);
		name += n + (name[n] == '.');
	}
	buf_addc(out, '\0');
	return 0;
}

int dns_query_write(struct buf *out, uint16_t id, const char *name, unsigned type, bool recurse)
{
	add16(out, id);
	add16(out, recurse ? 0x0100 : 0);
	add16(out, 1);
	for (int i = 0; i < 3; i++)
		add16(out, 0);
	if (add_name(out, name) < 0)
		return -EINVAL;
	add16(out, type);
	add16(out, CLASS_IN);
	return 0;
}

struct cursor {
	const unsigned char *data;
	size_t len, at;
	bool broken; /* sticky: then everything read is 0 or "" */
};

static bool take(struct cursor *c, size_t n)
{
	if (c->broken || n > c->len - c->at) {
		c->broken = true;
		return false;
	}
	c->at += n;
	return true;
}

static unsigned take16(struct cursor *c)
{
	if (!take(c, 2))
		return 0;
	return (unsigned)c->data[c->at - 2] << 8 | c->data[c->at - 1];
}

static uint32_t take32(struct cursor *c)
{
	uint32_t high = take16(c);

	return high << 16 | take16(c);
}

/*
 * One label at *at to out; its successor's place in *at, 0 after the last. What cannot stand in a text
 * (a dot, a control character) becomes '?': such names are nobody's here.
 */
static bool take_label(const struct cursor *c, size_t *at, char *out, size_t *n)
{
	size_t len = c->data[*at];

	if (len > c->len - *at - 1 || *n + len + 2 > DNS_NAME_MAX)
		return false;
	if (*n > 0)
		out[(*n)++] = '.';
	for (size_t i = 0; i < len; i++) {
		unsigned char b = c->data[*at + 1 + i];

		out[(*n)++] = b > ' ' && b < 0x7f && b != '.' ? (char)b : '?';
	}
	*at += 1 + len;
	return true;
}

/* Reads a name, following pointers; the cursor ends behind it. */
static void take_name(struct cursor *c, char out[DNS_NAME_MAX])
{
	size_t at = c->at, n = 0, end = 0, limit = c->at;

	out[0] = '\0';
	for (; !c->broken; c->broken |= at >= c->len) {
		unsigned b = at < c->len ? c->data[at] : 0xff;

		if (b == 0)
			break;
		if (b <= LABEL_MAX) {
			c->broken |= !take_label(c, &at, out, &n);
			continue;
		}
		/* A pointer, which has to lead to before the name that it stands in: no loops. */
		if ((b & 0xc0) != 0xc0 || at + 1 >= c->len) {
			c->broken = true;
			break;
		}
		end = end ? end : at + 2;
		at = (b & 0x3f) << 8 | c->data[at + 1];
		c->broken |= at >= limit;
		limit = at;
	}
	out[c->broken ? 0 : n] = '\0';
	c->at = c->broken ? c->len : end ? end : at + 1;
}

static const char *take_data(struct cursor *c, unsigned type, size_t len, struct arena *a)
{
	struct cursor inner = *c;
	char text[DNS_NAME_MAX] = "";

	inner.len = MIN(c->at + len, c->len);
	if (type == DNS_A && len == 4)
		inet_ntop(AF_INET, c->data + c->at, text, sizeof text);
	else if (type == DNS_AAAA && len == 16)
		inet_ntop(AF_INET6, c->data + c->at, text, sizeof text);
	else if (type == DNS_A || type == DNS_AAAA)
		c->broken = true;
	else if (type == DNS_NS || type == DNS_CNAME)
		take_name(&inner, text);
	c->broken |= inner.broken;
	return arena_strdup(a, text);
}

static void take_answer(struct cursor *c, struct dns_answer *ret, struct arena *a)
{
	char name[DNS_NAME_MAX];
	unsigned class;
	size_t len;

	take_name(c, name);
	ret->name = arena_strdup(a, name);
	ret->type = take16(c);
	class = take16(c);
	ret->ttl = take32(c);
	len = take16(c);
	if (c->broken || len > c->len - c->at) {
		c->broken = true;
		return;
	}
	ret->text = take_data(c, ret->type, len, a);
	if (class != CLASS_IN) /* EDNS's pseudo-record, or nonsense */
		ret->type = 0;
	take(c, len);
}

int dns_reply_read(struct dns_reply *ret, struct arena *a, const void *data, size_t len)
{
	struct cursor c = { .data = data, .len = len };
	unsigned flags, questions, answers;
	char name[DNS_NAME_MAX];

	if (len < HEADER || len > DNS_SIZE_MAX)
		return -EBADMSG;
	*ret = (struct dns_reply){ .id = (uint16_t)take16(&c), .question = "" };
	flags = take16(&c);
	questions = take16(&c);
	answers = take16(&c);
	c.at = HEADER;
	if (!(flags & 0x8000) || questions > 1)
		return -EBADMSG;
	ret->code = flags & 15;
	ret->authoritative = flags & 0x0400;
	ret->truncated = flags & 0x0200;
	if (questions == 1) {
		take_name(&c, name);
		ret->question = arena_strdup(a, name);
		ret->question_type = take16(&c);
		c.broken |= take16(&c) != CLASS_IN;
	}
	/* An answer needs 11 bytes at least, so the length bounds what is allocated. */
	if (answers > (len - HEADER) / 11)
		return -EBADMSG;
	ret->answers = arena_alloc(a, (answers + 1) * sizeof *ret->answers);
	for (; ret->n < answers && !c.broken; ret->n++)
		take_answer(&c, &ret->answers[ret->n], a);
	return c.broken ? -EBADMSG : 0;
}

bool dns_reply_fits(const struct dns_reply *r, uint16_t id, const char *name, unsigned type)
{
	size_t len = strlen(name);

	if (len > 0 && name[len - 1] == '.')
		len--;
	return r->id == id && r->question_type == type && strlen(r->question) == len &&
	       strncasecmp(r->question, name, len) == 0;
}
