/* Calls of services, one by one and by pages. */
#include "os_parts.h"

#include "arena.h"
#include "buf.h"
#include "error.h"

#include <string.h>

/* No project has more; a server that never ends its list is not read for ever. */
#define PAGES_MAX 500
#define ITEMS_MAX 100000

int os_call(
	struct os *o, const struct os_query *q, struct arena *a, struct node **ret, struct error *e)
{
	const struct os_own own = { .service = q->service, .microversion = q->microversion };
	_cleanup_(arena_freep) struct arena *tmp = arena_new();
	struct os_place p = { 0 };
	_buf_ what = BUF_INIT;
	_buf_ url = BUF_INIT;
	int r = os_place(o, q->service, q->region, tmp, &p, e);

	if (r == 0 && q->microversion) {
		buf_printf(&what, "%s %s", q->method, q->path);
		p.brief = q->brief;
		r = os_version_check(o, q->service, &p, q->microversion, buf_str(&what), e);
	}
	if (r < 0)
		return r;
	buf_printf(&url, "%s%s", p.url, q->path);
	/* The outcomes of os.h and of api.h are the same. */
	return api_make(&o->api,
		&(struct api_call){ .who = p.who,
			.path = q->path,
			.method = q->method,
			.url = buf_str(&url),
			.body = q->body,
			.content_type = q->content_type,
			.brief = q->brief,
			.repeat = q->harmless || strcmp(q->method, "POST") != 0,
			.style = &os_token_style,
			.arg = o,
			.own = &own },
		a, ret, e);
}
_Static_assert((int)OS_ABSENT == (int)API_ABSENT && (int)OS_CONFLICT == (int)API_CONFLICT &&
		       (int)OS_UNSURE == (int)API_UNSURE && (int)OS_REFUSED == (int)API_REFUSED,
	"os_call() passes outcomes on");

int os_must(
	struct os *o, const struct os_query *q, struct arena *a, struct node **ret, struct error *e)
{
	return api_plain(os_call(o, q, a, ret, e), e);
}

/* Where the next page is: "next" of images, "KEY_links" of all others. NULL: that was the last. */
static const char *next_link(const struct node *answer, const char *key, struct arena *a)
{
	const struct node *links = node_get(answer, arena_printf(a, "%s_links", key));
	const char *next = node_str(node_get(answer, "next"));

	for (size_t i = 0; links && links->kind == NODE_LIST && i < links->n && !next; i++) {
		const char *rel = node_str(node_get(links->items[i], "rel"));

		if (rel && strcmp(rel, "next") == 0)
			next = node_str(node_get(links->items[i], "href"));
	}
	return next;
}

/*
 * Of a link only the query counts: host and scheme are those that the server believes to have, behind
 * whatever stands before it, and a token follows no link to elsewhere. NULL: no link of ours.
 */
static const char *next_path(const char *path, const char *link, struct arena *a)
{
	const char *query = strchr(link, '?');

	if (!query || strpbrk(query, " \r\n#") || strlen(query) > 2000)
		return NULL;
	return arena_printf(a, "%.*s%s", (int)strcspn(path, "?"), path, query);
}

/* Adds a page's items. 1: there may be more, and q->path is the next page's; 0: that was all. */
static int take_page(struct os_query *q, const struct node *answer, const char *key,
	struct arena *a, struct node *all, struct error *e)
{
	const struct node *items = node_get(answer, key);
	const char *link, *next;

	if (api_list(items, arena_printf(a, "%s: '%s' of the answer", q->path, key), e) < 0)
		return -e->code;
	for (size_t i = 0; i < items->n; i++)
		node_append(a, all, items->items[i]);
	link = next_link(answer, key, a);
	if (!link || items->n == 0)
		return 0;
	next = next_path(q->path, link, a);
	if (!next || strcmp(next, q->path) == 0 || all->n > ITEMS_MAX)
		return error_set(e, ERR_FAILED, "%s %s: %s", os_service_name(q->service), q->path,
			!next		     ? "the link to the next page is none"
			: all->n > ITEMS_MAX ? "the list is endless"
					     : "the next page is this one");
	q->path = next;
	return 1;
}

int os_list(struct os *o, const struct os_query *q, const char *key, struct arena *a,
	struct node **ret, struct error *e)
{
	const struct mark nowhere = { 0 };
	struct node *all = node_list(a, &nowhere), *answer;
	struct os_query page = *q;
	int r = 1;

	for (unsigned n = 0; r == 1; n++) {
		if (n == PAGES_MAX)
			return error_set(e, ERR_FAILED, "%s %s: more than %d pages",
				os_service_name(q->service), q->path, PAGES_MAX);
		answer = NULL;
		r = os_must(o, &page, a, &answer, e);
		if (r < 0)
			return r;
		r = take_page(&page, answer, key, a, all, e);
	}
	if (r == 0)
		*ret = all;
	return r;
}
