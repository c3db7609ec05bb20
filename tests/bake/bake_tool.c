/*
 * What the suite "bake" drives: bakes a definition into a tree, its apt configuration and the seal when
 * asked. (A build bakes the sources when it has a lock, which these trees are made without.)
 */
#include "arena.h"
#include "bake.h"
#include "definition.h"
#include "error.h"
#include "interrupt.h"
#include "lock.h"
#include "mark.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static bool asked(char **argv, const char *word)
{
	for (char **p = argv + 3; *p; p++)
		if (strcmp(*p, word) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	_cleanup_(definition_freep) struct definition *def = NULL;
	_cleanup_(diags_free) struct diags diags = DIAGS_INIT;
	_close_ int root = argc > 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct error e = { 0 };
	struct bake b = { .root = argv[1], .root_fd = root, .log_fd = 2, .epoch = 1700000000 };
	int r;

	if (root < 0) {
		fprintf(stderr, "usage: bake_tool ROOT DEFINITION [apt] [seal]\n");
		return 2;
	}
	interrupt_install();
	r = definition_load(&def, argv[2], &diags, &e);
	for (size_t i = 0; i < diags.n; i++)
		fprintf(stderr, "%s:%u: %s\n", diags.v[i].file, diags.v[i].at.line,
			diags.v[i].message);
	b.def = def;
	if (r == 0 && asked(argv, "apt"))
		r = lock_write_apt_config(def, root, &e);
	if (r == 0)
		r = bake_run(&b, &e);
	if (r == 0 && asked(argv, "seal"))
		r = seal_run(&b, &e);
	if (r < 0)
		fprintf(stderr, "bake_tool: %s\n", e.msg);
	return r < 0;
}
