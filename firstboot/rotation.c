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
	bool done, again; /* again: by the timer */
	const char *what;
} outcomes[] = {
	[GITOPS_UNCHANGED] = { true, false, "nothing that runs uses it" },
	[GITOPS_DEPLOYED] = { true, false, "what uses it was made anew" },
	[GITOPS_REPAIRED] = { true, false, "what uses it was made anew" },
	[GITOPS_REFUSED] = { false, false, "the application could not be made anew" },
	[GITOPS_ROLLED_BACK] = { false, false, "the application was not well with it" },
	[GITOPS_NEEDS_HUMAN] = { false, false, "the application needs somebody to look at it" },
	[GITOPS_LATER] = { false, true, "the application gets it later" },
	[GITOPS_PAUSED] = { false, true, "deployments are paused" },
	[GITOPS_BUSY] = { false, true, "another run of gitops is at work" },
};

static int change(struct agent *a, struct error *e)
{
	int r = rotation_advance(a, e);

	return MIN(r, 0);
}

static int refresh(struct agent *a, bool by_hand, struct buf *why, struct error *e)
{
	const struct gitops_run run = { .now = by_hand, .change = change };
	_buf_ text = BUF_INIT;
	int r = gitops_refresh(a, &run, &text, e);

	if (r < 0)
		return r;
	if (outcomes[r].done) {
		buf_adds(why, outcomes[r].what);
		return 0;
	}
	error_set(e, ERR_TEST, "%s%s%s; %s", outcomes[r].what, text.len ? ": " : "", buf_str(&text),
		outcomes[r].again ? "it is tried again by every run of kbuild-gitops.timer"
				  : "it is tried again by: kbuild-agent secrets rotate --resume");
	return r == GITOPS_LATER || r == GITOPS_BUSY ? error_transient(e) : -e->code;
}

int rotation_finish(struct agent *a, bool by_hand, struct buf *why, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const char *name = NULL;
	_buf_ left = BUF_INIT;
	int r = rotation_pending(a, arena, &name, e);

	if (r == ROTATION_NONE)
		return ROTATION_NOTHING;
	/* A database with a new password and an application that must not get it would be worse than both. */
	if (r == 0 && !by_hand && a->config->has_app && gitops_is_paused(a))
		return ROTATION_PAUSED;
	if (r == 0 && a->config->has_app && gitops_needs_human(a, &left)) {
		error_set(e, ERR_TEST,
			"it waits, because the application needs somebody to look at it first: %s; "
			"then (kbuild-agent gitops retry, or rollback): kbuild-agent secrets rotate --resume",
			buf_str(&left));
		return error_prefix(e, "rotating the secret '%s'", name);
	}
	/* Where there is an application, while nothing else is at work on it. */
	if (r == 0)
		r = a->config->has_app ? refresh(a, by_hand, why, e) : rotation_advance(a, e);
	if (r < 0)
		return name ? error_prefix(e, "rotating the secret '%s'", name) : r;
	return rotation_end(a, e);
}
