/* A rendered Compose document of anybody: no crash, and what comes out is a table that the engine can read. */
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "ipc.h"
#include "json.h"
#include "node.h"
#include "parse.h"
#include "plan_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char request[] =
		"{\"op\":\"plan\",\"database\":\"db\",\"health\":\"https://[::1]:8443/x\"}";
	_cleanup_(ipc_message_free) struct ipc_message q = IPC_MESSAGE_INIT;
	_buf_ json = BUF_INIT;
	_buf_ text = BUF_INIT;
	struct role_reply reply = { .json = &json, .fds = { -1, -1, -1, -1 } };
	struct error e = {};
	struct node *doc, *table;
	struct plan plan;

	q.arena = arena_new();
	if (json_parse(&doc, q.arena, "request", request, sizeof request - 1, &e) < 0)
		abort();
	q.doc = doc;
	q.fds[0] = ipc_memfd(data, size);
	q.n_fds = 1;
	if (parse_plan.run(&q, &reply, &e) < 0)
		return 0;
	if (reply.n_fds != 1 || ipc_read_fd(reply.fds[0], 16 * MIB, &text) < 0)
		abort();
	close(reply.fds[0]);
	/* A name may be empty in JSON and not in a table: that is refused, and nothing worse. */
	if (json_parse(&table, q.arena, "table", buf_str(&text), text.len, &e) < 0)
		abort();
	if (plan_parse(table, q.arena, &plan, &e) >= 0)
		for (size_t i = 0; i < plan.n; i++)
			if (!plan_find(&plan, plan.services[i].name))
				abort();
	return 0;
}
