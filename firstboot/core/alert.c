/*
 * See alert.h. Several processes write here (gitops, backup, health), so every change is made under a
 * short lock, and every file is replaced as a whole.
 */
#include "alert.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "digest.h"
#include "error.h"
#include "ipc.h"
#include "node.h"
#include "spare.h"
#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define DIR_NAME    "alerts"
#define ENTRIES_MAX ((size_t)4 * ALERTS_MAX) /* looked at, whoever made them */
#define ID_LEN	    24 /* hexadecimal digits of the key's SHA-256: enough that two never meet */

struct entry {
	char name[sizeof DIR_NAME + ID_LEN + 8]; /* in the state directory */
	struct alert alert;
	int64_t at;
	bool sent, over;
	const char *over_subject, *over_text;
	int64_t over_at;
};

/* The fd of the lock: dropped when it is closed. */
static int lock_queue(const struct agent *a, struct error *e)
{
	_close_ int fd = -1;

	if (mkdirat(a->state_fd, DIR_NAME, 0700) < 0 && errno != EEXIST)
		return error_errno(e, errno, "cannot make %s/" DIR_NAME, a->state_dir);
	fd = openat(a->state_fd, DIR_NAME "/lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return error_errno(e, errno, "cannot lock %s/" DIR_NAME, a->state_dir);
	return TAKE_FD(fd);
}

static void name_entry(const char *key, struct entry *ret)
{
	char hex[SHA256_HEX];

	sha256_bytes(key, strlen(key), hex);
	snprintf(ret->name, sizeof ret->name, DIR_NAME "/%.*s.json", ID_LEN, hex);
}

static const char *text_of(const struct node *n, const char *key)
{
	const char *s = node_str(node_get(n, key));

	return s ? s : "";
}

/* 0 or STATE_ABSENT; ret->name is set. */
static int read_entry(
	const struct agent *a, struct arena *arena, struct entry *ret, struct error *e)
{
	const struct node *n = NULL, *over;
	int r = state_read(a, ret->name, arena, &n, e);

	if (r != 0)
		return r;
	over = node_get(n, "over");
	ret->alert = (struct alert){ text_of(n, "key"), text_of(n, "kind"), text_of(n, "subject"),
		text_of(n, "text") };
	ret->over = over && over->kind == NODE_MAP;
	ret->over_subject = text_of(over, "subject");
	ret->over_text = text_of(over, "text");
	(void)node_is_int(node_get(n, "at"), &ret->at);
	(void)node_is_int(node_get(over, "at"), &ret->over_at);
	(void)node_is_bool(node_get(n, "sent"), &ret->sent);
	return 0;
}

static int write_entry(const struct agent *a, const struct entry *t, struct error *e)
{
	_buf_ json = BUF_INIT;
	_buf_ over = BUF_INIT;

	ipc_begin(&over);
	ipc_add_str(&over, "subject", t->over_subject);
	ipc_add_str(&over, "text", t->over_text);
	ipc_add_int(&over, "at", t->over_at);
	ipc_end(&over);
	ipc_begin(&json);
	ipc_add_str(&json, "key", t->alert.key);
	ipc_add_str(&json, "kind", t->alert.kind);
	ipc_add_str(&json, "subject", t->alert.subject);
	ipc_add_str(&json, "text", t->alert.text ? t->alert.text : "");
	ipc_add_int(&json, "at", t->at);
	ipc_add_bool(&json, "sent", t->sent);
	ipc_add(&json, "over", t->over ? buf_str(&over) : "null");
	ipc_end(&json);
	return state_insist(a, t->name, &json, e);
}

static int remove_entry(const struct agent *a, const struct entry *t, struct error *e)
{
	if (unlinkat(a->state_fd, t->name, 0) < 0 && errno != ENOENT)
		return error_errno(e, errno, "cannot remove %s/%s", a->state_dir, t->name);
	return 0;
}

/* All entries, in an array of the arena. A directory that is not there holds none. */
static int list_entries(const struct agent *a, struct arena *arena, struct entry **ret,
	size_t *ret_n, struct error *e)
{
	int fd = openat(a->state_fd, DIR_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct entry *list = arena_alloc(arena, ENTRIES_MAX * sizeof *list);
	size_t n = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int r = 0;

	*ret = list;
	*ret_n = 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : error_errno(e, errno, "cannot read the alerts");
	for (struct dirent *d; r >= 0 && dir && n < ENTRIES_MAX && (d = readdir(dir));) {
		if (strlen(d->d_name) != ID_LEN + 5 || strcmp(d->d_name + ID_LEN, ".json") != 0)
			continue;
		snprintf(
			list[n].name, sizeof list[n].name, DIR_NAME "/%.*s", ID_LEN + 5, d->d_name);
		r = read_entry(a, arena, &list[n], e);
		n += r == 0;
	}
	if (dir)
		closedir(dir);
	*ret_n = n;
	return r < 0 ? r : 0;
}

/* Makes room: the queue must not grow with faults that nobody ever ends. */
static int forget_oldest(const struct agent *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct entry *oldest = NULL;
	struct entry *list;
	size_t n;
	int r = list_entries(a, arena, &list, &n, e);

	for (size_t i = 0; r >= 0 && i < n; i++)
		if (!oldest || list[i].at < oldest->at)
			oldest = &list[i];
	return r < 0 || n < ALERTS_MAX ? r : remove_entry(a, oldest, e);
}

int alert_raise(const struct agent *a, const struct alert *what, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_close_ int lock = lock_queue(a, e);
	struct entry t = { .at = (int64_t)time(NULL) };
	int r;

	if (lock < 0)
		return lock;
	name_entry(what->key, &t);
	r = read_entry(a, arena, &t, e);
	if (r < 0)
		return r;
	if (r == 0) {
		t.over = false;
		r = write_entry(a, &t, e);
		return r < 0 ? r : ALERT_KNOWN;
	}
	t.alert = *what;
	r = forget_oldest(a, e);
	return r < 0 ? r : write_entry(a, &t, e);
}

int alert_remind(const struct agent *a, const struct alert *what, struct error *e)
{
	_close_ int lock = lock_queue(a, e);
	struct entry t = { .alert = *what, .at = (int64_t)time(NULL) };

	if (lock < 0)
		return lock;
	name_entry(what->key, &t);
	return write_entry(a, &t, e);
}

bool alert_is_open(const struct agent *a, const char *key)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct error ignored = { 0 };
	struct entry t = { 0 };

	name_entry(key, &t);
	return read_entry(a, arena, &t, &ignored) == 0 && !t.over;
}

void alert_make_room(const struct agent *a)
{
	struct error ignored = { 0 };
	_close_ int lock = lock_queue(a, &ignored);

	spare_keep(a);
}

int alert_resolve(const struct agent *a, const char *key, const char *subject, const char *text,
	struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_close_ int lock = lock_queue(a, e);
	struct entry t = { 0 };
	int r;

	if (lock < 0)
		return lock;
	name_entry(key, &t);
	r = read_entry(a, arena, &t, e);
	if (r < 0 || r == STATE_ABSENT || t.over)
		return r < 0 ? r : 0;
	t.over = true;
	t.over_subject = subject;
	t.over_text = text ? text : "";
	t.over_at = (int64_t)time(NULL);
	return write_entry(a, &t, e);
}

int alert_resolve_kind(const struct agent *a, const char *kind, const char *subject,
	const char *text, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct entry *list;
	size_t n;
	int r = list_entries(a, arena, &list, &n, e);

	for (size_t i = 0; r >= 0 && i < n; i++)
		if (!list[i].over && strcmp(list[i].alert.kind, kind) == 0)
			r = alert_resolve(a, list[i].alert.key, subject, text, e);
	return r;
}

int alert_forget(const struct agent *a, const char *key, struct error *e)
{
	_close_ int lock = lock_queue(a, e);
	struct entry t = { 0 };

	if (lock < 0)
		return lock;
	name_entry(key, &t);
	return remove_entry(a, &t, e);
}

static int by_time(const void *x, const void *y)
{
	const struct alert_waiting *a = x, *b = y;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return (int)a->over - (int)b->over;
}

int alert_waiting(const struct agent *a, struct arena *arena, struct alert_waiting **ret,
	size_t *ret_n, struct error *e)
{
	struct alert_waiting *w;
	struct entry *list;
	size_t n, k = 0;
	int r = list_entries(a, arena, &list, &n, e);

	if (r < 0)
		return r;
	w = arena_alloc(arena, (2 * n + 1) * sizeof *w);
	for (size_t i = 0; i < n; i++) {
		const struct entry *t = &list[i];

		if (!t->sent)
			w[k++] = (struct alert_waiting){ t->alert, false, t->at };
		if (t->over)
			w[k++] = (struct alert_waiting){ { t->alert.key, t->alert.kind,
								 t->over_subject, t->over_text },
				true, t->over_at };
	}
	qsort(w, k, sizeof *w, by_time);
	*ret = w;
	*ret_n = k;
	return 0;
}

int alert_sent(const struct agent *a, const struct alert_waiting *w, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_close_ int lock = lock_queue(a, e);
	struct entry t = { 0 };
	int r;

	if (lock < 0)
		return lock;
	name_entry(w->alert.key, &t);
	r = read_entry(a, arena, &t, e);
	if (r < 0 || r == STATE_ABSENT)
		return r < 0 ? r : 0;
	if (w->over && t.over)
		return remove_entry(a, &t, e);
	/* It came back while its end was being told: then it is news again. */
	t.sent = !w->over;
	return write_entry(a, &t, e);
}
