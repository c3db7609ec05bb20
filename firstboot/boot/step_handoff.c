/*
 * What the operator handed to this server when it was launched. Looked for at every boot: whatever is
 * there is newer than what was kept, and cloud-init may have fetched it again into its caches.
 */
#include "boot.h"
#include "receive.h"
#include "steps.h"

int step_handoff_run(struct boot *b, struct error *e)
{
	struct received got;
	int r = handoff_receive(b->agent, b->arena, &got, e);

	return r == RECEIVE_NOTHING ? 0 : r;
}
