/* See rotation.h. The file of the rotation goes last: until then somebody ends what was begun. */
#include "rotation.h"

#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "config.h"
#include "error.h"
#include "gitops.h"
#include "rotate.h"

/* What a run of the engine means for the rotation: whether the application has the new value. */
static const struct {
	bool done;
	const char *what;
} outcomes[] = {
	[GITOPS_UNCHANGED] = { true, "nothing that runs uses it" },
	[GITOPS_DEPLOYED] = { true, "what uses it was made anew" },
	[GITOPS_REPAIRED] = { true, "what uses it was made anew" },
	[GITOPS_REFUSED] = { false, "the application could not be made anew" },
	[GITOPS_ROLLED_BACK] = { false, "the application was not well with it" },
	[GITOPS_NEEDS_HUMAN] = { false, "the application needs somebody to look at it" },
	[GITOPS_LATER] = { false, "the application gets it later" },
	[GITOPS_PAUSED] = { false, "deployments are paused" },
	[GITOPS_BUSY] = { false, "another run of gitops is at work" },
};

static int refresh(struct agent *a, struct buf *why, struct error *e)
{
	const struct gitops_run run = { .now = true };
	_buf_ text = BUF_INIT;
	int r = gitops_refresh(a, &run, &text, e);

	if (r < 0)
		return r;
	if (outcomes[r].done) {
		buf_adds(why, outcomes[r].what);
		return 0;
	}
	error_set(e, ERR_TEST, "%s%s%s; it is tried again by every run of kbuild-gitops.timer",
		outcomes[r].what, text.len ? ": " : "", buf_str(&text));
	return r == GITOPS_LATER || r == GITOPS_BUSY ? error_transient(e) : -e->code;
}

int rotation_finish(struct agent *a, struct buf *why, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const char *name = NULL;
	int r = rotation_pending(a, arena, &name, e);

	if (r == ROTATION_NONE)
		return ROTATION_NOTHING;
	if (r == 0)
		r = rotation_advance(a, e);
	if (r == 0 && a->config->has_app)
		r = refresh(a, why, e);
	if (r < 0)
		return name ? error_prefix(e, "rotating the secret '%s'", name) : r;
	return rotation_end(a, e);
}
