/* The session of a cloud that speaks OpenStack: its pace, its regions, its prices. */
#include "row.h"

#include "alloc.h"
#include "arena.h"
#include "error.h"
#include "http.h"
#include "mark.h"
#include "plan.h"
#include "progress.h"
#include "row_parts.h"

#include <string.h>

static int paced_turn(void *arg, struct error *e)
{
	struct row *row = arg;

	return pace_begin(&row->pace, row->cloud.clock, e);
}

static void paced_ended(void *arg, int turn)
{
	struct row *row = arg;

	pace_end(&row->pace, row->cloud.clock, turn);
}

static int paced_send(void *arg, const struct http_request *q, struct http_response *ret,
	enum http_failure *ret_failure, struct error *e)
{
	struct row *row = arg;
	int turn = paced_turn(row, e), r;

	if (turn < 0) {
		if (ret_failure)
			*ret_failure = HTTP_NOT_SENT;
		return turn;
	}
	r = http_send(&row->inner, q, ret, ret_failure, e);
	paced_ended(row, turn);
	return r;
}

int row_open(struct cloud *c, const struct row_hooks *h, struct error *e)
{
	struct row *row = xcalloc(1, sizeof *row);
	int r;

	row->arena = arena_new();
	row->hooks = h;
	row->cloud = *c;
	row->cloud.session = c->session = row;
	if (c->http) {
		row->inner = *c->http;
	} else {
		row->curl = http_curl_new();
		row->inner = http_curl_seam(row->curl);
	}
	row->http = (struct http){
		.send = paced_send, .turn = paced_turn, .ended = paced_ended, .arg = row
	};
	r = h->open ? h->open(row, &row->access, e) : 0;
	if (r < 0)
		row_close(c);
	return r;
}

void row_remember(struct row *r, const char *name, const char *id, const char *region)
{
	free(r->known.name);
	free(r->known.id);
	free(r->known.region);
	r->known.name = name ? xstrdup(name) : NULL;
	r->known.id = name ? xstrdup(id) : NULL;
	r->known.region = name ? xstrdup(region) : NULL;
}

void row_close(struct cloud *c)
{
	struct row *row = row_of(c);

	if (!row)
		return;
	if (row->os && row->cloud.verbose)
		progress_note(row->cloud.progress, "%u calls of OpenStack", os_calls(row->os));
	if (row->hooks->close)
		row->hooks->close(row);
	if (row->os)
		os_free(row->os);
	if (row->curl)
		http_curl_free(row->curl);
	if (row->survey)
		arena_free(row->survey);
	buf_free(&row->console.text);
	free(row->console.id);
	row_remember(row, NULL, NULL, NULL);
	arena_free(row->arena);
	free(row);
	c->session = NULL;
}

int row_os(struct row *r, struct os **ret, struct error *e)
{
	int f = 0;

	if (!r->os && r->hooks->access)
		f = r->hooks->access(r, &r->access, e);
	if (f == ROW_NO_USER)
		return error_set(e, ERR_FAILED,
			"the OpenStack user '%s' is not there yet: it is made by what is more than a look, as 'kbuild list'",
			r->no_user);
	if (f == 0 && !r->os)
		f = os_new(&r->os, &r->access, &r->http, r->cloud.clock, r->cloud.cache_dir, e);
	*ret = r->os;
	return f;
}

static const char *what_of(enum os_service service)
{
	return service == OS_IMAGE ? "images" : "servers";
}

static int unknown_region(struct row *r, enum os_service service, const char *asked,
	const char *const *regions, struct error *e)
{
	const char *near = asked ? nearest_word(asked, regions) : NULL;
	int f = 0;

	/* Of a region that the catalogue lacks, the cloud may know more: that it is not activated. */
	if (asked && r->hooks->check_region)
		f = r->hooks->check_region(r, asked, service == OS_IMAGE, e);
	if (f < 0)
		return f;
	if (asked)
		error_set(e, ERR_USAGE, "%s has no region '%s' with %s", r->hooks->title, asked,
			what_of(service));
	else
		error_set(e, ERR_USAGE,
			"say which region: --region, or kbuild.server.region of the definition");
	if (near)
		return error_append(e, "; did you mean '%s'?", near);
	error_append(e, "; there is:");
	for (size_t i = 0; regions[i]; i++)
		error_append(e, "%s %s", i ? "," : "", regions[i]);
	return -e->code;
}

static const char *among(const char *const *regions, const char *asked)
{
	for (; asked && *regions; regions++)
		if (strcmp(*regions, asked) == 0)
			return *regions;
	return NULL;
}

int row_region(struct row *r, enum os_service service, const char *asked, const char **ret,
	struct error *e)
{
	const char *const *regions;
	struct os *o;
	int f = row_os(r, &o, e);

	if (!asked)
		asked = r->cloud.region ? r->cloud.region : r->access.region;
	if (f == 0)
		f = os_regions(o, service, r->arena, &regions, e);
	/* The catalogue is as old as the token, and a region may have been activated since. */
	if (f == 0 && asked && !among(regions, asked) && os_renew(o))
		f = os_regions(o, service, r->arena, &regions, e);
	if (f != 0)
		return f;
	*ret = among(regions, asked);
	if (*ret)
		return 0;
	if (asked || !regions[0] || regions[1])
		return unknown_region(r, service, asked, regions, e);
	*ret = regions[0];
	return 0;
}

int row_regions(struct row *r, enum os_service service, const char *const **ret, struct error *e)
{
	const char *const **kept = &r->regions[service == OS_IMAGE];
	const char **one;
	struct os *o;
	int f = *kept ? 0 : row_os(r, &o, e);

	if (f == 0 && !*kept && !r->cloud.region && !r->access.region)
		f = os_regions(o, service, r->arena, kept, e);
	if (f == 0 && !*kept) {
		one = arena_alloc(r->arena, 2 * sizeof *one);
		f = row_region(r, service, NULL, &one[0], e);
		if (f == 0)
			*kept = one;
	}
	*ret = *kept;
	return f;
}

int row_price(struct row *r, const char *region, const char *flavor, uint64_t volume_gib,
	struct arena *a, struct cloud_cost *ret, struct error *e)
{
	*ret = (struct cloud_cost){ .carbon = -1 };
	return r->hooks->price ? r->hooks->price(r, region, flavor, volume_gib, a, ret, e) : 0;
}

int row_cost(const struct cloud *c, const struct server *s, struct arena *a, const char **ret,
	struct error *e)
{
	struct cloud_cost cost;
	int r;

	*ret = NULL;
	if (s->lacks) /* it may have a volume: better no price than one that is too low */
		return 0;
	r = row_price(row_of(c), s->region, s->flavor, s->volume_size / GIB, a, &cost, e);
	if (r == 0 && cost.currency)
		*ret = price_text(a, cost.server + cost.volume, cost.currency);
	return r;
}
