/* JSON: no crash; what is read, written and read again is the same tree. */
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "json.h"
#include "node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_buf_ text = BUF_INIT;
	struct node *first, *again;
	struct error e = {};

	if (json_parse(&first, a, "fuzz", (const char *)data, size, &e) < 0)
		return 0;
	node_write_json(first, 2, &text);
	if (json_parse(&again, a, "again", buf_str(&text), text.len, &e) < 0 ||
		!node_equal(first, again))
		abort();
	return 0;
}
