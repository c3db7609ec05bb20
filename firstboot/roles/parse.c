/* The parse role: foreign documents are read here, where nothing can be reached. */
#include "role.h"

#include "confine.h"
#include "error.h"
#include "ipc.h"

static int enter(_unused_ const struct agent *a, _unused_ void **ret_state, struct error *e)
{
	return confine_enter(CONFINE_PARSE, NULL, e);
}

static int handle(_unused_ void *state, _unused_ struct ipc_message *q,
	_unused_ struct role_reply *reply, struct error *e)
{
	return error_set(e, ERR_FAILED, "the parse process has no operations yet");
}

const struct role_type role_parse = { "parse", enter, handle };
