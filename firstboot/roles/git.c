/* The git role: libgit2, and nothing else that speaks to the world. */
#include "role.h"

#include "error.h"
#include "ipc.h"

static int handle(_unused_ void *state, _unused_ struct ipc_message *q,
	_unused_ struct role_reply *reply, struct error *e)
{
	return error_set(e, ERR_FAILED, "the git process has no operations yet");
}

const struct role_type role_git = { "git", NULL, handle };
