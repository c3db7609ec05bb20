/* See journal.h. */
#include "journal.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "ipc.h"
#include "json.h"
#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

/* First boot writes some hundred lines; one that grew beyond this is not ours. */
#define JOURNAL_MAX (8 * MIB)

struct journal {
	struct arena *arena;
	char *path;
	int fd;
	const struct node **entries;
	size_t n, cap;
};

static void keep(struct journal *j, const struct node *n)
{
	j->entries = grow(j->entries, j->n, &j->cap, sizeof *j->entries);
	j->entries[j->n++] = n;
}

/* The length of the whole lines of text, of which each is kept that is an object. */
static size_t read_lines(struct journal *j, const char *text)
{
	size_t done = 0;

	for (const char *end; (end = strchr(text + done, '\n')); done = (size_t)(end - text) + 1) {
		size_t len = (size_t)(end - text) - done;
		struct error broken = { 0 };
		struct node *n;

		if (json_parse(&n, j->arena, "journal", text + done, len, &broken) == 0 &&
			n->kind == NODE_MAP)
			keep(j, n);
	}
	return done;
}

int journal_open(struct journal **ret, const struct agent *a, const char *name, struct error *e)
{
	_cleanup_(journal_closep) struct journal *j = xcalloc(1, sizeof *j);
	_buf_ text = BUF_INIT;
	size_t whole;
	int r;

	j->arena = arena_new();
	j->path = xasprintf("%s/%s", a->state_dir, name);
	j->fd = openat(a->state_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->fd < 0)
		return error_errno(e, errno, "cannot open %s", j->path);
	r = fd_read(j->fd, JOURNAL_MAX, &text);
	if (r >= 0) {
		whole = read_lines(j, buf_str(&text));
		if ((whole < text.len && ftruncate(j->fd, (off_t)whole) < 0) ||
			lseek(j->fd, 0, SEEK_END) < 0)
			r = -errno;
	}
	if (r >= 0)
		r = fsync_parent(a->state_fd, name);
	if (r < 0)
		return error_errno(e, r, "cannot read %s", j->path);
	*ret = TAKE(j);
	return 0;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	closep(&j->fd);
	arena_free(j->arena);
	free(j->entries);
	free(j->path);
	free(j);
}

int journal_add(
	struct journal *j, const char *step, const char *event, const char *extra, struct error *e)
{
	_buf_ line = BUF_INIT;
	struct node *n;
	int r;

	ipc_begin(&line);
	ipc_add_int(&line, "at", (int64_t)time(NULL));
	ipc_add_str(&line, "step", step);
	ipc_add_str(&line, "event", event);
	if (extra)
		buf_printf(&line, ",%s", extra);
	ipc_end(&line);
	r = json_parse(&n, j->arena, "journal", buf_str(&line), line.len, e);
	if (r < 0)
		return r;
	buf_addc(&line, '\n');
	r = fd_write(j->fd, line.data, line.len);
	if (r >= 0 && fdatasync(j->fd) < 0)
		r = -errno;
	if (r < 0)
		return error_errno(e, r, "cannot write %s", j->path);
	keep(j, n);
	return 0;
}

const struct node *journal_last(const struct journal *j, const char *step)
{
	for (size_t i = j->n; i-- > 0;) {
		const char *s = node_str(node_get(j->entries[i], "step"));

		if (s && strcmp(s, step) == 0)
			return j->entries[i];
	}
	return NULL;
}

bool journal_is(const struct journal *j, const char *step, const char *event)
{
	const char *last = node_str(node_get(journal_last(j, step), "event"));

	return last && strcmp(last, event) == 0;
}

size_t journal_count(const struct journal *j)
{
	return j->n;
}

const struct node *journal_at(const struct journal *j, size_t i)
{
	return j->entries[i];
}
