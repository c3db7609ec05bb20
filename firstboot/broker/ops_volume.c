/* The data volume: finding it, formatting it when it is blank, mounting it. */
#include "ops.h"

#include "error.h"
#include "schema.h"

static int run_none(_unused_ struct call *c, struct error *e)
{
	return error_set(e, ERR_FAILED, "the broker cannot do this yet");
}

static const struct field no_fields[] = { { "op" }, {} };

const struct op ops_volume[] = {
	{ "volume-probe", no_fields, 0, 0, 0, 60, run_none },
	{ "volume-format", no_fields, 0, 0, OP_CHANGES, 600, run_none },
	{ "volume-mount", no_fields, 0, 0, OP_CHANGES, 60, run_none },
	{},
};
