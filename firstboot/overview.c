/* See overview.h: gathering. Everything is optional, nothing is an error. */
#include "overview.h"

#include "agent.h"
#include "arena.h"
#include "boot.h"
#include "broker.h"
#include "buf.h"
#include "config.h"
#include "dns.h"
#include "dpkgdb.h"
#include "error.h"
#include "fd.h"
#include "gitops.h"
#include "health.h"
#include "ipc.h"
#include "manifest.h"
#include "node.h"
#include "state.h"
#include "store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

#define ASK_MS	    60000
#define PACKAGES    "/usr/lib/kbuild/packages.list"
#define DPKG_STATUS "/var/lib/dpkg/status"
#define DPKG_MAX    (64 * MIB)
#define DRIFT_SHOWN 200

static void add_node(struct buf *out, const char *key, const struct node *n)
{
	_buf_ text = BUF_INIT;

	if (n)
		node_write_json(n, 0, &text);
	while (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	ipc_add(out, key, n ? buf_str(&text) : "null");
}

static const struct node *read_state(const struct agent *a, const char *name, struct arena *arena)
{
	struct error ignored = { 0 };
	const struct node *n = NULL;

	if (a->state_fd < 0 || state_read(a, name, arena, &n, &ignored) != 0)
		return NULL;
	return n;
}

static void add_app(struct agent *a, struct buf *out)
{
	struct error ignored = { 0 };
	_buf_ json = BUF_INIT;

	if (a->state_fd < 0 || faccessat(a->state_fd, "gitops.json", F_OK, 0) < 0 ||
		gitops_status_json(a, &json, &ignored) < 0)
		ipc_add(out, "app", "null");
	else
		ipc_add(out, "app", buf_str(&json));
}

static void add_backup(struct agent *a, struct buf *out)
{
	static const char none[] =
		"{\"count\":0,\"last_good\":null,\"at\":0,\"size\":0,\"restored\":false}";
	_cleanup_(backup_list_free) struct backup_list list = BACKUP_LIST_INIT;
	const struct manifest *last;
	struct error ignored = { 0 };
	_close_ int dir = -1;
	_buf_ one = BUF_INIT;

	/* Looking makes no directory. */
	if (a->state_fd < 0 || faccessat(a->state_fd, "backup", F_OK, 0) < 0) {
		ipc_add(out, "backup", a->config && a->config->has_backup ? none : "null");
		return;
	}
	dir = store_open(a, &ignored);
	if (dir < 0 || store_list(dir, &list, &ignored) < 0) {
		ipc_add(out, "backup", "null");
		return;
	}
	last = backup_list_good(&list);
	ipc_begin(&one);
	ipc_add_int(&one, "count", (int64_t)list.n);
	ipc_add_str(&one, "last_good", last ? last->id : NULL);
	ipc_add_int(&one, "at", last ? last->ended : 0);
	ipc_add_int(&one, "size", last ? (int64_t)manifest_size(last) : 0);
	ipc_add_bool(&one, "restored", last && manifest_verified_by(last, "restore"));
	ipc_end(&one);
	ipc_add(out, "backup", buf_str(&one));
}

/* The records as they were made last, in the words of "dns show": what the state has besides is for dns alone. */
static void add_dns(const struct node *state, struct buf *out)
{
	const struct node *records = node_get(state, "records");
	bool pending = false;
	_buf_ list = BUF_INIT;
	_buf_ one = BUF_INIT;

	if (!node_str(node_get(state, "zone"))) {
		ipc_add(out, "dns", "null");
		return;
	}
	(void)node_is_bool(node_get(state, "pending"), &pending);
	buf_addc(&list, '[');
	for (size_t i = 0; records && records->kind == NODE_LIST && i < records->n; i++) {
		const struct node *r = records->items[i];
		const char *name = node_str(node_get(r, "name"));
		_buf_ record = BUF_INIT;

		ipc_begin(&record);
		ipc_add_str(&record, "name", name && *name ? name : "@");
		ipc_add_str(&record, "type", node_str(node_get(r, "type")));
		ipc_add_str(&record, "target", node_str(node_get(r, "target")));
		ipc_end(&record);
		buf_printf(&list, "%s%s", i ? "," : "", buf_str(&record));
	}
	buf_addc(&list, ']');
	ipc_begin(&one);
	ipc_add_str(&one, "zone", node_str(node_get(state, "zone")));
	ipc_add_bool(&one, "published", !pending);
	ipc_add(&one, "records", buf_str(&list));
	ipc_end(&one);
	ipc_add(out, "dns", buf_str(&one));
}

static void add_timers(const struct agent *a, struct buf *out)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	struct error ignored = { 0 };

	(void)broker_simple(a, "timers", ASK_MS, &m, &ignored);
	add_node(out, "timers", node_get(m.doc, "timers"));
}

static void add_versions(const struct agent *a, struct buf *out)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	const struct agent_config *c = a->config;
	struct error ignored = { 0 };
	struct utsname kernel;
	_buf_ one = BUF_INIT;

	(void)broker_simple(a, "versions", ASK_MS, &m, &ignored);
	ipc_begin(&one);
	ipc_add_str(&one, "agent", KBUILD_VERSION);
	ipc_add_str(&one, "image", c ? c->image.id : NULL);
	ipc_add_str(&one, "built", c ? c->image.built : NULL);
	ipc_add_str(&one, "distribution", c ? c->image.distribution : NULL);
	ipc_add_str(&one, "release", c ? c->image.release : NULL);
	ipc_add_str(&one, "kernel", uname(&kernel) == 0 ? kernel.release : NULL);
	ipc_add_str(&one, "docker", node_str(node_get(m.doc, "docker")));
	ipc_add_str(&one, "compose", node_str(node_get(m.doc, "compose")));
	ipc_end(&one);
	ipc_add(out, "versions", buf_str(&one));
}

struct drift {
	struct buf list;
	size_t n;
};

static void drift_free(struct drift *d)
{
	buf_free(&d->list);
}

static void add_change(void *arg, const char *name, const char *before, const char *now)
{
	struct drift *d = arg;
	_buf_ one = BUF_INIT;

	if (d->n++ >= DRIFT_SHOWN)
		return;
	ipc_begin(&one);
	ipc_add_str(&one, "package", name);
	ipc_add_str(&one, "image", before);
	ipc_add_str(&one, "now", now);
	ipc_end(&one);
	buf_printf(&d->list, "%s%s", d->list.len > 1 ? "," : "", buf_str(&one));
}

/* Packages that were changed since the image was made. */
static void add_drift(struct buf *out)
{
	_cleanup_(drift_free) struct drift d = { .n = 0 };
	_buf_ before = BUF_INIT;
	_buf_ status = BUF_INIT;
	_buf_ now = BUF_INIT;
	_buf_ one = BUF_INIT;

	if (file_read(AT_FDCWD, PACKAGES, DPKG_MAX, &before) < 0 || before.len == 0 ||
		file_read(AT_FDCWD, DPKG_STATUS, DPKG_MAX, &status) < 0) {
		ipc_add(out, "drift", "null");
		return;
	}
	dpkgdb_list(buf_str(&status), status.len, &now);
	buf_addc(&d.list, '[');
	buf_addc(&now, '\n');
	dpkgdb_compare(before.data, now.data, add_change, &d);
	buf_addc(&d.list, ']');
	ipc_begin(&one);
	ipc_add_int(&one, "count", (int64_t)d.n);
	ipc_add(&one, "packages", buf_str(&d.list));
	ipc_end(&one);
	ipc_add(out, "drift", buf_str(&one));
}

/* First boot's word, taken down by what health found since. */
static const char *overall(const struct node *boot, const struct node *health)
{
	const char *state = node_str(node_get(boot, "state"));
	int64_t faults = 0;

	if (!state)
		return "unfinished";
	(void)node_is_int(node_get(health, "faults"), &faults);
	return faults > 0 && strcmp(state, "ready") == 0 ? "degraded" : state;
}

void overview_json(struct agent *a, struct buf *out)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct node *boot = read_state(a, BOOT_STATE, arena);
	const struct node *health = read_state(a, HEALTH_STATE, arena);
	_buf_ doc = BUF_INIT;

	ipc_begin(&doc);
	ipc_add_int(&doc, "v", 1);
	ipc_add_str(&doc, "state", overall(boot, health));
	ipc_add_str(&doc, "name", a->config ? a->config->name : NULL);
	add_node(&doc, "first_boot", boot);
	add_app(a, &doc);
	add_backup(a, &doc);
	add_dns(read_state(a, DNS_STATE, arena), &doc);
	add_node(&doc, "health", health);
	add_timers(a, &doc);
	add_versions(a, &doc);
	add_drift(&doc);
	ipc_end(&doc);
	buf_add(out, doc.data, doc.len);
}
