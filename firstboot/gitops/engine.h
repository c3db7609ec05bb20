/*
 * What the deployment engine asks of the broker, in C's words: one function an operation. Failures that
 * may pass by themselves (the engine is restarting, the registry is down) are marked transient.
 */
#pragma once

#include "base.h"

struct agent;
struct arena;
struct buf;
struct error;
struct node;
struct plan;

struct container {
	const char *id, *name, *service;
	const char *state;	 /* created, running, restarting, exited, paused, removing, dead */
	const char *health;	 /* none, starting, healthy, unhealthy */
	const char *health_text; /* the end of what the last check said */
	const char *image;	 /* its image's id */
	const char *config;	 /* Compose's hash of its definition */
	const char *policy;	 /* restart policy: no, always, unless-stopped, on-failure */
	const char *error;	 /* why it could not be started, or "" */
	int64_t exit_code, restarts;
	bool oom, oneoff;
};

struct containers {
	struct container *v;
	size_t n;
};

/*
 * Renders the release's Compose file with the application's secrets, and checks it. ret_doc: the document,
 * to be closed by the caller. Its images are not pinned yet: this plan can only be pulled.
 */
int engine_render(const struct agent *a, const char *sha, struct arena *arena,
	const char **ret_plan, int *ret_doc, struct error *e);
/*
 * Fetches a plan's images. ret_plan: the same plan with images by digest, which can be brought up;
 * ret_services: map SERVICE → {"image", "hash", "alone"}. Both in the arena. as: services whose images are taken for
 * those of the same name, whatever the document says; NULL: none.
 */
int engine_pull(const struct agent *a, const char *plan, const struct plan *as, struct arena *arena,
	const char **ret_plan, const struct node **ret_services, struct error *e);
/*
 * Makes these services (NULL-terminated, not empty) as the plan says. Compose waits there for what is to end before
 * others begin: it is given kbuild.app.timeout, and 15 minutes at least.
 */
int engine_up(
	const struct agent *a, const char *plan, const char *const *services, struct error *e);
/* Whether that is how it failed: at once it would again. */
bool engine_timed_out(const struct error *e);
int engine_ps(const struct agent *a, struct arena *arena, struct containers *ret, struct error *e);
int engine_logs(const struct agent *a, const char *container, int64_t lines, struct buf *ret,
	struct error *e);
int engine_stop(const struct agent *a, const char *container, struct error *e);
int engine_start(const struct agent *a, const char *container, struct error *e);
int engine_remove(const struct agent *a, const char *container, struct error *e);
/* Bytes of the file system that holds images. */
int engine_disk(const struct agent *a, uint64_t *ret_free, uint64_t *ret_size, struct error *e);
/* Makes the file of its label kbuild.drain, which its health check is to fail for. */
int engine_drain(const struct agent *a, const char *container, struct error *e);
/* One service with so many containers; those there are left as they are. */
int engine_scale(const struct agent *a, const char *plan, const char *service, int64_t replicas,
	struct error *e);
/* Removes images that no container uses and that are none of these digests (NULL-terminated). */
int engine_prune(const struct agent *a, const char *const *digests, const char *const *plans,
	struct error *e);
