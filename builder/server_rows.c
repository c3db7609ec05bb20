/* How all that is said of a server stands in rows, and how old something is. */
#include "buf.h"
#include "servers.h"

#include <inttypes.h>

void age_text(int64_t seconds, struct buf *out)
{
	static const struct {
		int64_t seconds;
		const char *unit;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (seconds >= 2 * units[i].seconds || i == ARRAY_SIZE(units) - 1) {
			buf_printf(out, "%" PRId64 " %s", MAX(seconds, 0) / units[i].seconds,
				units[i].unit);
			return;
		}
	}
}

/* "  address   203.0.113.7" */
void server_row(struct buf *out, const char *what, const char *value)
{
	if (value && *value)
		buf_printf(out, "  %-10s%s\n", what, value);
}
