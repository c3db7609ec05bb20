/* Microversions: what a service has is asked for once, and kept with the catalogue. */
#include "os_parts.h"

#include "arena.h"
#include "error.h"

#include <stdio.h>
#include <string.h>

/* What kbuild speaks at most: 2.72 is what OVH's oldest regions (Stein) have. */
static const struct {
	enum os_service service;
	const char *max;
} caps[] = { { OS_COMPUTE, "2.72" }, { OS_VOLUME, "3.59" }, { OS_PLACEMENT, "1.31" } };

struct microversion {
	unsigned major, minor;
};

static bool parse(const char *text, struct microversion *ret)
{
	int end = 0;

	return text && strlen(text) < 12 &&
	       sscanf(text, "%u.%u%n", &ret->major, &ret->minor, &end) == 2 && text[end] == '\0';
}

/* Less than, equal to, greater than 0; what is no microversion is less than any. */
static int compare(const char *a, const char *b)
{
	struct microversion x = { 0 }, y = { 0 };

	if (!parse(a, &x))
		x = (struct microversion){ 0 };
	if (!parse(b, &y))
		y = (struct microversion){ 0 };
	if (x.major != y.major)
		return x.major < y.major ? -1 : 1;
	return x.minor == y.minor ? 0 : x.minor < y.minor ? -1 : 1;
}

/* One version of a service that has microversions: compute and volume say "version", placement "max_version". */
static bool take_version(const struct node *n, const char **ret_min, const char **ret_max)
{
	struct microversion ignored;
	const char *max = node_str(node_get(n, "version"));
	const char *min = node_str(node_get(n, "min_version"));

	if (!max || !*max)
		max = node_str(node_get(n, "max_version"));
	if (!parse(max, &ignored) || !parse(min, &ignored))
		return false;
	*ret_min = min;
	*ret_max = max;
	return true;
}

/* "version" of the root of one, "versions" where several are told. "" where there are no microversions. */
static void read_versions(const struct node *answer, const char **ret_min, const char **ret_max)
{
	const struct node *all = node_get(answer, "versions");

	*ret_min = *ret_max = "";
	if (take_version(node_get(answer, "version"), ret_min, ret_max))
		return;
	for (size_t i = 0; all && all->kind == NODE_LIST && i < all->n; i++) {
		const char *min, *max;

		if (take_version(all->items[i], &min, &max) && compare(max, *ret_max) > 0) {
			*ret_min = min;
			*ret_max = max;
		}
	}
}

/* The root of that version: without the project behind it. */
static const char *root_of(
	enum os_service service, const char *url, const char *project, struct arena *a)
{
	size_t url_len = strlen(url), len = strlen(project);

	(void)service;
	if (url_len > len + 1 && url[url_len - len - 1] == '/' &&
		strcmp(url + url_len - len, project) == 0)
		url_len -= len + 1;
	return arena_printf(a, "%.*s/", (int)url_len, url);
}

static void put(struct os *o, struct node *map, const char *key, const char *text)
{
	const struct mark nowhere = { 0 };

	node_set(o->arena, map, &nowhere, key, node_scalar(o->arena, &nowhere, text, strlen(text)));
}

/* Asks the service, and keeps what it says. */
static int ask(struct os *o, enum os_service service, const struct os_place *p, struct arena *a,
	const char **ret_min, const char **ret_max, struct error *e)
{
	const struct os_own own = { .service = service, .list = true };
	const struct mark nowhere = { 0 };
	struct node *answer = NULL, *kept;
	const char *project = "";
	int r = os_project(o, a, &project, e);

	if (r == 0)
		r = api_plain(api_make(&o->api,
				      &(struct api_call){ .who = p->who,
					      .path = "/ (its versions)",
					      .method = "GET",
					      .url = root_of(service, p->url, project, a),
					      .brief = p->brief,
					      .repeat = true,
					      .style = &os_token_style,
					      .arg = o,
					      .own = &own },
				      a, &answer, e),
			e);
	if (r < 0)
		return r;
	read_versions(answer, ret_min, ret_max);
	kept = node_map(o->arena, &nowhere);
	put(o, kept, "min", *ret_min);
	put(o, kept, "max", *ret_max);
	node_set(o->arena, o->versions, &nowhere, p->url, kept);
	os_cache_store(o);
	return 0;
}

/* "" both: none. In the arena. */
static int versions(struct os *o, enum os_service service, const struct os_place *p,
	struct arena *a, const char **ret_min, const char **ret_max, struct error *e)
{
	const struct node *known = node_get(o->versions, p->url);
	const char *min = node_str(node_get(known, "min")), *max = node_str(node_get(known, "max"));

	if (!min || !max)
		return ask(o, service, p, a, ret_min, ret_max, e);
	*ret_min = arena_strdup(a, min);
	*ret_max = arena_strdup(a, max);
	return 0;
}

int os_version_check(struct os *o, enum os_service service, const struct os_place *p,
	const char *microversion, const char *what_for, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *min = "", *max = "";
	int r = versions(o, service, p, a, &min, &max, e);

	if (r < 0)
		return r;
	if (!*max)
		return error_set(e, ERR_FAILED, "%s: %s needs microversion %s, and it has none",
			p->who, what_for, microversion);
	if (compare(microversion, min) < 0 || compare(microversion, max) > 0)
		return error_set(e, ERR_FAILED, "%s: %s needs microversion %s, and it has %s to %s",
			p->who, what_for, microversion, min, max);
	return 0;
}

int os_microversion(struct os *o, enum os_service service, const char *region, struct arena *a,
	const char **ret, struct error *e)
{
	const char *min = "", *max = "";
	struct os_place p = { 0 };
	int r = os_place(o, service, region, a, &p, e);

	if (r == 0)
		r = versions(o, service, &p, a, &min, &max, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++)
		if (caps[i].service == service && *max && compare(caps[i].max, max) < 0)
			max = compare(caps[i].max, min) < 0 ? "" : caps[i].max;
	*ret = max;
	return 0;
}
