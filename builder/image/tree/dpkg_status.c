/* dpkg's words. The lines since the last "processing:" are those of the script that runs now. */
#include "dpkg_status.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"

#include <string.h>

#define TAIL_LINES 20

/* The last lines of the package that is being worked on. */
struct tail {
	char *lines[TAIL_LINES];
	size_t n; /* lines seen; the last stands at (n - 1) % TAIL_LINES */
};

struct dpkg_status {
	struct tail tail;
	char *failed;	/* the first failure: its package or file */
	char *why;	/* what dpkg says of it */
	struct buf say; /* the lines that came before it */
};

struct dpkg_status *dpkg_status_new(void)
{
	return xcalloc(1, sizeof(struct dpkg_status));
}

static void tail_reset(struct tail *t)
{
	for (size_t i = 0; i < TAIL_LINES; i++)
		free(t->lines[i]);
	*t = (struct tail){};
}

static void tail_add(struct tail *t, const char *line)
{
	char **slot = &t->lines[t->n++ % TAIL_LINES];

	free(*slot);
	*slot = xstrdup(line);
}

static void tail_write(const struct tail *t, struct buf *out)
{
	for (size_t i = t->n > TAIL_LINES ? t->n - TAIL_LINES : 0; i < t->n; i++)
		buf_printf(out, "\n  %s", t->lines[i % TAIL_LINES]);
}

void dpkg_status_free(struct dpkg_status *s)
{
	if (!s)
		return;
	tail_reset(&s->tail);
	free(s->failed);
	free(s->why);
	buf_free(&s->say);
	free(s);
}

static const char *after(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

/* "PACKAGE: STATE", or "PACKAGE : error : WHY" */
static void on_status(struct dpkg_status *s, const char *text)
{
	const char *error = strstr(text, " : error : ");

	if (!error || s->failed)
		return;
	s->failed = xstrndup(text, (size_t)(error - text));
	s->why = xstrdup(error + strlen(" : error : "));
	tail_write(&s->tail, &s->say);
}

enum dpkg_line dpkg_status_line(
	struct dpkg_status *s, const char *line, const char **stage, const char **package)
{
	const char *rest, *colon;

	if ((rest = after(line, "processing: ")) && (colon = strstr(rest, ": "))) {
		tail_reset(&s->tail);
		*stage = rest;
		*package = colon + 2;
		return DPKG_BEGINS;
	}
	if ((rest = after(line, "status: "))) {
		on_status(s, rest);
		return DPKG_OTHER;
	}
	tail_add(&s->tail, line);
	return DPKG_OUTPUT;
}

bool dpkg_stage_is(const char *stage, const char *word)
{
	const char *rest = after(stage, word);

	return rest && *rest == ':';
}

/* dpkg's words for the scripts, in what it says when one fails. */
static const struct {
	const char *words, *script, *doing;
} scripts[] = {
	{ "pre-installation script", "preinst", "unpack" },
	{ "post-installation script", "postinst", "configure" },
	{ "pre-removal script", "prerm", "unpack" },
	{ "post-removal script", "postrm", "unpack" },
};

/* Sets the error without the script's lines. */
static int name_failure(const struct dpkg_status *s, struct error *e)
{
	const char *slash = strrchr(s->failed, '/');
	const char *name = slash ? slash + 1 : s->failed;

	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		const char *how = strstr(s->why, "error exit status ");

		if (strstr(s->why, scripts[i].words))
			return error_set(e, ERR_FAILED, "%s failed to %s (%s, %s)", name,
				scripts[i].doing, scripts[i].script,
				how ? how + strlen("error ") : s->why);
	}
	return error_set(e, ERR_FAILED, "%s: %s", name, s->why);
}

int dpkg_status_error(const struct dpkg_status *s, int exit_status, struct error *e)
{
	_buf_ lines = BUF_INIT;
	int r;

	if (s->failed) {
		r = name_failure(s, e);
		buf_adds(&lines, buf_str(&s->say));
	} else {
		r = error_set(
			e, ERR_FAILED, "dpkg failed in the tree (exit status %d)", exit_status);
		tail_write(&s->tail, &lines);
	}
	return lines.len > 0 ? error_append(e, ":%s", buf_str(&lines)) : r;
}
