/* "kbuild plan": see plan_text.h. */
#include "plan_text.h"

#include "arena.h"
#include "buf.h"
#include "ctx.h"
#include "error.h"
#include "json.h"
#include "launch.h"
#include "plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int64_t sum(const struct plan *p)
{
	int64_t all = 0;

	for (size_t i = 0; i < p->n; i++)
		all += p->items[i].price;
	return all;
}

static void add_text(struct buf *out, const char *key, const char *text)
{
	if (!text)
		return;
	buf_printf(out, ",\"%s\":", key);
	json_write_string(out, text, strlen(text));
}

/* 1e-8 of the currency as a decimal number. */
static void add_price(struct buf *out, const char *key, int64_t price)
{
	buf_printf(
		out, ",\"%s\":%" PRId64 ".%08" PRId64, key, price / 100000000, price % 100000000);
}

static void plan_json(const struct plan *p, const char *cloud, struct buf *out)
{
	buf_printf(out, "{\"cloud\":\"%s\"", cloud);
	add_text(out, "region", p->region);
	if (p->currency) {
		add_text(out, "currency", p->currency);
		add_price(out, "month", sum(p));
	}
	if (p->carbon >= 0 && p->region)
		buf_printf(out, ",\"carbon_g\":%" PRId64, p->carbon);
	if (p->carbon_basis) {
		buf_adds(out, ",\"carbon_basis\":");
		json_write_string(out, p->carbon_basis, strlen(p->carbon_basis));
	}
	buf_adds(out, ",\"items\":[");
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_item *t = &p->items[i];

		buf_printf(out, "%s{\"state\":\"%s\"", i ? "," : "", plan_state_name(t->state));
		add_text(out, "what", t->what);
		add_text(out, "name", t->name);
		add_text(out, "detail", t->detail);
		if (t->price)
			add_price(out, "month", t->price);
		buf_addc(out, '}');
	}
	buf_adds(out, "]}\n");
}

static void plan_table(const struct plan *p, const char *cloud, struct arena *a, struct buf *out)
{
	buf_printf(out, "on %s%s%s:\n", cloud, p->region ? ", " : "", p->region ? p->region : "");
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_item *t = &p->items[i];

		buf_printf(out, "  %-6s%-16s%-24s %s", plan_state_name(t->state), t->what,
			t->name ? t->name : "", t->detail ? t->detail : "");
		if (t->price)
			buf_printf(out, "  %s a month", price_text(a, t->price, p->currency));
		buf_trim(out);
		buf_addc(out, '\n');
	}
	if (p->currency)
		buf_printf(
			out, "%s a month in all, before tax\n", price_text(a, sum(p), p->currency));
	else if (p->region)
		buf_adds(out, "the cloud tells no prices\n");
	if (p->carbon >= 0 && p->region)
		buf_printf(out, "about %" PRId64 " g CO2e a month", p->carbon);
	else if (p->carbon_basis)
		buf_adds(out, "CO2e: not known");
	if (p->carbon_basis)
		buf_printf(out, " (%s)\n", p->carbon_basis);
}

int plan_show(struct ctx *c, const struct launch_options *o, struct arena *a, struct error *e)
{
	struct plan p = { .carbon = -1 };
	_buf_ out = BUF_INIT;
	size_t wrong;
	int r = launch_plan(c, o, a, &p, e);

	if (r < 0)
		return r;
	wrong = plan_count(&p, PLAN_WRONG);
	if (c->json)
		plan_json(&p, o->cloud->provider->name, &out);
	else
		plan_table(&p, o->cloud->provider->name, a, &out);
	fputs(buf_str(&out), stdout);
	if (wrong == 0)
		return 0;
	if (c->json) /* which has said it; an error would be a second document */
		return ERR_FAILED;
	return error_set(e, ERR_FAILED, "this launch would fail: %zu %s wrong", wrong,
		wrong == 1 ? "thing is" : "things are");
}
