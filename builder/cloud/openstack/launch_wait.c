/* Until what was made can be used: each wait is bounded and says what it waits for. */
#include "arena.h"
#include "clock.h"
#include "error.h"
#include "launching.h"
#include "os.h"
#include "progress.h"

#include <string.h>

/* A server that is gone holds its volume for some seconds more. */
static bool is_usable(const struct launching *l, const struct cinder_volume *v)
{
	if (strcmp(v->status, "in-use") == 0)
		return l->server && v->attached_to && strcmp(v->attached_to, l->server->id) == 0;
	return strcmp(v->status, "available") == 0;
}

/*
 * Two launches at the same instant may each have made one: whoever made the younger one takes the older, which he sees
 * when he looks at his own. Then there is one, whichever of the two servers counts.
 */
static int look_at_volumes(
	struct launching *l, const char *id, struct cinder_volume *ret, struct error *e)
{
	const struct cinder_volume *counts, *own = NULL;
	struct cinder_volume *v;
	struct error ignored = {};
	size_t n;
	int r = cinder_volumes(l->os, l->region, false, l->a, &v, &n, e);

	if (r < 0)
		return r;
	counts = row_volume_of(v, n, l->q->name);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(v[i].id, id) == 0)
			own = &v[i];
	}
	if (!own) /* the list lags behind, or somebody has removed it */
		return cinder_get(l->os, l->region, id, l->a, ret, e);
	*ret = *own;
	/* Ours has to be made before it can be removed. */
	if (!counts || strcmp(counts->id, id) == 0 || !is_usable(l, ret) ||
		strncmp(counts->status, "error", 5) == 0)
		return 0;
	(void)cinder_delete(l->os, l->region, id, &ignored);
	l->volume_made = false;
	*ret = *counts;
	if (!counts->attached_to)
		return 0;
	l->made.n = 0; /* what there is now is the other one's */
	return error_set(e, ERR_FAILED, "another kbuild has just made a server '%s'", l->q->name);
}

int wait_volume(struct launching *l, struct error *e)
{
	int64_t deadline = row_deadline(l->row, WAIT_VOLUME_MS);
	struct cinder_volume *found = arena_alloc(l->a, sizeof *found), v = *l->volume;

	while (!is_usable(l, &v)) {
		int r;

		if (strncmp(v.status, "error", 5) == 0)
			return error_set(e, ERR_NETWORK,
				"the data volume '%s' came to the state %s", l->tag, v.status);
		progress_detail(l->row->cloud.progress, "data volume: %s", v.status);
		r = row_pause(l->row, deadline, WAIT_VOLUME_MS,
			"the data volume did not become available", e);
		if (r == 0)
			r = l->volume_made ? look_at_volumes(l, v.id, &v, e)
					   : cinder_get(l->os, l->region, v.id, l->a, &v, e);
		if (r == OS_ABSENT)
			return error_set(e, ERR_NETWORK,
				"the data volume '%s' was removed meanwhile", l->tag);
		if (r < 0)
			return r;
	}
	*found = v;
	l->volume = found;
	return 0;
}

/* Why it failed, as far as the cloud says: some clouds leave faults out of lists. */
static int say_fault(struct launching *l, const struct nova_server *listed, struct error *e)
{
	struct error ignored = {};
	const char *failed = NULL;
	struct nova_server whole = {};
	const struct nova_server *s = listed;
	int r;

	if (!s->fault && nova_get(l->os, l->region, listed->id, l->a, &whole, &ignored) == 0)
		s = &whole;
	r = error_set(e, ERR_NETWORK, "the cloud could not make the server '%s' (flavor %s): %s",
		l->q->name, s->flavor ? s->flavor : "unknown",
		s->fault ? s->fault : "it gave no reason");

	e->transient = false;
	if (nova_last_failure(l->os, l->region, s->id, l->a, &failed, &ignored) == 0 && failed)
		error_append(e, " (%s)", failed);
	return r;
}

/* What was made for a server that gives way, and that nobody else uses: it costs, or would be in the way. */
static void remove_parts(struct launching *l, const char *id)
{
	struct error ignored = {};
	struct cinder_volume *v;
	size_t n;

	(void)row_await_gone(l->row, l->region, id, l->a, &ignored);
	/* The other launch may have taken the volume: it is the one that counts then. */
	if (l->volume_made && l->volume &&
		cinder_volumes(l->os, l->region, false, l->a, &v, &n, &ignored) == 0) {
		const struct cinder_volume *counts = row_volume_of(v, n, l->q->name);

		if (counts && strcmp(counts->id, l->volume->id) != 0)
			(void)cinder_delete(l->os, l->region, l->volume->id, &ignored);
	}
	/* One that the other server uses stays. */
	if (l->group_made && l->group)
		(void)row_remove_group(l->row, l->region, l->group, &ignored);
}

/* Of two that were made at the same instant, ours goes when it is the younger one. */
static int give_way(struct launching *l, const struct nova_server *mine, struct error *e)
{
	struct error why = {};

	l->made.n = 0; /* what there is now is the other one's */
	if (nova_delete(l->os, l->region, mine->id, &why) < 0)
		return error_set(e, ERR_FAILED,
			"another kbuild has just made a server '%s', and the second one (%s) could not be removed: %s",
			l->q->name, mine->id, why.msg);
	remove_parts(l, mine->id);
	return error_set(e, ERR_FAILED,
		"another kbuild has just made a server '%s': the second one was removed again",
		l->q->name);
}

/* Lists lag behind: absent is not gone before the time is up. *ret: the server of that name that counts, or NULL. */
static int poll_server(struct launching *l, const struct nova_server **ret, struct error *e)
{
	struct arena *a = arena_new();
	struct nova_server *v;
	size_t n;
	int r = nova_servers(l->os, l->region, l->q->name, a, &v, &n, e);

	*ret = r < 0 ? NULL : row_ours(v, n, l->q->name);
	if (!*ret) {
		arena_free(a);
		return r;
	}
	/* Of a large project each list is large, and there may be hundreds of them. */
	if (l->poll)
		arena_free(l->poll);
	l->poll = a;
	return 0;
}

int wait_server(struct launching *l, struct error *e)
{
	int64_t deadline = row_deadline(l->row, WAIT_SERVER_MS);
	const struct nova_server *mine = l->server;

	if (mine->tag_intent && l->intent && strcmp(mine->tag_intent, l->intent) != 0) {
		l->made.n = 0;
		return error_set(e, ERR_FAILED,
			"another kbuild has just made a server '%s', of another launch than this",
			l->q->name);
	}
	/* All of that name: so two launches at the same time see one another. */
	while (strcmp(l->server->status, "ACTIVE") != 0) {
		const struct nova_server *ours = NULL;
		int r;

		if (strcmp(l->server->status, "ERROR") == 0)
			return say_fault(l, l->server, e);
		if (strcmp(l->server->status, "SHUTOFF") == 0)
			return error_set(e, ERR_FAILED,
				"the server '%s' was stopped while it was made: 'kbuild start %s%s'",
				l->q->name, l->q->name, l->row->cloud.words);
		progress_detail(l->row->cloud.progress, "server: %s",
			l->server->task ? l->server->task : l->server->status);
		r = row_pause(
			l->row, deadline, WAIT_SERVER_MS, "the cloud did not make the server", e);
		if (r == 0)
			r = poll_server(l, &ours, e);
		if (r < 0)
			return r;
		if (ours && strcmp(ours->id, mine->id) != 0)
			return give_way(l, mine, e);
		if (ours)
			l->server = ours;
	}
	row_remember(l->row, l->q->name, l->server->id, l->region);
	return 0;
}

int wait_attached(struct launching *l, struct error *e)
{
	int64_t deadline = row_deadline(l->row, WAIT_VOLUME_MS);
	struct cinder_volume v = *l->volume;

	for (;;) {
		int r = cinder_get(l->os, l->region, l->volume->id, l->a, &v, e);

		if (r == OS_ABSENT)
			return error_set(e, ERR_NETWORK,
				"the data volume '%s' was removed meanwhile", l->tag);
		if (r < 0 || strcmp(v.status, "in-use") == 0)
			return r;
		if (strncmp(v.status, "error", 5) == 0)
			return error_set(e, ERR_NETWORK,
				"the data volume '%s' could not be attached: it is %s", l->tag,
				v.status);
		progress_detail(l->row->cloud.progress, "data volume: %s", v.status);
		r = row_pause(
			l->row, deadline, WAIT_VOLUME_MS, "the data volume was not attached", e);
		if (r < 0)
			return r;
	}
}
