/* A service that keeps data would have another volume where it has one. */
#include "deploy.h"

#include "check.h"
#include "error.h"

#include <string.h>

#define NAME "db"

static const struct {
	const char *was, *is;
	bool keeps; /* it was known to keep data, or is now; without a volume or a label nothing says so any more */
	const char *words; /* NULL: it may */
} rows[] = {
	{ "/data a_pg\n", "/data a_pg\n", true, NULL },
	{ "/data a_pg\n", "/data a_db\n", true,
		"db: /data would have the volume 'a_db' instead of 'a_pg'" },
	{ "/data a_pg\n", "/data a_db\n", false, NULL },
	{ "/data a_pg\n/x a_x\n", "/x a_x\n/data a_pg\n", true, NULL },
	{ "/data a_pg\n", "/data a_pg\n/new a_new\n", true, NULL },
	{ "/data a_pg\n", "/elsewhere a_pg\n", true, NULL },
	{ "/data a_pg\n", "\n", true, "db: /data would have the volume 'a_pg' no more" },
	{ "/data a_pg\n", "/elsewhere a_pg2\n", true, "'a_pg' no more" },
	{ "/data a_pg\n", "\n", false, NULL },
	{ "\n", "/data a_pg\n", true, NULL },
	{ "/with blank a\n", "/with blank b\n", true, "/with blank would have the volume 'b'" },
	{ "/data a_pg\n", "/data a_pg2\n", true, "'a_pg2' instead of 'a_pg'" },
	{ "/data a_pg2\n", "/data a_pg\n", true, "'a_pg' instead of 'a_pg2'" },
	{ NULL, "/data a_db\n", true, NULL }, /* of an agent that did not look */
	{ "/data a_pg\n", NULL, true, NULL }, /* it is meant */
	{ "nothing", "\n\n", true, NULL },
	{ "/data a", "/data b", true, "'b' instead of 'a'" },
};

static void another_volume_has_to_be_meant(void)
{
	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		bool now = i % 2;
		struct plan_service was = {
			.name = NAME, .data = rows[i / 2].was, .stateful = !now && rows[i / 2].keeps
		};
		struct plan_service is = {
			.name = NAME, .data = rows[i / 2].is, .stateful = now && rows[i / 2].keeps
		};
		const struct plan old = { .services = &was, .n = 1 },
				  new = { .services = &is, .n = 1 };
		struct error e = {};
		int r = deploy_check_volumes(&old, &new, &e);

		if (r != (rows[i / 2].words ? -ERR_INVALID : 0) ||
			(rows[i / 2].words && !strstr(e.msg, rows[i / 2].words)))
			check_fail("row %zu: %d %s", i / 2, r, e.msg);
	}
}

int main(void)
{
	run(another_volume_has_to_be_meant);
	return done();
}
