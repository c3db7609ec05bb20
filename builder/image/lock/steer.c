/*
 * What a definition tells apt. Its apt.conf is for the image; here only the settings count that
 * choose packages. The rest (hooks that run commands, paths) must not act on the build host, so
 * apt-config reads the text and we take two values of what it understood.
 */
#include "aptdir.h"

#include "arena.h"
#include "buf.h"
#include "definition.h"
#include "error.h"
#include "lock_inputs.h"
#include "node.h"
#include "process.h"

#include <string.h>

static int write_preferences(struct aptdir *d, const struct definition *def, struct error *e)
{
	_buf_ all = BUF_INIT;
	const char *path, *text;

	for (size_t i = 0; lock_preferences(def, i, &path, &text); i++)
		buf_printf(&all, "%s\n\n", text);
	return aptdir_write(d, "etc/preferences.d/50-definition", buf_str(&all), all.len, e);
}

struct settings {
	struct buf text;
};

static void settings_free(struct settings *s)
{
	buf_free(&s->text);
}

/* A line of apt-config dump: "APT::Install-Recommends "true";" */
static void on_line(void *arg, const char *line)
{
	static const char *const taken[] = { "APT::Install-Recommends ", "APT::Default-Release " };
	struct settings *s = arg;

	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		if (strncmp(line, taken[i], strlen(taken[i])) == 0)
			buf_printf(&s->text, "%s\n", line);
	}
}

static int read_settings(struct aptdir *d, const char *conf, struct settings *s, struct error *e)
{
	const char *argv[] = { "apt-config", "-c",
		arena_printf(d->arena, "%s/etc/definition.conf", d->path), "dump", NULL };
	_buf_ out = BUF_INIT, err = BUF_INIT;
	struct process p = { .argv = argv,
		.env = aptdir_environment(d),
		.out = &out,
		.err = &err,
		.line = on_line,
		.line_arg = s };
	int r;

	r = aptdir_write(d, "etc/definition.conf", conf, strlen(conf), e);
	if (r < 0)
		return r;
	r = process_run(&p, e);
	if (r > 0)
		return error_set(e, ERR_INVALID, "apt.conf of the definition: %s", buf_str(&err));
	return r;
}

int aptdir_steer(struct aptdir *d, const struct definition *def, struct error *e)
{
	_cleanup_(settings_free) struct settings s = {};
	const char *conf = node_str(node_path(def->root, "apt.conf"));
	int r;

	r = write_preferences(d, def, e);
	if (r < 0)
		return r;
	if (conf) {
		r = read_settings(d, conf, &s, e);
		if (r < 0)
			return r;
	}
	return aptdir_write(d, "etc/apt.conf.d/50definition", buf_str(&s.text), s.text.len, e);
}
