/*
 * What the operator handed to this server when it was launched. Looked for at every boot: whatever is
 * there is newer than what was kept, and cloud-init may have fetched it again into its caches.
 */
#include "boot.h"
#include "client.h"
#include "receive.h"
#include "self.h"
#include "steps.h"

int step_handoff_run(struct boot *b, struct error *e)
{
	struct received got;
	int r = handoff_receive(b->agent, b->arena, &got, e);

	if (r == RECEIVE_NOTHING)
		return 0;
	if (r == 0)
		r = self_adopt(b->agent, e);
	/* The helpers were started with what was kept before: nothing, at a first boot. */
	return r < 0 ? r : repo_use_credential(b->agent, e);
}
