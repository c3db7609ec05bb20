/*
 * The kbuild command: the table of its verbs, and the one place that prints errors and chooses
 * the exit status.
 */
#include "alloc.h"
#include "buf.h"
#include "clock.h"
#include "ctx.h"
#include "error.h"
#include "interrupt.h"
#include "json.h"
#include "progress.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static const struct verb_option options[] = {
	{ "json", NULL, "results as JSON on standard output, progress as JSON lines", 0 },
	{ "quiet", NULL, "no progress, only results, what they lack, and errors", 'q' },
	{ "verbose", NULL, "say how many calls a cloud was asked for", 'v' },
	{ "progress", "STYLE", "auto, term, plain, json or none", 0 },
	{ "no-color", NULL, "no colours (as NO_COLOR in the environment)", 0 },
	{ "cache", "DIR", "packages, trees and indexes (default: ~/.cache/kbuild)", 0 },
	{ "state", "DIR", "local servers (default: ~/.local/state/kbuild)", 0 },
	{ "mirror", "URL", "the package mirror, instead of the definition's or the host's", 0 },
	{ "offline", NULL, "nothing from the network: the store and the indexes at hand", 0 },
	{ "directory", "DIR", "work in DIR", 'C' },
	{ "help", NULL, "this text", 'h' },
	{ "version", NULL, "the version of kbuild", 0 },
	{},
};

static const struct verb *const verbs[] = {
	&verb_check,
	&verb_explain,
	&verb_show,
	&verb_lock,
	&verb_build,
	&verb_upload,
	&verb_images,
	&verb_prune,
	&verb_login,
	&verb_doctor,
	&verb_plan,
	&verb_launch,
	&verb_list,
	&verb_status,
	&verb_console,
	&verb_logs,
	&verb_ssh,
	&verb_dns,
	&verb_stop,
	&verb_start,
	&verb_destroy,
	&verb_completion,
	&verb_help_verb,
	&verb_version,
	NULL,
};

const struct program program = {
	.name = "kbuild",
	.about = "one cloud-config file becomes a hardened image, and a server.",
	.verbs = verbs,
	.options = options,
	.footer =
		"Exit status: 0 done, 1 failed, 2 usage, 3 invalid definition, 4 lock or hash\n"
		"mismatch, 5 network or cloud, 6 a test or health gate failed, 7 needs\n"
		"confirmation, 130 interrupted.\n\n"
		"Begin with:\n"
		"  kbuild check images/demo.yaml      is the definition right?\n"
		"  kbuild build images/demo.yaml      make the image\n"
		"  kbuild launch images/demo.yaml     boot a server from it, here\n",
};

/* --option, else $env, else $xdg/kbuild, else ~/fallback/kbuild. Returns new, absolute. */
static char *directory(const char *option, const char *env, const char *xdg, const char *fallback)
{
	const char *dir = option ? option : getenv(env);
	const char *home = getenv("HOME");

	if (dir && *dir == '/')
		return xstrdup(dir);
	if (dir && *dir) {
		_free_ char *cwd = getcwd(NULL, 0);

		return xasprintf("%s/%s", cwd ? cwd : "", dir);
	}
	dir = getenv(xdg);
	if (dir && *dir == '/')
		return xasprintf("%s/kbuild", dir);
	return xasprintf("%s/%s/kbuild", home && *home == '/' ? home : "/root", fallback);
}

static int progress_style(const struct verb_args *a, enum progress_style *ret, struct error *e)
{
	static const char *const words[] = { "auto", "term", "plain", "json", "none" };
	const char *style = verb_opt(a, "progress");

	*ret = verb_opt(a, "quiet")  ? PROGRESS_NONE
	       : verb_opt(a, "json") ? PROGRESS_JSON
				     : PROGRESS_AUTO;
	for (size_t i = 0; style && i < ARRAY_SIZE(words); i++) {
		if (strcmp(style, words[i]) == 0) {
			*ret = (enum progress_style)i;
			return 0;
		}
	}
	if (style)
		return error_set(e, ERR_USAGE,
			"--progress is auto, term, plain, json or none, not '%s'", style);
	return 0;
}

static void print_json_error(const struct ctx *c, const struct error *e)
{
	_buf_ out = BUF_INIT;

	buf_printf(&out, "{\"error\":{\"code\":%d,\"message\":", e->code);
	json_write_string(&out, e->msg, strlen(e->msg));
	buf_adds(&out, ",\"complaints\":[");
	for (size_t i = 0; i < c->diags.n; i++) {
		const struct diag *d = &c->diags.v[i];

		buf_printf(&out, "%s{\"id\":\"%s\",\"level\":\"%s\",\"file\":", i ? "," : "", d->id,
			d->level == DIAG_ERROR ? "error" : "warning");
		json_write_string(&out, d->file, strlen(d->file));
		buf_printf(&out, ",\"line\":%u,\"column\":%u,\"message\":", d->at.line, d->at.col);
		json_write_string(&out, d->message, strlen(d->message));
		if (d->hint) {
			buf_adds(&out, ",\"hint\":");
			json_write_string(&out, d->hint, strlen(d->hint));
		}
		buf_addc(&out, '}');
	}
	buf_printf(&out, "]%s}}\n", buf_str(&c->error_members));
	fputs(buf_str(&out), stdout);
}

static void print_complaints(const struct ctx *c)
{
	_buf_ out = BUF_INIT;

	diags_render(&c->diags, c->color, &out);
	fputs(buf_str(&out), stderr);
}

static int finish(struct ctx *c, int r, const struct error *e)
{
	if (r < 0)
		progress_fail(c->progress);
	if (!c->json)
		print_complaints(c);
	if (r >= 0 && fflush(stdout) == 0)
		return r;
	if (r >= 0) {
		fprintf(stderr, "kbuild: writing the result: %s\n", strerror(errno));
		return ERR_FAILED;
	}
	if (c->json)
		print_json_error(c, e);
	else
		fprintf(stderr, "%skbuild:%s %s\n", c->color ? "\033[1m" : "",
			c->color ? "\033[0m" : "", e->msg);
	fflush(stdout);
	return e->code;
}

static int run_verb(struct ctx *c, const struct verb *v, const struct verb_args *a, struct error *e)
{
	const char *dir = verb_opt(a, "directory");

	if (verb_answer_common(v, a))
		return 0;
	if (dir && chdir(dir) < 0)
		return error_errno(e, errno, "cannot work in '%s'", dir);
	return v->run(c, a, e);
}

/* A command line that cannot be read asks for it all the same. */
static bool wants_json(char **argv)
{
	for (argv++; *argv && strcmp(*argv, "--") != 0; argv++) {
		if (strcmp(*argv, "--json") == 0)
			return true;
	}
	return false;
}

/* Else the first file that we open becomes somebody's standard output. */
static void open_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

int main(int argc, char **argv)
{
	_cleanup_(verb_args_freep) struct verb_args *args = NULL;
	_cleanup_(progress_freep) struct progress *progress = NULL;
	_free_ char *cache = NULL;
	_free_ char *state = NULL;
	const struct verb *verb = NULL;
	enum progress_style style;
	struct error e = { 0 };
	struct ctx c = { .clock = &clock_real };
	const char *no_color = getenv("NO_COLOR");
	int r;

	open_standard_fds();
	interrupt_install();
	c.color = isatty(2) && !(no_color && *no_color);
	r = verb_parse(&args, &verb, argc, argv, &e);
	c.json = r < 0 ? wants_json(argv) : verb_opt(args, "json") != NULL;
	if (r < 0)
		return finish(&c, r, &e);
	c.color = c.color && !verb_opt(args, "no-color");
	r = progress_style(args, &style, &e);
	if (r < 0)
		return finish(&c, r, &e);
	c.cache_dir = cache =
		directory(verb_opt(args, "cache"), "KBUILD_CACHE", "XDG_CACHE_HOME", ".cache");
	c.state_dir = state = directory(
		verb_opt(args, "state"), "KBUILD_STATE", "XDG_STATE_HOME", ".local/state");
	c.progress = progress = progress_new(style, 2, c.color);
	c.offline = verb_opt(args, "offline") != NULL;
	c.verbose = verb_opt(args, "verbose") != NULL;
	c.mirror = verb_opt(args, "mirror");
	r = run_verb(&c, verb, args, &e);
	r = finish(&c, r, &e);
	diags_free(&c.diags);
	buf_free(&c.error_members);
	return r;
}
