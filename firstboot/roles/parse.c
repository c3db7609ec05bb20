/* The parse role: foreign documents are read here, where nothing can be reached. */
#include "parse.h"

#include "arena.h"
#include "confine.h"
#include "digest.h"
#include "error.h"
#include "ipc.h"
#include "json.h"
#include "node.h"

#include <string.h>

static const struct parse_op *const ops[] = {
	&parse_plan,
};

static int enter(_unused_ const struct agent *a, _unused_ void **ret_state, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	char hex[SHA256_HEX];
	struct node *n;
	int r;

	/*
	 * The first map jansson makes takes a seed from /dev/urandom, the first hash makes OpenSSL read
	 * its configuration: files are out of reach afterwards.
	 */
	r = json_parse(&n, arena, "nothing", "{}", 2, e);
	if (r < 0)
		return r;
	sha256_bytes("", 0, hex);
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
