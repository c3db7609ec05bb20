/* The parse role: foreign documents are read here, where nothing can be reached. */
#include "parse.h"

#include "confine.h"
#include "error.h"
#include "ipc.h"
#include "node.h"

#include <string.h>

static const struct parse_op *const ops[] = {
	&parse_plan,
};

static int enter(_unused_ const struct agent *a, _unused_ void **ret_state, struct error *e)
{
	return confine_enter(CONFINE_PARSE, NULL, e);
}

static int handle(
	_unused_ void *state, struct ipc_message *q, struct role_reply *reply, struct error *e)
{
	const char *op = node_str(node_get(q->doc, "op"));

	for (size_t i = 0; op && i < ARRAY_SIZE(ops); i++)
		if (strcmp(ops[i]->name, op) == 0)
			return ops[i]->run(q, reply, e);
	return error_set(
		e, ERR_FAILED, "the parse process has no operation '%s'", op ? op : "(none)");
}

const struct role_type role_parse = { "parse", enter, handle };
