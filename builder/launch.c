/* From a definition to a server that answered. */
#include "launch.h"

#include "arena.h"
#include "ctx.h"
#include "definition.h"
#include "error.h"
#include "launch_handoff.h"
#include "launch_take.h"
#include "node.h"
#include "plan.h"
#include "progress.h"
#include "provider.h"
#include "servers.h"

unsigned launch_count(const struct launch_options *o)
{
	int64_t n = 1;

	if (o->count == 0 && o->def)
		(void)node_is_int(node_get(o->def->server, "count"), &n);
	return o->count ? o->count : (unsigned)n;
}

const char *launch_name(const struct launch_options *o, unsigned i, struct arena *a)
{
	const char *base = o->request->name ? o->request->name : o->def->name;

	return launch_count(o) > 1 ? arena_printf(a, "%s-%u", base, i + 1) : arena_strdup(a, base);
}

/* Each server's agent makes the names its own, as kbuild.dns means them. */
static int check_records(const struct launch_options *o, struct error *e)
{
	unsigned n = launch_count(o);

	if (!o->def || !o->def->dns || n == 1)
		return 0;
	return error_set(e, o->count ? ERR_USAGE : ERR_INVALID,
		"kbuild.dns gives its names to one server, and %u would take them from one another: "
		"launch one, or leave kbuild.dns out and keep records of all of them yourself",
		n);
}

static int name_all(const struct launch_options *o, struct arena *a, struct launch_request *all,
	struct error *e)
{
	unsigned n = launch_count(o);
	const char **names = arena_alloc(a, (n + 1) * sizeof *names);

	for (unsigned i = 0; i < n; i++) {
		names[i] = launch_name(o, i, a);
		if (n > 1 && !server_name_valid(names[i]))
			return error_set(e, ERR_USAGE,
				"the name '%s' has more than %d characters: choose a shorter one with --name",
				names[i], SERVER_NAME_MAX);
	}
	all->following = names;
	return 0;
}

/* The i-th of them. */
static struct launch_request one_of(const struct launch_request *all, unsigned i)
{
	struct launch_request q = *all;

	q.name = all->following[i];
	q.following = all->following + i + 1;
	return q;
}

/* Nobody waits for it any more, and it is in nobody's hands yet. */
static int take_back(const struct launch_options *o, const struct server *s, bool found,
	struct arena *a, struct error *e)
{
	const struct cloud *cloud = o->cloud;
	struct error why = {};

	if (o->keep || found || cloud->provider->keeps_interrupted)
		return error_append(e,
			": the server '%s' goes on starting%s; the same command waits for it again, 'kbuild destroy %s%s' removes it",
			s->name, server_price(cloud, s, a), s->name, cloud->words);
	if (cloud->provider->destroy(cloud, s->name, s->volume_made, &why) < 0)
		return error_append(
			e, ", and the server '%s' could not be removed: %s", s->name, why.msg);
	return error_append(e, ": the server '%s' was removed again", s->name);
}

static int make_server(struct ctx *c, const struct launch_options *o,
	const struct launch_request *q, struct arena *a, struct server *ret, struct error *e)
{
	static const char *const ends[] = {
		[CLOUD_CONTINUED] = "it was there already",
		[CLOUD_SETTLED] = "it is there already, from a launch of the same",
	};
	const struct cloud *cloud = o->cloud;
	int r;

	progress_begin(c->progress,
		launch_count(o) > 1 ? arena_printf(a, "making the server '%s'", q->name)
				    : "making the server",
		NULL, 0);
	r = cloud->provider->launch(cloud, q, a, ret, e);
	if (r < 0)
		return r;
	progress_end(c->progress, ends[r]);
	return r;
}

/* Until it answered, whatever that is: then its launch is over. */
static int finish_server(struct ctx *c, const struct launch_options *o, struct arena *a,
	struct server *s, struct error *e)
{
	const struct cloud *cloud = o->cloud;
	const struct server was = *s;
	bool answered = !o->wait;
	struct error late = {};
	int r = o->wait ? server_wait(c, cloud, s, o->timeout_ms, &answered, e) : 0, f;

	if (!answered)
		return r;
	if (o->wait && cloud->provider->keeps_interrupted)
		server_learn_keys(cloud, s);
	f = cloud->provider->settle(cloud, was.name, &late);
	if (r < 0)
		return r;
	if (f == 0)
		f = cloud->provider->find(cloud, was.name, a, s, &late);
	if (f == CLOUD_ABSENT)
		return error_set(
			e, ERR_FAILED, "the server '%s' was destroyed meanwhile", was.name);
	if (f < 0) {
		*e = late;
		return server_stays(cloud, &was, e);
	}
	s->volume_made = was.volume_made;
	return 0;
}

/* Of several servers: how far each has come. */
enum progress_of {
	NOT_MADE,
	MADE,	 /* and is waited for */
	FOUND,	 /* made by another launch, and is waited for, too */
	SETTLED, /* made before, and has answered: what it said counts */
	OVER,	 /* nothing is left to do */
	FAILED,	 /* it is there */
	SAID,	 /* interrupted, and what became of it is said */
};

static bool is_interrupted(const struct error *e)
{
	return e->code == ERR_INTERRUPTED;
}

/* Which servers there are after a failure, and what they cost. */
static int say_all(const struct launch_options *o, const struct server *v,
	const enum progress_of *is, struct arena *a, struct error *e)
{
	unsigned n = launch_count(o), told = 0, missing = 0;

	if (n == 1)
		return -e->code;
	for (unsigned i = 0; i < n; i++) {
		missing += is[i] == NOT_MADE;
		if (is[i] == NOT_MADE || is[i] == SAID)
			continue;
		error_append(e, "%s'%s'%s%s", told++ ? ", " : "\nThere is now: ", v[i].name,
			server_price(o->cloud, &v[i], a), is[i] == FAILED ? ", not ready" : "");
	}
	return missing ? error_append(e, "\nNot made: %u of %u", missing, n) : -e->code;
}

/* Those that were not ready yet. Another launch's stays: it may be waited for there. */
static void take_all_back(const struct launch_options *o, const struct server *v,
	enum progress_of *is, struct arena *a, struct error *e)
{
	for (unsigned i = 0; i < launch_count(o) && o->wait; i++) {
		if (is[i] != MADE && is[i] != FOUND)
			continue;
		(void)take_back(o, &v[i], is[i] == FOUND, a, e);
		is[i] = SAID;
	}
}

/* One after the other, until one cannot be made. */
static int make_each(struct ctx *c, const struct launch_options *o,
	const struct launch_request *each, struct arena *a, struct server *v, enum progress_of *is,
	struct error *e)
{
	int r = 0;

	for (unsigned i = 0; i < launch_count(o) && r >= 0; i++) {
		r = make_server(c, o, &each[i], a, &v[i], e);
		if (r >= 0)
			is[i] = r == 0		       ? MADE
				: r == CLOUD_CONTINUED ? FOUND
				: o->wait	       ? SETTLED
						       : OVER;
	}
	return MIN(r, 0);
}

/* What becomes of one says nothing of the others: each is waited for. The first error is told. */
static int make_all(struct ctx *c, const struct launch_options *o,
	const struct launch_request *each, struct arena *a, struct server *ret, struct error *e)
{
	unsigned n = launch_count(o);
	enum progress_of *is = arena_alloc(a, n * sizeof *is);
	int r = make_each(c, o, each, a, ret, is, e);

	if (r < 0)
		progress_fail(c->progress); /* what is waited for now is no part of it */
	for (unsigned i = 0; i < n && !(r < 0 && is_interrupted(e)); i++) {
		struct error why = {};

		if (is[i] != MADE && is[i] != FOUND && is[i] != SETTLED)
			continue;
		if ((is[i] != SETTLED ? finish_server(c, o, a, &ret[i], &why)
				      : server_last_word(c, o->cloud, &ret[i], &why)) == 0) {
			is[i] = OVER;
			continue;
		}
		progress_fail(c->progress);
		if (!is_interrupted(&why))
			is[i] = FAILED;
		if (r == 0 || is_interrupted(&why))
			*e = why;
		r = -e->code;
	}
	if (r < 0 && is_interrupted(e))
		take_all_back(o, ret, is, a, e);
	return r < 0 ? say_all(o, ret, is, a, e) : 0;
}

/* Everything that can be known before the image: what is missing must not be found after an hour. */
static int check_all(
	const struct launch_options *o, const struct launch_request *all, struct error *e)
{
	int r = 0;

	/* The first one last, so that what was learned of it is still at hand when it is made. */
	for (unsigned i = launch_count(o); i > 0 && r == 0; i--) {
		const struct launch_request q = one_of(all, i - 1);

		r = o->cloud->provider->check(o->cloud, &q, e);
	}
	return r;
}

/* The requests, whole: that one's user-data is too large for the cloud must not be found when others are made. */
static int prepare_each(const struct launch_options *o, const struct launch_request *all,
	const struct launch_handing *h, struct arena *a, struct launch_request *ret,
	struct error *e)
{
	int r = 0;

	for (unsigned i = 0; i < launch_count(o) && r == 0; i++) {
		ret[i] = one_of(all, i);
		if (o->def)
			r = launch_handoff(&ret[i], h->recipient, h->secrets, a, e);
	}
	return r;
}

/* What a launch would stumble over is said; only that somebody interrupted it is an error. */
static int plan_image(struct ctx *c, const struct launch_options *o, struct arena *a,
	struct launch_request *all, struct plan *ret, struct error *e)
{
	struct error wrong = {};

	if (launch_foresee(c, o->def, true, a, all, &wrong) == 0)
		return 0;
	if (is_interrupted(&wrong))
		return error_set(e, ERR_INTERRUPTED, "interrupted");
	plan_add(ret, a, PLAN_WRONG, "image", NULL, arena_strdup(a, wrong.msg));
	return 0;
}

int launch_plan(struct ctx *c, const struct launch_options *o, struct arena *a, struct plan *ret,
	struct error *e)
{
	struct launch_request all = *o->request;
	const struct node *secrets = NULL;
	struct error wrong = {};
	int r = 0;

	if (o->def) {
		launch_take_server(o->def, a, &all);
		if (launch_secrets(c, o->def, o->secrets, a, &secrets, &wrong) < 0)
			plan_add(ret, a, PLAN_WRONG, "secrets", NULL, arena_strdup(a, wrong.msg));
		if (check_records(o, &wrong) < 0)
			plan_add(ret, a, PLAN_WRONG, "dns", NULL, arena_strdup(a, wrong.msg));
		r = plan_image(c, o, a, &all, ret, e);
	}
	if (r == 0)
		r = name_all(o, a, &all, e);
	if (r == 0)
		r = launch_take_disk(o, a, &all, e);
	for (unsigned i = 0; i < launch_count(o) && r == 0; i++) {
		const struct launch_request q = one_of(&all, i);

		r = o->cloud->provider->plan(o->cloud, &q, a, ret, e);
	}
	if (ret->carbon > 0) /* which was said of one */
		ret->carbon *= launch_count(o);
	return r;
}

int launch_run(struct ctx *c, const struct launch_options *o, struct arena *a, struct server *ret,
	struct error *e)
{
	struct launch_request all = *o->request;
	struct launch_request *each = arena_alloc(a, launch_count(o) * sizeof *each);
	struct launch_handing h = {};
	int r = check_records(o, e);

	if (r == 0 && o->def) {
		launch_take_server(o->def, a, &all);
		r = launch_secrets(c, o->def, o->secrets, a, &h.secrets, e);
		if (r == 0)
			r = launch_foresee(c, o->def, false, a, &all, e);
	}
	if (r == 0)
		r = name_all(o, a, &all, e);
	if (r == 0)
		r = launch_take_disk(o, a, &all, e);
	if (r == 0)
		r = check_all(o, &all, e);
	if (r == 0 && o->def)
		r = launch_take_image(c, o, &all, &h, a, e);
	if (r == 0)
		r = prepare_each(o, &all, &h, a, each, e);
	return r < 0 ? r : make_all(c, o, each, a, ret, e);
}
