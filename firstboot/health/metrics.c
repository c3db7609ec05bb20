/* See metrics.h. The files are replaced as a whole: nobody must ever read half of one. */
#include "metrics.h"

#include "alloc.h"
#include "buf.h"
#include "checks.h"
#include "fd.h"
#include "report.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

/* A label's value: backslash, quote and newline are written with a backslash. */
static void add_label(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\n') {
			buf_adds(out, "\\n");
			continue;
		}
		if (*s == '"' || *s == '\\')
			buf_addc(out, '\\');
		buf_addc(out, *s);
	}
}

static void add_series(struct buf *out, const char *metric, const char *check, double value)
{
	buf_printf(out, "%s{check=\"", metric);
	add_label(out, check);
	buf_printf(out, "\"} %.10g\n", value);
}

/* Our umask lets nobody else read; these files are for others. */
static void publish(const char *name, const struct buf *text)
{
	const char *dir = getenv("RUNTIME_DIRECTORY");
	_free_ char *path = dir ? xasprintf("%s/%s", dir, name) : NULL;
	int r;

	if (!path)
		return;
	r = file_replace(AT_FDCWD, path, buf_str(text), text->len, 0644);
	if (r < 0)
		report(REPORT_WARNING, "%s could not be written", path);
}

void metrics_write(const struct findings *found, size_t faults)
{
	_buf_ text = BUF_INIT;

	buf_adds(&text,
		"# HELP kbuild_check_ok Whether a check of this server was good.\n"
		"# TYPE kbuild_check_ok gauge\n");
	for (size_t i = 0; i < found->n; i++)
		if (found->v[i].verdict != VERDICT_UNKNOWN)
			add_series(&text, "kbuild_check_ok", found->v[i].name,
				found->v[i].verdict == VERDICT_GOOD);
	buf_adds(&text,
		"# HELP kbuild_check_value What a check measured, in its own unit.\n"
		"# TYPE kbuild_check_value gauge\n");
	for (size_t i = 0; i < found->n; i++)
		if (found->v[i].has_value)
			add_series(
				&text, "kbuild_check_value", found->v[i].name, found->v[i].value);
	buf_printf(&text,
		"# HELP kbuild_faults Faults that were told and are not over.\n"
		"# TYPE kbuild_faults gauge\nkbuild_faults %zu\n"
		"# HELP kbuild_health_time_seconds When the checks ran.\n"
		"# TYPE kbuild_health_time_seconds gauge\nkbuild_health_time_seconds %" PRId64 "\n",
		faults, (int64_t)time(NULL));
	publish("kbuild.prom", &text);
}

void metrics_status(const struct buf *json)
{
	publish("status.json", json);
}
