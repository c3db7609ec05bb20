/* Plan and inventory of local servers; see local_plan.h. */
#include "local_plan.h"

#include "arena.h"
#include "error.h"
#include "local_launch.h"
#include "local_state.h"
#include "local_volume.h"
#include "plan.h"
#include "provider.h"

#include <inttypes.h>
#include <sys/stat.h>

static const char *mib(struct arena *a, uint64_t bytes)
{
	return arena_printf(a, "%" PRIu64 " MiB", bytes / MIB);
}

int local_plan(const struct cloud *c, const struct launch_request *q, struct arena *a,
	struct plan *ret, struct error *e)
{
	uint64_t kept = q->name ? local_volume_kept(c, q->name) : 0;
	struct error wrong = {};
	struct server s = {};
	int r = local_check(c, q, &wrong);

	if (r < 0 && wrong.code == ERR_INTERRUPTED)
		return error_set(e, ERR_INTERRUPTED, "interrupted");
	plan_add(ret, a, q->image_digest ? PLAN_THERE : PLAN_MAKE, "image", q->definition,
		q->image_digest ? NULL : "built first");
	if (!launch_has_keys(q))
		plan_add(ret, a, PLAN_MAKE, "ssh key", q->name, "for this server alone");
	if (q->volume_size)
		plan_add(ret, a, kept ? PLAN_THERE : PLAN_MAKE, "data volume", q->name,
			mib(a, kept ? kept : q->volume_size));
	if (r < 0)
		plan_add(ret, a, PLAN_WRONG, "server", q->name, arena_strdup(a, wrong.msg));
	else if (q->name && provider_local.find(c, q->name, a, &s, &wrong) == 0 &&
		 s.state == SERVER_RUNNING)
		plan_add(ret, a, PLAN_THERE, "server", q->name, launch_is_there(q));
	else
		plan_add(ret, a, PLAN_MAKE, "server", q->name,
			arena_printf(a, "QEMU on this machine, %u CPUs, %s", q->cpus,
				mib(a, q->memory)));
	return 0;
}

int local_inventory(
	const struct cloud *c, const char *name, struct arena *a, struct plan *ret, struct error *e)
{
	_cleanup_(local_dir_close) struct local_dir d = LOCAL_DIR_INIT;
	uint64_t kept = local_volume_kept(c, name);
	struct local_record rec = {};
	struct error ignored = {};
	struct server s = {};
	struct stat st;
	int r = local_dir_open(&d, c, name, false, e);

	if (r < 0 || (r == CLOUD_ABSENT && !kept))
		return r;
	if (kept) {
		plan_add(ret, a, PLAN_NOTE, "data volume", NULL, mib(a, kept));
		if (r == CLOUD_ABSENT)
			return 0;
	}
	r = provider_local.find(c, name, a, &s, e);
	if (r != 0)
		return r;
	/* Without a record it is a broken one, of which nothing else is known. */
	(void)local_record_read(&d, a, &rec, &ignored);
	plan_add(ret, a, PLAN_THERE, "server", name, server_state_name(s.state))->id = rec.uuid;
	plan_add(ret, a, PLAN_THERE, "root disk", NULL, "with the backups on it");
	plan_add(ret, a, PLAN_THERE, "console log", NULL, NULL);
	/* Nobody has written to it: there is nothing to keep. */
	if (fstatat(d.fd, "volume.raw", &st, 0) == 0)
		plan_add(ret, a, st.st_blocks ? PLAN_NOTE : PLAN_THERE, "data volume", NULL,
			mib(a, (uint64_t)st.st_size));
	return 0;
}
