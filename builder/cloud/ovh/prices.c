/*
 * The catalogue, made small. Of each plan the price for consumption (by the hour) and the one that renews
 * (by the month) are kept, nothing else.
 */
#include "prices.h"

#include "arena.h"
#include "buf.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "mark.h"
#include "native_reply.h"
#include "node.h"
#include "ovh.h"
#include "ovh_conf.h"
#include "project.h"
#include "provider.h"
#include "reply.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CACHE_SECONDS 86400
#define CACHE_MAX     (4 * MIB)
#define FORMAT	      2			 /* of the cache file */
#define PRICE_MAX     (INT64_C(1) << 40) /* 10,995 of a currency an hour: more is no price */

struct catalogue {
	const char *currency;
	const struct node *plans, *addons;
};

static const struct field locale_fields[] = {
	{ "currencyCode", reply_word, offsetof(struct catalogue, currency), FIELD_REQUIRED },
	{},
};

static const struct field catalogue_fields[] = {
	{ "locale", field_map, 0, FIELD_REQUIRED, locale_fields },
	{ "plans", field_node, offsetof(struct catalogue, plans) },
	{ "addons", field_node, offsetof(struct catalogue, addons), FIELD_REQUIRED },
	{},
};

struct pricing {
	int64_t price;
	const char *unit;
	const struct node *capacities;
};

static const struct field pricing_fields[] = {
	{ "price", reply_number, offsetof(struct pricing, price), FIELD_REQUIRED },
	{ "intervalUnit", reply_text, offsetof(struct pricing, unit) },
	{ "capacities", field_node, offsetof(struct pricing, capacities) },
	{},
};

static bool has_word(const struct node *list, const char *word)
{
	for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		const char *one = node_str(list->items[i]);

		if (one && strcmp(one, word) == 0)
			return true;
	}
	return false;
}

static void keep(struct node *table, struct arena *a, const char *plan, int64_t price)
{
	char text[24];
	struct node *value;
	int n = snprintf(text, sizeof text, "%" PRId64, price);

	value = node_scalar(a, &table->at, text, (size_t)n);
	value->quoted = false;
	/* A plan stands there once; looking for an equal one each time would be slow. */
	node_add(a, table, node_scalar(a, &table->at, plan, strlen(plan)), value);
}

/* One plan's list of prices; the first of each kind. */
static int read_pricings(const struct node *list, const char *plan, struct node *hour,
	struct node *month, struct arena *a, struct error *e)
{
	bool have_hour = false, have_month = false;

	for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		struct pricing p = {};
		int r = reply_read(list->items[i], "pricing", pricing_fields, &p, a, e);

		if (r < 0)
			return error_prefix(e, "the catalogue's plan %.80s", plan);
		if (p.price < 0 || p.price > PRICE_MAX)
			continue;
		if (!have_hour && has_word(p.capacities, "consumption")) {
			keep(hour, a, plan, p.price);
			have_hour = true;
		} else if (!have_month && p.unit && strcmp(p.unit, "month") == 0 &&
			   has_word(p.capacities, "renew")) {
			keep(month, a, plan, p.price);
			have_month = true;
		}
	}
	return 0;
}

static int read_plans(const struct node *list, struct node *hour, struct node *month,
	struct arena *a, struct error *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && list && list->kind == NODE_LIST && i < list->n; i++) {
		const char *plan = node_str(node_get(list->items[i], "planCode"));

		if (plan)
			r = read_pricings(
				node_get(list->items[i], "pricings"), plan, hour, month, a, e);
	}
	return r;
}

int prices_of_catalogue(struct ovh_prices *ret, const struct node *catalogue,
	const char *subsidiary, int64_t now, struct arena *a, struct error *e)
{
	struct node *hour = node_map(a, &(struct mark){}), *month = node_map(a, &(struct mark){});
	struct catalogue c = {};
	int r = reply_read(catalogue, "catalogue", catalogue_fields, &c, a, e);

	if (r == 0)
		r = reply_list(c.addons, "the catalogue's addons", e);
	if (r == 0)
		r = read_plans(c.addons, hour, month, a, e);
	if (r == 0)
		r = read_plans(c.plans, hour, month, a, e);
	if (r < 0)
		return r;
	if (hour->n == 0) { /* it would be believed for a day */
		error_set(e, ERR_NETWORK, "the reply's 'catalogue.addons' holds no price");
		e->transient = false;
		return -e->code;
	}
	*ret = (struct ovh_prices){ .currency = c.currency,
		.subsidiary = subsidiary,
		.fetched = now,
		.hour = hour,
		.month = month };
	return 0;
}

/* --- the cache ------------------------------------------------------------------------------- */

static const char *cache_path(const struct ovh_conf *conf, const char *cache_dir, struct arena *a)
{
	const char *what =
		arena_printf(a, "%s %s", conf->section, conf->subsidiary ? conf->subsidiary : "");
	char hex[SHA256_HEX];

	sha256_bytes(what, strlen(what), hex);
	return arena_printf(a, "%s/ovh/prices-%.16s.json", cache_dir, hex);
}

struct cached {
	int64_t format;
	struct ovh_prices prices;
};

static const struct field cached_fields[] = {
	{ "v", field_int, offsetof(struct cached, format), FIELD_REQUIRED },
	{ "currency", reply_word, offsetof(struct cached, prices.currency), FIELD_REQUIRED },
	{ "subsidiary", reply_word, offsetof(struct cached, prices.subsidiary), FIELD_REQUIRED },
	{ "assumed", field_bool, offsetof(struct cached, prices.assumed), FIELD_REQUIRED },
	{ "fetched", field_int, offsetof(struct cached, prices.fetched), FIELD_REQUIRED },
	{ "hour", field_node, offsetof(struct cached, prices.hour), FIELD_REQUIRED },
	{ "month", field_node, offsetof(struct cached, prices.month), FIELD_REQUIRED },
	{},
};

bool prices_of_cache(
	struct ovh_prices *ret, const char *text, size_t len, int64_t now, struct arena *a)
{
	struct error ignored = {};
	struct cached c = {};
	struct node *doc;

	if (json_parse(&doc, a, "the cache", text, len, &ignored) < 0 ||
		reply_read(doc, "prices", cached_fields, &c, a, &ignored) < 0)
		return false;
	if (c.format != FORMAT || c.prices.fetched > now || c.prices.fetched < now - CACHE_SECONDS)
		return false;
	*ret = c.prices;
	return true;
}

/* Whatever is wrong with the file: it is fetched anew. */
static bool read_cache(struct ovh_prices *ret, const char *path, int64_t now, struct arena *a)
{
	_buf_ text = BUF_INIT;

	return file_read(AT_FDCWD, path, CACHE_MAX, &text) == 0 &&
	       prices_of_cache(ret, buf_str(&text), text.len, now, a);
}

static void write_cache(const struct ovh_prices *p, const char *path, const char *dir)
{
	_buf_ out = BUF_INIT;

	buf_printf(&out, "{\"v\":%d,\"fetched\":%" PRId64 ",\"assumed\":%s,\"currency\":", FORMAT,
		p->fetched, p->assumed ? "true" : "false");
	json_write_string(&out, p->currency, strlen(p->currency));
	buf_adds(&out, ",\"subsidiary\":");
	json_write_string(&out, p->subsidiary, strlen(p->subsidiary));
	buf_adds(&out, ",\"hour\":");
	node_write_json(p->hour, 0, &out);
	buf_adds(&out, ",\"month\":");
	node_write_json(p->month, 0, &out);
	buf_adds(&out, "}\n");
	if (mkdir_all(AT_FDCWD, dir, 0755) == 0) /* not kept: the next run asks again */
		(void)file_replace(AT_FDCWD, path, out.data, out.len, 0644);
}

/* Whose prices: as the user says, as the account says where it may be asked, else the endpoint's first (assumed). */
static const char *find_subsidiary(
	struct ovh *api, const struct ovh_conf *conf, struct arena *a, bool *assumed)
{
	struct error ignored = {};
	struct node *me = NULL;
	const char *said = conf->subsidiary;

	*assumed = false;
	if (!said && ovh_keys_check(&conf->keys, &ignored) == 0 &&
		ovh_call(api, &(struct ovh_query){ .method = "GET", .path = "/me" }, a, &me,
			&ignored) == 0)
		said = node_str(node_get(me, "ovhSubsidiary"));
	if (said && strlen(said) >= 2 && strlen(said) <= 4 &&
		strspn(said, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(said))
		return said;
	*assumed = true;
	if (strcmp(conf->section, "ovh-us") == 0)
		return "US";
	return strcmp(conf->section, "ovh-ca") == 0 ? "CA" : "FR";
}

int prices_read(struct ovh_prices *ret, struct ovh *api, const struct ovh_conf *conf,
	const char *cache_dir, int64_t now, struct arena *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *large = arena_new();
	const char *path = cache_path(conf, cache_dir, a), *subsidiary;
	struct node *catalogue;
	bool assumed;
	int r;

	if (read_cache(ret, path, now, a))
		return 0;
	subsidiary = find_subsidiary(api, conf, a, &assumed);
	r = ovh_must(api,
		&(struct ovh_query){ .method = "GET",
			.path = native_part(
				"/order/catalog/public/cloud?ovhSubsidiary=", subsidiary, a),
			.large = true,
			.open = true },
		large, &catalogue, e);
	if (r == 0)
		r = prices_of_catalogue(ret, catalogue, subsidiary, now, a, e);
	if (r < 0)
		return r;
	/* It goes with the large arena; all else was copied. */
	ret->currency = arena_strdup(a, ret->currency);
	ret->assumed = assumed;
	write_cache(ret, path, arena_printf(a, "%s/ovh", cache_dir));
	return 0;
}

/* --- asking ----------------------------------------------------------------------------------- */

static bool look_up(const struct node *table, const char *plan, int64_t *ret)
{
	int64_t price;

	if (!plan || !node_is_int(node_get(table, plan), &price) || price < 0 || price > PRICE_MAX)
		return false;
	*ret = price;
	return true;
}

bool prices_hour(const struct ovh_prices *p, const char *plan, int64_t *ret)
{
	return look_up(p->hour, plan, ret);
}

bool prices_month(const struct ovh_prices *p, const char *plan, int64_t *ret)
{
	return look_up(p->month, plan, ret);
}

bool price_for_month(int64_t hour, int64_t n, int64_t *ret)
{
	int64_t month;

	if (__builtin_mul_overflow(hour, HOURS_A_MONTH, &month) ||
		__builtin_mul_overflow(month, n, &month))
		return false;
	*ret = month;
	return true;
}

/* Zones of another kind have plans of their own, where they cost something else. */
static bool volume_hour(
	const struct ovh_prices *p, const char *region_type, const char *type, int64_t *ret)
{
	const char *suffix = !region_type			       ? ""
			     : strcmp(region_type, "localzone") == 0   ? ".LZ"
			     : strcmp(region_type, "region-3-az") == 0 ? ".3AZ"
								       : "";
	char plan[128];

	snprintf(plan, sizeof plan, "volume.%s.consumption%s", type, suffix);
	if (prices_hour(p, plan, ret))
		return true;
	snprintf(plan, sizeof plan, "volume.%s.consumption", type);
	return prices_hour(p, plan, ret);
}

void prices_cost(const struct ovh_prices *p, const struct ovh_flavor *f, const char *region_type,
	const char *volume_type, int64_t volume_gib, struct cloud_cost *ret)
{
	int64_t hour;

	if (f && (!prices_hour(p, f->hourly, &hour) || !price_for_month(hour, 1, &ret->server)))
		return;
	if (volume_gib > 0 && (!volume_hour(p, region_type, volume_type, &hour) ||
				      !price_for_month(hour, volume_gib, &ret->volume)))
		return;
	ret->currency = p->currency; /* only where all of it is known */
}
