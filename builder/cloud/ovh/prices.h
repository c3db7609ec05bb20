/*
 * What OVH's public catalogue says things cost. The catalogue has some 10 MB; what we need of it is kept in
 * CACHE/ovh for a day. Prices are whole numbers of 1e-8 of the currency, before tax, and stay whole.
 */
#pragma once

#include "base.h"

struct arena;
struct cloud_cost;
struct error;
struct node;
struct ovh;
struct ovh_conf;
struct ovh_flavor;

#define HOURS_A_MONTH 730 /* as OVH's own pages count */

struct ovh_prices {
	const char *currency;		 /* "EUR" */
	const char *subsidiary;		 /* whose catalogue: "FR" */
	bool assumed;			 /* nobody has said so: the endpoint's first */
	int64_t fetched;		 /* unix seconds */
	const struct node *hour, *month; /* plan code: price */
};

/*
 * From the cache, or from OVH: one call, two where the subsidiary is not said in conf and the key may see the
 * account. now: unix seconds. In the arena.
 */
int prices_read(struct ovh_prices *ret, struct ovh *api, const struct ovh_conf *conf,
	const char *cache_dir, int64_t now, struct arena *a, struct error *e);
/* Of a catalogue as it is served; leaves assumed out. ERR_NETWORK: it is none, the member is named. */
int prices_of_catalogue(struct ovh_prices *ret, const struct node *catalogue,
	const char *subsidiary, int64_t now, struct arena *a, struct error *e);

/* Of the text of a cache file. False: it is none, or too old, or of the future. */
bool prices_of_cache(
	struct ovh_prices *ret, const char *text, size_t len, int64_t now, struct arena *a);

/* The price of a plan, for an hour or a month. False: the catalogue has none. */
bool prices_hour(const struct ovh_prices *p, const char *plan, int64_t *ret);
bool prices_month(const struct ovh_prices *p, const char *plan, int64_t *ret);
/* An hour's price for a month, times n (GB). False when it is too large to be a price. */
bool price_for_month(int64_t hour, int64_t n, int64_t *ret);

/*
 * A server (NULL: none) and its volume for a month; fills currency, server, volume of ret where all of it is
 * known. volume_type: "classic"; volume_gib 0: none. region_type: of struct ovh_region, some have prices of their own.
 */
void prices_cost(const struct ovh_prices *p, const struct ovh_flavor *f, const char *region_type,
	const char *volume_type, int64_t volume_gib, struct cloud_cost *ret);
