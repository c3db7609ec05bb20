/* See state.h. */
#include "state.h"

#include "agent.h"
#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "node.h"
#include "spare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

int state_read(const struct agent *a, const char *name, struct arena *arena,
	const struct node **ret, struct error *e)
{
	_buf_ text = BUF_INIT;
	struct error broken = { 0 };
	struct node *doc;
	int r = file_read(a->state_fd, name, STATE_MAX, &text);

	if (r == -ENOENT)
		return STATE_ABSENT;
	if (r < 0)
		return error_errno(e, r, "cannot read %s/%s", a->state_dir, name);
	if (json_parse(&doc, arena, name, buf_str(&text), text.len, &broken) < 0) {
		_free_ char *aside = xasprintf("%s.broken", name);

		if (renameat(a->state_fd, name, a->state_fd, aside) < 0)
			return error_errno(e, errno, "cannot set aside %s/%s", a->state_dir, name);
		return STATE_ABSENT;
	}
	*ret = doc;
	return 0;
}

int state_write(const struct agent *a, const char *name, const struct buf *json, struct error *e)
{
	int r = file_replace(a->state_fd, name, buf_str(json), json->len, 0600);

	return r < 0 ? error_errno(e, r, "cannot write %s/%s", a->state_dir, name) : 0;
}

int state_insist(const struct agent *a, const char *name, const struct buf *json, struct error *e)
{
	int r = file_replace(a->state_fd, name, buf_str(json), json->len, 0600);

	if (r == -ENOSPC || r == -EDQUOT)
		r = spare_write(a, name, json);
	return r < 0 ? error_errno(e, r, "cannot write %s/%s", a->state_dir, name) : 0;
}

int state_write_node(const struct agent *a, const char *name, const struct node *n, struct error *e)
{
	_buf_ text = BUF_INIT;

	node_write_json(n, 0, &text);
	buf_addc(&text, '\n');
	return state_write(a, name, &text, e);
}
