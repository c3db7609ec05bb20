/* Whose journal it is. Its first entry, and every later change, is an entry of the step "instance". */
#include "agent.h"
#include "arena.h"
#include "boot.h"
#include "buf.h"
#include "dns.h"
#include "error.h"
#include "fd.h"
#include "ipc.h"
#include "journal.h"
#include "node.h"
#include "self.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define INSTANCE "instance"
#define BEFORE	 BOOT_JOURNAL ".before"

static int begin(struct boot *b, const char *id, struct error *e)
{
	_buf_ extra = BUF_INIT;
	_buf_ object = BUF_INIT;

	ipc_begin(&object);
	ipc_add_str(&object, "id", id);
	buf_add(&extra, object.data + 1, object.len - 1);
	return journal_add(b->journal, INSTANCE, "begin", buf_str(&extra), e);
}

/* In one rename: a cut leaves the old one's journal, or a new one that knows that it is a clone's. */
static int begin_anew(struct boot *b, const char *id, const char *before, struct error *e)
{
	const struct agent *a = b->agent;
	_buf_ line = BUF_INIT;
	int r = self_mark_copy(a, id, e);

	if (r < 0)
		return r;
	/* The records there are the other one's: this one has lost none. */
	if (unlinkat(a->state_fd, DNS_STATE, 0) < 0 && errno != ENOENT)
		return error_errno(e, errno, "cannot remove %s/" DNS_STATE, a->state_dir);
	journal_close(TAKE(b->journal));
	/* For who wants to know what the other one did; nobody here reads it. */
	if (unlinkat(a->state_fd, BEFORE, 0) == 0 || errno == ENOENT)
		(void)!linkat(a->state_fd, BOOT_JOURNAL, a->state_fd, BEFORE, 0);
	ipc_begin(&line);
	ipc_add_int(&line, "at", (int64_t)time(NULL));
	ipc_add_str(&line, "step", INSTANCE);
	ipc_add_str(&line, "event", "begin");
	ipc_add_str(&line, "id", id);
	ipc_add_str(&line, "before", before);
	ipc_end(&line);
	buf_addc(&line, '\n');
	r = file_replace(a->state_fd, BOOT_JOURNAL, line.data, line.len, 0600);
	if (r < 0)
		return error_errno(e, r, "cannot write %s/%s", a->state_dir, BOOT_JOURNAL);
	return journal_open(&b->journal, a, BOOT_JOURNAL, e);
}

int boot_set_instance(struct boot *b, const char *id, struct error *e)
{
	const char *known;
	int r = b->journal ? 0 : journal_open(&b->journal, b->agent, BOOT_JOURNAL, e);

	if (r < 0)
		return r;
	known = node_str(node_get(journal_last(b->journal, INSTANCE), "id"));
	if (known && id && strcmp(known, id) != 0)
		r = begin_anew(b, id, arena_strdup(b->arena, known), e);
	else if ((!known && id) || journal_count(b->journal) == 0)
		r = begin(b, id, e);
	if (r < 0)
		return r;
	b->instance = id ? arena_strdup(b->arena, id) : known;
	b->clone = node_str(node_get(journal_last(b->journal, INSTANCE), "before")) != NULL;
	return 0;
}
