<<<<<<< HEAD
/* YAML: whatever comes, no crash; what is read, written and read again is the same tree. */
=======
/* Any bytes as YAML: no crash, bounded; what was read is written, read again, and is equal. */
>>>>>>> 0ee1610 (tests/fuzz: yaml, json, definition)
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
<<<<<<< HEAD
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
=======
	_buf_ yaml = BUF_INIT;
	_buf_ json = BUF_INIT;
	struct node *n, *again;
	struct error e = { 0 };

	if (yaml_parse(&n, a, "fuzz", (const char *)data, size, &d, &e) < 0)
		return d.errors > 0 ? 0 : (abort(), 0);
	node_write_json(n, 2, &json);
	node_write_yaml(n, &yaml);
	if (yaml.len > YAML_SIZE_MAX / 2)
		return 0;
	if (yaml_parse(&again, a, "again", buf_str(&yaml), yaml.len, &d, &e) < 0 ||
		!node_equal(n, again))
>>>>>>> 0ee1610 (tests/fuzz: yaml, json, definition)
		abort();
	return 0;
}
