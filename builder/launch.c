/* From a definition to a server that answered. */
#include "launch.h"

#include "arena.h"
#include "build.h"
#include "ctx.h"
#include "definition.h"
#include "error.h"
#include "launch_handoff.h"
#include "login.h"
#include "node.h"
#include "progress.h"
#include "provider.h"

/* What the definition says of its servers, where the command line said nothing. */
static void take_server(const struct definition *def, struct arena *a, struct launch_request *q)
{
	const struct {
		const char *key, **to;
	} texts[] = { { "flavor", &q->flavor }, { "network", &q->network }, { "key", &q->key } };
	struct port_allow *allow = arena_alloc(a, (def->firewall.n + 1) * sizeof *allow);

	if (!q->name)
		q->name = arena_strdup(a, def->name);
	if (!q->volume_size)
		q->volume_size = login_volume(def);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (!*texts[i].to)
			*texts[i].to = node_str(node_get(def->server, texts[i].key));
	}
	if (q->ssh_keys && q->ssh_keys[0])
		q->key = NULL;
	for (size_t i = 0; i < def->firewall.n; i++) {
		const struct port_rule *p = &def->firewall.allow[i];

		allow[i] = (struct port_allow){ p->protocol, p->port, p->last_port, p->from };
	}
	q->allow = allow;
	q->n_allow = def->firewall.n;
}

/* Fills what the request leaves open from the image of the definition, building it when needed. */
static int take_image(struct ctx *c, const struct launch_options *o, struct launch_request *q,
	const struct node *secrets, struct arena *a, struct error *e)
{
	_cleanup_(build_result_free) struct build_result b = BUILD_RESULT_INIT;
	struct build_options bo = BUILD_OPTIONS_INIT;
	int r;

	bo.definition = o->def->path;
	r = build_run(c, &bo, &b, e);
	if (r < 0)
		return r;
	q->definition = arena_strdup(a, b.name);
	q->disk = arena_strdup(a, b.disk);
	q->disk_immutable = true;
	q->image_digest = arena_strdup(a, b.image);
	q->user_data = arena_strdup(a, b.user_data);
	if (!q->user && b.user)
		q->user = arena_strdup(a, b.user);
	return launch_handoff(q, *b.recipient ? b.recipient : NULL, secrets, a, e);
}

/* Nobody waits for it any more, and it is in nobody's hands yet. */
static int take_back(const struct launch_options *o, const struct server *s, struct error *e)
{
	const struct cloud *cloud = o->cloud;
	struct error why = {};

	if (o->keep || cloud->provider->keeps_interrupted)
		return error_append(e,
			": the server '%s' goes on starting; the same command waits for it again, 'kbuild destroy %s' removes it",
			s->name, s->name);
	if (cloud->provider->destroy(cloud, s->name, s->volume_made, &why) < 0)
		return error_append(
			e, ", and the server '%s' could not be removed: %s", s->name, why.msg);
	return error_append(e, ": the server '%s' was removed again", s->name);
}

/* From a request that is whole to a server that answered. */
static int make_server(struct ctx *c, const struct launch_options *o,
	const struct launch_request *q, struct arena *a, struct server *ret, struct error *e)
{
	const struct cloud *cloud = o->cloud;
	int r;

	progress_begin(c->progress, "making the server", NULL, 0);
	r = cloud->provider->launch(cloud, q, a, ret, e);
	if (r < 0)
		return r;
	progress_end(c->progress, r == CLOUD_CONTINUED ? "it was there already" : NULL);
	if (o->wait) {
		r = server_wait(c, cloud, q->name, o->timeout_ms, e);
		if (r < 0 && e->code == ERR_INTERRUPTED)
			return take_back(o, ret, e);
		if (r < 0)
			return r;
	}
	r = cloud->provider->settle(cloud, q->name, e);
	if (r == 0)
		r = cloud->provider->find(cloud, q->name, a, ret, e);
	if (r == CLOUD_ABSENT)
		return error_set(e, ERR_FAILED, "the server '%s' was destroyed meanwhile", q->name);
	return r;
}

int launch_run(struct ctx *c, const struct launch_options *o, struct arena *a, struct server *ret,
	struct error *e)
{
	struct launch_request q = *o->request;
	const struct node *secrets = NULL;
	int r = 0;

	if (o->def) {
		take_server(o->def, a, &q);
		r = launch_secrets(c, o->def, o->secrets, a, &secrets, e);
	}
	if (r == 0)
		r = o->cloud->provider->check(o->cloud, &q, e);
	if (r == 0 && o->def)
		r = take_image(c, o, &q, secrets, a, e);
	return r < 0 ? r : make_server(c, o, &q, a, ret, e);
}
