/*
 * toolchain_tool DEFINITION CACHE MIRROR [renew]: the lock of the agent's toolchain, as a build opens it, without
 * the tree, the packages and the image around it.
 */
#include "agent.h"
#include "arena.h"
#include "base.h"
#include "definition.h"
#include "error.h"
#include "mark.h"
#include "toolchain.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	_cleanup_(definition_freep) struct definition *def = NULL;
	_cleanup_(toolchain_close) struct toolchain t = TOOLCHAIN_INIT;
	_cleanup_(diags_free) struct diags diags = DIAGS_INIT;
	struct agent_request q = {};
	struct error e = {};
	int r;

	if (argc < 4)
		return 2;
	r = definition_load(&def, argv[1], &diags, &e);
	if (r == 0) {
		q = (struct agent_request){ .def = def, .cache_dir = argv[2], .mirror = argv[3] };
		r = toolchain_open(&t, &q, argc > 4, &e);
	}
	if (r < 0)
		fprintf(stderr, "toolchain_tool: %s\n", e.msg);
	return -r;
}
