/* kbuild console: what a server wrote on its serial console. */
#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "ctx.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "provider.h"
#include "servers.h"
#include "verbs.h"

#include <inttypes.h>
#include <stdio.h>

#define FOLLOW_MS 200

struct follow {
	struct ctx *c;
	const struct cloud *cloud;
	const char *name;
	uint64_t offset;
};

static int print_portion(const struct follow *f, const struct buf *text, struct error *e)
{
	_buf_ out = BUF_INIT;
	int r;

	if (f->c->json) {
		buf_printf(&out, "{\"offset\":%" PRIu64 ",\"text\":", f->offset);
		json_write_string(&out, buf_str(text), text->len);
		buf_adds(&out, "}\n");
		text = &out;
	}
	r = fd_write(1, buf_str(text), text->len);
	return r < 0 ? error_errno(e, r, "writing to standard output") : 0;
}

/* Prints all there is. *ret: whether there was something. */
static int print_new(struct follow *f, bool *ret, struct error *e)
{
	*ret = false;
	for (;;) {
		_buf_ text = BUF_INIT;
		uint64_t next = f->offset;
		int r = f->cloud->provider->console(f->cloud, f->name, f->offset, &text, &next, e);

		if (r == CLOUD_ABSENT)
			return servers_gone(f->name, e);
		if (r < 0 || text.len == 0)
			return r;
		r = print_portion(f, &text, e);
		if (r < 0)
			return r;
		f->offset = next;
		*ret = true;
	}
}

/* Until the server ends or the person has seen enough. */
static int follow(struct follow *f, struct error *e)
{
	for (;;) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct server s;
		bool some;
		int r = f->cloud->provider->find(f->cloud, f->name, a, &s, e);

		if (r == CLOUD_ABSENT)
			return 0;
		if (r < 0)
			return r;
		r = print_new(f, &some, e);
		if (r < 0 || (!some && s.state == SERVER_STOPPED))
			return r;
		if (clock_sleep_ms(f->c->clock, MAX(FOLLOW_MS, f->cloud->provider->poll_ms)) < 0)
			return 0; /* Ctrl-C is how following ends */
	}
}

static int run_console(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(servers_cloud_close) struct cloud cloud = {};
	struct follow f = { .c = c, .cloud = &cloud };
	struct server s = {};
	bool some;
	int r = servers_open(c, a, verb_arg(a, 0), &cloud, arena, &s, e);

	if (r < 0)
		return r;
	f.name = s.name;
	f.offset = verb_opt(a, "all") ? 0 : s.console_offset;
	return verb_opt(a, "follow") ? follow(&f, e) : print_new(&f, &some, e);
}

static const struct verb_option options[] = {
	{ "follow", NULL, "go on as it grows, until the server ends or Ctrl-C", 'f' },
	{ "all", NULL, "from its first boot on, not only the present one", 0 },
	OPTION_CLOUD,
	{},
};

const struct verb verb_console = {
	.name = "console",
	.args = "[NAME]",
	.summary = "print what a server wrote on its serial console",
	.max = 1,
	.options = options,
	.examples = "  kbuild console\n  kbuild console web -f\n",
	.run = run_console,
};
