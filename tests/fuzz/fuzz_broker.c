/* Requests to the broker: read up to the point where something would be done. */
#include "arena.h"
#include "error.h"
#include "json.h"
#include "node.h"
#include "ops.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(ipc_message_free) struct ipc_message q = IPC_MESSAGE_INIT;
	char args[OP_ARGS_MAX] __attribute__((aligned(16)));
	struct call c = { .q = &q };
	struct error e = { 0 };
	struct node *doc;

	if (size > IPC_MAX)
		return 0;
	q.arena = arena_new();
	if (json_parse(&doc, q.arena, "fuzz", (const char *)data, size, &e) < 0 ||
		doc->kind != NODE_MAP)
		return 0;
	q.doc = doc;
	if (op_read(&c, args, &e) < 0 && e.code != ERR_USAGE)
		abort();
	return 0;
}
