/* See choose.h. */
#include "choose.h"

#include "arena.h"
#include "error.h"
#include "pg.h"
#include "restore_name.h"

/* In place: names may lose some. */
static void leave_out_made(const char **names)
{
	const char **to = names;

	for (; *names; names++) {
		if (!restore_made(*names))
			*to++ = *names;
	}
	*to = NULL;
}

int choose_databases(const struct pg *p, const char *const *named, bool lenient,
	struct arena *arena, const char ***ret, struct error *e)
{
	const char **there, **chosen;
	size_t n = 0;
	int r = pg_databases(p, arena, &there, e);

	if (r < 0)
		return r;
	if (!named) {
		leave_out_made(there);
		*ret = there;
		return 0;
	}
	while (named[n])
		n++;
	chosen = arena_alloc(arena, (n + 1) * sizeof *chosen);
	for (n = 0; *named; named++) {
		if (restore_has(there, *named))
			chosen[n++] = *named;
		else if (!lenient)
			return error_set(e, ERR_FAILED, "there is no database '%s' in %s", *named,
				p->container);
	}
	*ret = chosen;
	return 0;
}
