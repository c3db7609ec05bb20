/*
 * Our YAML, for a judge to compare: reads frames "LENGTH\n" + bytes on stdin, and for each writes two
 * frames, the tree as JSON and as YAML again. A document that is refused gives "!" + the complaint's
 * id, and nothing.
 */
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "mark.h"
#include "node.h"
#include "yaml_tree.h"

#include <stdio.h>

static void put_frame(const struct buf *b)
{
	printf("%zu\n", b->len);
	fwrite(buf_str(b), 1, b->len, stdout);
}

static void answer(const char *text, size_t len)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	_buf_ json = BUF_INIT;
	_buf_ yaml = BUF_INIT;
	struct error e = { 0 };
	struct node *n;

	if (yaml_parse(&n, a, "-", text, len, &d, &e) < 0) {
		buf_printf(&json, "!%s", d.n ? d.v[0].id : "nothing");
	} else {
		node_write_json(n, 0, &json);
		node_write_yaml(n, &yaml);
	}
	put_frame(&json);
	put_frame(&yaml);
}

int main(void)
{
	_buf_ in = BUF_INIT;
	size_t len;

	while (scanf("%zu", &len) == 1 && getchar() == '\n' && len <= YAML_SIZE_MAX) {
		buf_reset(&in);
		in.len = fread(buf_reserve(&in, len), 1, len, stdin);
		if (in.len != len)
			return 1;
		in.data[len] = '\0';
		answer(in.data, len);
	}
	return ferror(stdout) != 0;
}
