/*
 * What OpenStack's services answer: which answers deserve another attempt, and errors in words. Each
 * project words them in its own way, proxies in front of it in theirs, and some send pages of HTML.
 */
#include "os_parts.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "http.h"
#include "json.h"
#include "retry.h"

#include <string.h>
#include <strings.h>

enum api_verdict os_judge(const struct http_response *res, bool with_token)
{
	if (res->status >= 200 && res->status < 300)
		return API_DONE;
	if (res->status == 429)
		return API_AGAIN;
	/* What 429 was before it was invented. */
	if (res->status == 413 && http_response_retry_after_ms(res) > 0)
		return API_AGAIN;
	if (http_status_transient(res->status))
		return API_DOUBT;
	return res->status == 401 && with_token ? API_RENEW : API_FINAL;
}

/* The end of an element that shows nothing, or nothing new, at its start; else NULL. */
static const char *skip_element(const char *p, bool headings)
{
	static const struct {
		const char *start, *end;
		bool heading;
	} rows[] = { { "<head", "</head>", false }, { "<title", "</title>", false },
		{ "<style", "</style>", false }, { "<script", "</script>", false },
		{ "<!--", "-->", false }, { "<h1", "</h1>", true } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = strlen(rows[i].start);
		const char *end;

		if (strncasecmp(p, rows[i].start, n) != 0 || (rows[i].heading && headings) ||
			(p[1] != '!' && !strchr("> \t\r\n", p[n])))
			continue;
		end = strcasestr(p, rows[i].end);
		return end ? end + strlen(rows[i].end) : p + strlen(p);
	}
	return NULL;
}

/* One entity at p, moved over; an ampersand that begins none stands for itself. */
static const char *add_entity(const char *p, struct buf *out)
{
	static const struct {
		const char *entity, *text;
	} rows[] = { { "&lt;", "<" }, { "&gt;", ">" }, { "&quot;", "\"" }, { "&#39;", "'" },
		{ "&#x27;", "'" }, { "&apos;", "'" }, { "&nbsp;", " " }, { "&amp;", "&" } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = strlen(rows[i].entity);

		if (strncasecmp(p, rows[i].entity, n) == 0) {
			buf_adds(out, rows[i].text);
			return p + n;
		}
	}
	buf_addc(out, '&');
	return p + 1;
}

static void add_space(struct buf *out)
{
	if (out->len > 0 && out->data[out->len - 1] != ' ')
		buf_addc(out, ' ');
}

static void strip(const char *html, bool headings, struct buf *out)
{
	for (const char *p = html, *end; *p;) {
		end = *p == '<' ? skip_element(p, headings) : NULL;
		if (end) {
			p = end;
		} else if (*p == '<') {
			p += strcspn(p, ">");
			p += *p == '>';
			add_space(out);
		} else if (*p == '&') {
			p = add_entity(p, out);
		} else if ((unsigned char)*p <= ' ') {
			add_space(out);
			p++;
		} else {
			buf_addc(out, *p++);
		}
	}
	buf_trim(out);
}

const char *os_page_text(const char *html, struct arena *a)
{
	_buf_ out = BUF_INIT;

	strip(html, false, &out); /* the heading is the status over again */
	if (out.len == 0)
		strip(html, true, &out);
	return api_clean(a, buf_str(&out));
}

/*
 * The message of an error in JSON: Nova, Cinder {"badRequest": {"message"}}, Neutron {"NeutronError":
 * {"message"} or text}, Keystone {"error": {"message"}}, placement {"errors": [{"detail"}]}, Octavia
 * {"faultstring"}, and {"message"}. NULL: none of them.
 */
static const char *json_message(const struct node *body)
{
	static const char *const keys[] = { "message", "faultstring", "detail", "title" };
	const struct node *errors = node_get(body, "errors"), *inner = body;

	if (errors && errors->kind == NODE_LIST && errors->n > 0)
		inner = errors->items[0];
	else if (body && body->kind == NODE_MAP && body->n == 1)
		inner = body->items[0];
	if (node_str(inner))
		return node_str(inner);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *text = node_str(node_get(inner, keys[i]));

		if (text && *text)
			return text;
	}
	return NULL;
}

static const char *request_id(const struct http_response *res)
{
	static const char *const headers[] = { "x-openstack-request-id", "x-compute-request-id",
		"x-trans-id" };
	const char *id = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(headers) && !id; i++)
		id = http_response_header(res, headers[i]);
	return id;
}

/* Glance's messages in JSON are those of its pages; others quote what stands in angles. */
static bool is_page(const char *text)
{
	return strcasestr(text, "<br") || strstr(text, "</");
}

/* Paragraphs as one line. */
static const char *one_line(const char *text, struct arena *a)
{
	_buf_ out = BUF_INIT;

	for (; *text; text++)
		if ((unsigned char)*text <= ' ')
			add_space(&out);
		else
			buf_addc(&out, *text);
	buf_trim(&out);
	return arena_strdup(a, buf_str(&out));
}

/* The server's words, cleaned; NULL: none that a person could read. */
static const char *words(const struct http_response *res, struct arena *a)
{
	const char *text = buf_str(&res->body), *said;
	struct error ignored = { 0 };
	struct node *body = NULL;

	if (res->body.len == 0 || strlen(text) != res->body.len)
		return NULL;
	said = text;
	if (json_parse(&body, a, "", text, res->body.len, &ignored) == 0)
		said = json_message(body);
	if (said)
		said = !body || is_page(said) ? os_page_text(said, a) : one_line(said, a);
	return said && *said ? api_clean(a, said) : NULL;
}

/* What to do about the errors that people meet. */
static const char *hint(const struct api_call *c, const struct http_response *res)
{
	const struct os_own *own = c->own;

	if (own && own->service == OS_IDENTITY && res->status == 401 && c->style == &os_plain_style)
		return "user, password or credential is wrong, or does not belong to this project";
	if (res->status == 407)
		return "a proxy is in between";
	return NULL;
}

void os_complain(
	const struct api_call *c, const struct http_response *res, bool transient, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *said = words(res, a), *id = request_id(res), *todo = hint(c, res);
	const char *to = http_response_header(res, "location");
	char word[32];

	error_set(e, transient ? ERR_NETWORK : ERR_FAILED, "%s: %s %s: %s", c->who, c->method,
		c->path, http_status_text(res->status, word));
	if (said)
		error_append(e, ": %s", said);
	else if (res->body.len > 0)
		error_append(e, " (%zu bytes that say nothing readable)", res->body.len);
	if (id)
		error_append(e, " (request %s)", api_clean(a, id));
	if (res->status / 100 == 3 && to)
		error_append(e, "; it points to %s", api_clean(a, to));
	if (todo)
		error_append(e, "; %s", todo);
}
