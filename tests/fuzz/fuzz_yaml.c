/* YAML: whatever comes, no crash; what is read, written and read again is the same tree. */
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "mark.h"
#include "node.h"
#include "yaml_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	_buf_ text = BUF_INIT;
	_buf_ shown = BUF_INIT;
	struct node *first, *again;
	struct error e = {};

	if (yaml_parse(&first, a, "fuzz.yaml", (const char *)data, size, &d, &e) < 0) {
		diags_render(&d, true, &shown);
		return 0;
	}
	node_write_yaml(first, &text);
	if (yaml_parse(&again, a, "again.yaml", buf_str(&text), text.len, &d, &e) < 0 ||
		!node_equal(first, again))
		abort();
	return 0;
}
