<<<<<<< HEAD
/* JSON: no crash; what is read, written and read again is the same tree. */
=======
/* Any bytes as JSON: no crash, bounded; what was read is written, read again, and is equal. */
>>>>>>> 0ee1610 (tests/fuzz: yaml, json, definition)
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "json.h"
#include "node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
<<<<<<< HEAD
	_buf_ text = BUF_INIT;
	struct node *first, *again;
	struct error e = {};

	if (json_parse(&first, a, "fuzz", (const char *)data, size, &e) < 0)
		return 0;
	node_write_json(first, 2, &text);
	if (json_parse(&again, a, "again", buf_str(&text), text.len, &e) < 0 ||
		!node_equal(first, again))
=======
	_buf_ json = BUF_INIT;
	struct node *n, *again;
	struct error e = { 0 };

	if (json_parse(&n, a, "fuzz", (const char *)data, size, &e) < 0)
		return 0;
	node_write_json(n, 0, &json);
	if (json_parse(&again, a, "again", buf_str(&json), json.len, &e) < 0 ||
		!node_equal(n, again))
>>>>>>> 0ee1610 (tests/fuzz: yaml, json, definition)
		abort();
	return 0;
}
