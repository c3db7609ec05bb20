/* The catalogue: which services there are, in which regions, and where. */
#include "os_parts.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "http.h"

#include <stdio.h>
#include <string.h>

/* What goes into URLs, lists and onto terminals: no blanks, no control characters, no end of a URL. */
static bool plain(const char *text, size_t max)
{
	size_t n = strlen(text);

	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~' || *p == '?' || *p == '#')
			return false;
	return n > 0 && n <= max;
}

static bool is_type(enum os_service service, size_t rank, const struct node *entry)
{
	const char *type = node_str(node_get(entry, "type"));

	return type && strcmp(type, os_service_type(service, rank)) == 0;
}

/* The catalogue's list; ERR_FAILED when there is none. Signed in. */
static int catalog_list(const struct os *o, const struct node **ret, struct error *e)
{
	*ret = node_get(o->body, "catalog");
	if (!*ret)
		return error_set(e, ERR_FAILED,
			"identity: the token has no 'catalog'; is it one of a project?");
	return api_list(*ret, "identity: the token's 'catalog'", e);
}

/* The endpoints of the service, all regions and interfaces; NULL: it is not in the catalogue. */
static int service_endpoints(
	const struct os *o, enum os_service service, const struct node **ret, struct error *e)
{
	const struct node *catalog;
	int r = catalog_list(o, &catalog, e);

	*ret = NULL;
	if (r < 0)
		return r;
	for (size_t rank = 0; os_service_type(service, rank); rank++) {
		for (size_t i = 0; i < catalog->n; i++) {
			if (!is_type(service, rank, catalog->items[i]))
				continue;
			*ret = node_get(catalog->items[i], "endpoints");
			if (!*ret || (*ret)->n == 0)
				continue; /* one of two entries may be empty */
			return api_list(*ret, "identity: a service's 'endpoints'", e);
		}
	}
	*ret = NULL;
	return 0;
}

static const char *region_of(const struct node *endpoint)
{
	const char *region = node_str(node_get(endpoint, "region_id"));

	return region ? region : node_str(node_get(endpoint, "region"));
}

static bool is_interface(const struct os *o, const struct node *endpoint)
{
	const char *wanted = os_given(o->k->interface) ? o->k->interface : "public";
	const char *interface = node_str(node_get(endpoint, "interface"));

	return interface && strcmp(interface, wanted) == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The regions of those endpoints, each once, sorted; in the arena. */
static const char **regions_of(
	const struct os *o, const struct node *endpoints, struct arena *a, size_t *ret_n)
{
	const char **v = arena_alloc(a, ((endpoints ? endpoints->n : 0) + 1) * sizeof *v);
	size_t n = 0, kept = 0;

	for (size_t i = 0; endpoints && i < endpoints->n; i++) {
		const char *region = region_of(endpoints->items[i]);

		/* It becomes a directory as well. */
		if (region && plain(region, 100) && *region != '.' && !strchr(region, '/') &&
			is_interface(o, endpoints->items[i]))
			v[n++] = arena_strdup(a, region);
	}
	qsort(v, n, sizeof *v, by_name);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || strcmp(v[kept - 1], v[i]) != 0)
			v[kept++] = v[i];
	v[kept] = NULL;
	*ret_n = kept;
	return v;
}

/* No endpoint fits: says what there is. */
static int no_place(const struct os *o, enum os_service service, const struct node *endpoints,
	const char *region, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *interface = os_given(o->k->interface) ? o->k->interface : "public";
	size_t n;
	const char **v = regions_of(o, endpoints, a, &n);

	if (!endpoints)
		return error_set(e, ERR_FAILED, "the cloud's catalogue has no service '%s'",
			os_service_type(service, 0));
	if (n == 0)
		return error_set(e, ERR_FAILED,
			"the cloud's catalogue has no %s endpoint of the service '%s'", interface,
			os_service_type(service, 0));
	if (region)
		error_set(e, ERR_FAILED, "there is no service '%s' in region '%.100s'",
			os_service_type(service, 0), region);
	else
		error_set(e, ERR_FAILED, "the service '%s' is in several regions: choose one",
			os_service_type(service, 0));
	for (size_t i = 0; i < n; i++)
		error_append(e, "%s%s", i == 0 ? "; there are: " : ", ", api_clean(a, v[i]));
	return -e->code;
}

static int project_id(const struct os *o, const char **ret, struct error *e)
{
	static const char what[] = "identity: the token's 'project'";
	int r = api_text(node_get(o->body, "project"), "id", what, ret, e);

	if (r == 0 && (!plain(*ret, 100) || strchr(*ret, '/')))
		r = error_set(e, ERR_FAILED, "%s: 'id' is no id", what);
	return r;
}

static int take_place(const struct os *o, enum os_service service, const struct node *endpoint,
	struct arena *a, struct os_place *ret, struct error *e)
{
	const char *region = region_of(endpoint), *project = "", *url;
	_free_ char *what = NULL;
	int r = api_text(endpoint, "url", "identity: an endpoint of the catalogue", &url, e);

	if (r < 0)
		return r;
	ret->region = region ? arena_strdup(a, api_clean(a, region)) : "";
	ret->who = region ? arena_printf(a, "%s in %s", os_service_name(service), ret->region)
			  : os_service_name(service);
	if (http_in_clear(url) || !plain(url, 2000))
		return error_set(e, ERR_FAILED,
			"%s: its endpoint in the catalogue is no https:// URL: %s", ret->who,
			api_clean(a, url));
	if (service == OS_VOLUME)
		r = project_id(o, &project, e);
	ret->url = os_versioned(service, url, project, a);
	return r;
}

int os_place(struct os *o, enum os_service service, const char *region, struct arena *a,
	struct os_place *ret, struct error *e)
{
	const struct node *endpoints = NULL, *found = NULL;
	_cleanup_(arena_freep) struct arena *tmp = arena_new();
	size_t n;
	int r = os_session(o, 0, e);

	if (r == 0)
		r = service_endpoints(o, service, &endpoints, e);
	if (r < 0)
		return r;
	if (!os_given(region))
		region = os_given(o->k->region) ? o->k->region : NULL;
	/* Identity is everywhere the same, and catalogues differ in where they put it. */
	if (!region) {
		const char **v = regions_of(o, endpoints, tmp, &n);

		region = n == 1 || (n > 1 && service == OS_IDENTITY) ? v[0] : NULL;
	}
	for (size_t i = 0; endpoints && i < endpoints->n && !found; i++) {
		const struct node *endpoint = endpoints->items[i];
		const char *its = region_of(endpoint);

		if (is_interface(o, endpoint) && (!its || (region && strcmp(its, region) == 0)))
			found = endpoint;
	}
	return found ? take_place(o, service, found, a, ret, e)
		     : no_place(o, service, endpoints, region, e);
}

int os_endpoint(struct os *o, enum os_service service, const char *region, struct arena *a,
	const char **ret, struct error *e)
{
	struct os_place p = { 0 };
	int r = os_place(o, service, region, a, &p, e);

	if (r == 0)
		*ret = p.url;
	return r;
}

int os_regions(struct os *o, enum os_service service, struct arena *a, const char *const **ret,
	struct error *e)
{
	const struct node *endpoints = NULL;
	size_t n;
	int r = os_session(o, 0, e);

	if (r == 0)
		r = service_endpoints(o, service, &endpoints, e);
	if (r == 0)
		*ret = regions_of(o, endpoints, a, &n);
	return r;
}

int os_has(struct os *o, enum os_service service, const char *region, bool *ret, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *const none[] = { NULL }, *const *v = none;
	int r = os_regions(o, service, a, &v, e);

	if (r < 0)
		return r;
	if (!os_given(region))
		region = os_given(o->k->region) ? o->k->region : NULL;
	*ret = !region && *v;
	for (; *v && region; v++)
		*ret = *ret || strcmp(*v, region) == 0;
	return 0;
}

int os_project(struct os *o, struct arena *a, const char **ret, struct error *e)
{
	const char *id;
	int r = os_session(o, 0, e);

	if (r == 0)
		r = project_id(o, &id, e);
	if (r == 0)
		*ret = arena_strdup(a, id);
	return r;
}
