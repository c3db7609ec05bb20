/* From a definition to a server that answered. */
#include "launch.h"

#include "arena.h"
#include "build.h"
#include "ctx.h"
#include "definition.h"
#include "error.h"
#include "launch_handoff.h"
#include "progress.h"
#include "provider.h"

/*
 * What must be known before anything is made: how a server of this definition is called, and that its
 * secrets are all there. One that cannot be read leaves both open; the build then tells it in full.
 */
static int read_definition(struct ctx *c, const struct launch_options *o, struct arena *a,
	struct launch_request *q, const struct node **ret_secrets, struct error *e)
{
	_cleanup_(definition_freep) struct definition *def = NULL;
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	struct error ignored = {};

	if (definition_load(&def, o->definition, &d, &ignored) < 0)
		return 0;
	if (!q->name)
		q->name = arena_strdup(a, def->name);
	return launch_secrets(c, def, o->secrets, a, ret_secrets, e);
}

/* Fills what the request leaves open from the image of the definition, building it when needed. */
static int take_image(struct ctx *c, const struct launch_options *o, struct launch_request *q,
	const struct node *secrets, struct arena *a, struct error *e)
{
	_cleanup_(build_result_free) struct build_result b = BUILD_RESULT_INIT;
	struct build_options bo = BUILD_OPTIONS_INIT;
	int r;

	bo.definition = o->definition;
	r = build_run(c, &bo, &b, e);
	if (r < 0)
		return r;
	q->definition = arena_strdup(a, b.name);
	q->disk = arena_strdup(a, b.disk);
	q->disk_immutable = true;
	q->image_digest = arena_strdup(a, b.image);
	q->user_data = arena_strdup(a, b.user_data);
	if (!q->name)
		q->name = q->definition;
	if (!q->user && b.user)
		q->user = arena_strdup(a, b.user);
	if (!q->volume_size)
		q->volume_size = b.volume;
	return launch_handoff(q, *b.recipient ? b.recipient : NULL, secrets, a, e);
}

/* Nobody waits for it any more, and it is in nobody's hands yet. */
static int take_back(const struct launch_options *o, const struct cloud *cloud, const char *name,
	struct error *e)
{
	struct error why = {};

	if (o->keep)
		return error_append(e,
			": the server '%s' goes on starting; the same command waits for it again",
			name);
	if (o->provider->destroy(cloud, name, &why) < 0)
		return error_append(
			e, ", and the server '%s' could not be removed: %s", name, why.msg);
	return error_append(e, ": the server '%s' was removed again", name);
}

int launch_run(struct ctx *c, const struct launch_options *o, struct arena *a, struct server *ret,
	struct error *e)
{
	struct launch_request q = *o->request;
	struct cloud cloud = ctx_cloud(c);
	const struct node *secrets = NULL;
	int r = o->definition ? read_definition(c, o, a, &q, &secrets, e) : 0;

	if (r == 0)
		r = o->provider->check(&cloud, &q, e);
	if (r < 0)
		return r;
	if (o->definition)
		r = take_image(c, o, &q, secrets, a, e);
	if (r < 0)
		return r;
	progress_begin(c->progress, "making the server", NULL, 0);
	r = o->provider->launch(&cloud, &q, a, ret, e);
	if (r < 0)
		return r;
	progress_end(c->progress, r == CLOUD_CONTINUED ? "it was there already" : NULL);
	if (o->wait) {
		r = server_wait(c, o->provider, q.name, o->timeout_ms, e);
		if (r < 0 && e->code == ERR_INTERRUPTED)
			return take_back(o, &cloud, q.name, e);
		if (r < 0)
			return r;
	}
	r = o->provider->settle(&cloud, q.name, e);
	if (r == 0)
		r = o->provider->find(&cloud, q.name, a, ret, e);
	if (r == CLOUD_ABSENT)
		return error_set(e, ERR_FAILED, "the server '%s' was destroyed meanwhile", q.name);
	return r;
}
