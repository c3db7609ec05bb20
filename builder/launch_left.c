/* See launch_left.h. */
#include "launch_left.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "json.h"
#include "launch.h"
#include "plan.h"
#include "provider.h"

#include <string.h>

static void add_item(const struct plan_item *t, const char *server, bool first, struct buf *out)
{
	const struct {
		const char *key, *text;
	} members[] = { { "server", server }, { "what", t->what }, { "name", t->name },
		{ "detail", t->detail } };
	const char *before = first ? "{" : ",{";

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		if (!members[i].text)
			continue;
		buf_printf(out, "%s\"%s\":", before, members[i].key);
		json_write_string(out, members[i].text, strlen(members[i].text));
		before = ",";
	}
	buf_addc(out, '}');
}

/* Of one server. Negative: the cloud cannot be asked. */
static int add_server(const struct launch_options *o, unsigned i, struct arena *a, struct buf *out)
{
	const char *name = launch_name(o, i, a);
	struct plan there = {};
	struct error ignored = {};
	int r = o->cloud->provider->inventory(o->cloud, name, a, &there, &ignored);

	for (size_t k = 0; r == 0 && k < there.n; k++)
		add_item(&there.items[k], name, out->len == 0, out);
	return MIN(r, 0);
}

void launch_left_json(const struct launch_options *o, struct arena *a, struct buf *out)
{
	_buf_ items = BUF_INIT;
	int r = 0;

	for (unsigned i = 0; i < launch_count(o) && r == 0; i++)
		r = add_server(o, i, a, &items);
	if (r < 0)
		buf_adds(out, ",\"there\":null");
	else
		buf_printf(out, ",\"there\":[%s]", buf_str(&items));
}
