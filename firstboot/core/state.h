/*
 * What the agent remembers between runs: small JSON documents in its state directory, each replaced
 * as a whole (temp, fsync, rename), so that a power cut leaves the old one or the new one.
 */
#pragma once

#include "base.h"

struct agent;
struct arena;
struct buf;
struct error;
struct node;

#define STATE_MAX (4 * MIB) /* of one document */

/* How first boot's last walk went: written by firstboot/boot, judged by firstboot/health, shown by status. */
#define BOOT_STATE "first-boot.json"

#define STATE_ABSENT 1

/*
 * Reads STATE/name. 0, or STATE_ABSENT. One that is not JSON is set aside as NAME.broken (so that it
 * can be looked at) and counts as absent: state is always something that can be found out again.
 */
int state_read(const struct agent *a, const char *name, struct arena *arena,
	const struct node **ret, struct error *e);
/* Replaces STATE/name by this text (0600). */
int state_write(const struct agent *a, const char *name, const struct buf *json, struct error *e);
/* The same for a tree. */
int state_write_node(
	const struct agent *a, const char *name, const struct node *n, struct error *e);
/* For what has to be told: on a full disk it is written into room that was kept (spare.h). */
int state_insist(const struct agent *a, const char *name, const struct buf *json, struct error *e);
