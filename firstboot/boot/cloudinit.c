/* See cloudinit.h. Error texts are counted, not passed on: they may quote user-data. */
#include "cloudinit.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "node.h"

#include <fcntl.h>
#include <string.h>

/* Metadata of some clouds is large; more is not looked at. */
#define FILE_MAX_SIZE (4 * MIB)
#define ID_MAX	      256

const char *cloudinit_word(enum cloudinit_state state)
{
	static const char *const words[] = {
		[CLOUDINIT_ABSENT] = "absent",
		[CLOUDINIT_DISABLED] = "disabled",
		[CLOUDINIT_UNFINISHED] = "unfinished",
		[CLOUDINIT_DONE] = "done",
		[CLOUDINIT_DEGRADED] = "degraded",
		[CLOUDINIT_ERROR] = "error",
	};

	return words[state];
}

/* The document's "v1", or NULL. */
static const struct node *read_v1(int dir, const char *name, struct arena *a)
{
	_buf_ text = BUF_INIT;
	struct error ignored = { 0 };
	struct node *doc;

	if (file_read(dir, name, FILE_MAX_SIZE, &text) < 0 ||
		json_parse(&doc, a, name, arena_strndup(a, buf_str(&text), text.len), text.len,
			&ignored) < 0)
		return NULL;
	return node_get(doc, "v1");
}

/* An id as it may stand in a line of ours, or NULL. */
static const char *clean_id(struct arena *a, const char *text)
{
	size_t n = text ? strcspn(text, "\r\n") : 0;

	if (n == 0 || n > ID_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return NULL;
	return arena_strndup(a, text, n);
}

static const char *read_instance(int dir, struct arena *a)
{
	_buf_ text = BUF_INIT;
	const struct node *v1;
	const char *id = NULL;

	if (file_read(dir, ".instance-id", ID_MAX + 2, &text) >= 0)
		id = clean_id(a, buf_str(&text));
	if (id)
		return id;
	v1 = read_v1(dir, "instance-data.json", a);
	id = clean_id(a, node_str(node_get(v1, "instance_id")));
	return id ? id : clean_id(a, node_str(node_get(v1, "instance-id")));
}

/* Lists of texts, or a map of such lists: how many texts. */
static size_t count(const struct node *n)
{
	size_t total = 0;

	if (!n || n->kind == NODE_SCALAR)
		return 0;
	if (n->kind == NODE_LIST)
		return n->n;
	for (size_t i = 0; i < n->n; i++)
		total += count(n->items[i]);
	return total;
}

static void add_stage(struct cloudinit *c, const char *name, const struct node *stage)
{
	size_t errors = count(node_get(stage, "errors"));
	size_t warnings = count(node_get(stage, "recoverable_errors"));

	if (errors > 0 ? c->errors == 0 : warnings > 0 && !c->where)
		c->where = name;
	c->errors += errors;
	c->warnings += warnings;
}

static void read_stages(struct cloudinit *c, const struct node *status)
{
	if (!status || status->kind != NODE_MAP)
		return;
	c->stage = node_str(node_get(status, "stage"));
	for (size_t i = 0; i < status->n; i++)
		add_stage(c, status->keys[i]->str, status->items[i]);
}

void cloudinit_read(struct cloudinit *ret, struct arena *a, const char *run_dir)
{
	struct cloudinit c = { .state = CLOUDINIT_ABSENT };
	_close_ int dir =
		open(arena_printf(a, "%s/cloud-init", run_dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct node *result;

	*ret = c;
	if (dir < 0)
		return;
	c.instance = read_instance(dir, a);
	read_stages(&c, read_v1(dir, "status.json", a));
	result = read_v1(dir, "result.json", a);
	if (!result) {
		bool disabled = faccessat(dir, "disabled", F_OK, 0) == 0;

		c.state = disabled ? CLOUDINIT_DISABLED : CLOUDINIT_UNFINISHED;
	} else {
		/* The result repeats the errors of the stages. */
		c.errors = MAX(c.errors, count(node_get(result, "errors")));
		c.warnings = MAX(c.warnings, count(node_get(result, "recoverable_errors")));
		c.state = c.errors     ? CLOUDINIT_ERROR
			  : c.warnings ? CLOUDINIT_DEGRADED
				       : CLOUDINIT_DONE;
	}
	*ret = c;
}
