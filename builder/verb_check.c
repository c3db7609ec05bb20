/* kbuild check: read a definition and say all that is wrong with it. No network, no root. */
#include "ctx.h"
#include "definition.h"
#include "verbs.h"

#include <stdio.h>

static int run(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(definition_freep) struct definition *def = NULL;
	int r;

	r = definition_load(&def, verb_arg(a, 0), &c->diags, e);
	if (r < 0)
		return r;
	if (c->json)
		printf("{\"name\": \"%s\", \"distribution\": \"%s\", \"release\": \"%s\", "
		       "\"warnings\": %zu}\n",
			def->name, def->distribution, def->release, c->diags.n);
	else
		printf("%s: %s on %s %s, no errors\n", def->path, def->name, def->distribution,
			def->release);
	return 0;
}

const struct verb verb_check = {
	.name = "check",
	.args = "FILE",
	.summary = "read a definition and say all that is wrong with it",
	.min = 1,
	.max = 1,
	.examples =
		"  kbuild check images/demo.yaml\n"
		"  kbuild check --json web.yaml | jq .error.complaints\n",
	.run = run,
};
