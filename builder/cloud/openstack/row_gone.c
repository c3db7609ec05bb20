/* What was removed, and holds on to something for a while. */
#include "error.h"
#include "neutron.h"
#include "nova.h"
#include "os.h"
#include "row_parts.h"

#include <string.h>

#define GROUP_MS 60000

int row_await_gone(
	struct row *r, const char *region, const char *id, struct arena *a, struct error *e)
{
	int64_t deadline = row_deadline(r, WAIT_GONE_MS);
	bool forced = false;
	int f = 0;

	while (f == 0) {
		struct nova_server s;

		f = nova_get(r->os, region, id, a, &s, e);
		if (f == 0 && strcmp(s.status, "DELETED") == 0)
			f = OS_ABSENT;
		/* Some clouds would keep it for hours, for who has changed his mind. */
		if (f == 0 && !forced && strcmp(s.status, "SOFT_DELETED") == 0) {
			f = nova_act(r->os, region, id, "forceDelete", e);
			f = f == OS_CONFLICT ? 0 : f;
			forced = true;
		}
		if (f == 0)
			f = row_pause(r, deadline, WAIT_GONE_MS, "the server did not go", e);
	}
	return f;
}

int row_remove_group(
	struct row *r, const char *region, const struct neutron_group *g, struct error *e)
{
	int64_t deadline = row_deadline(r, GROUP_MS);

	for (;;) {
		struct error late = {};
		int f = neutron_group_delete(r->os, region, g->id, e);

		if (f <= 0 || f == OS_ABSENT)
			return f < 0 ? f : 0;
		f = row_pause(r, deadline, GROUP_MS, "", &late);
		if (f < 0)
			return error_prefix(e, "removing the security group '%s'", g->name);
	}
}
