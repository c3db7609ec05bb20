/* Any bytes as YAML: no crash, bounded; what was read is written, read again, and is equal. */
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
		abort();
	return 0;
}
