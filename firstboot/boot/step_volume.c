/* The data volume. What may be formatted is decided by the broker, from what it sees itself. */
#include "agent.h"
#include "boot.h"
#include "broker.h"
#include "buf.h"
#include "config.h"
#include "error.h"
#include "ipc.h"
#include "node.h"
#include "steps.h"

#include <stdio.h>
#include <string.h>

#define PROBE_MS  60000
#define FORMAT_MS 900000
#define MOUNT_MS  300000

struct found {
	char state[16], device[64], why[512];
	int64_t size;
	bool mounted, grow;
};

static void copy(char *to, size_t size, const struct node *doc, const char *key)
{
	const char *text = node_str(node_get(doc, key));

	snprintf(to, size, "%s", text ? text : "");
}

static int ask(const struct boot *b, struct found *ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	int r = broker_simple(b->agent, "volume-probe", PROBE_MS, &m, e);

	if (r < 0)
		return r;
	*ret = (struct found){ .size = 0 };
	copy(ret->state, sizeof ret->state, m.doc, "state");
	copy(ret->device, sizeof ret->device, m.doc, "device");
	copy(ret->why, sizeof ret->why, m.doc, "why");
	(void)node_is_int(node_get(m.doc, "size"), &ret->size);
	(void)node_is_bool(node_get(m.doc, "mounted"), &ret->mounted);
	(void)node_is_bool(node_get(m.doc, "grow"), &ret->grow);
	return 0;
}

static bool is(const struct found *f, const char *state)
{
	return strcmp(f->state, state) == 0;
}

const char *step_volume_skip(const struct boot *b)
{
	return b->agent->config && b->agent->config->volume ? NULL : "no kbuild.server.volume";
}

int step_volume_probe(struct boot *b, struct error *e)
{
	struct found f;
	int r = ask(b, &f, e);

	return r < 0 ? r : is(&f, "ours") && f.mounted && !f.grow ? STEP_HOLDS : 0;
}

int step_volume_run(struct boot *b, struct error *e)
{
	struct found f;
	int r = ask(b, &f, e);

	if (r < 0)
		return r;
	if (is(&f, "absent")) {
		/* Clouds attach volumes while the server boots already. */
		error_set(e, ERR_FAILED, "%s", f.why);
		return error_transient(e);
	}
	if (is(&f, "blank")) {
		boot_note(b, "formatting /dev/%s (%lld MiB)", f.device,
			(long long)(f.size / (int64_t)MIB));
		r = broker_simple(b->agent, "volume-format", FORMAT_MS, NULL, e);
	} else if (!is(&f, "ours")) {
		r = error_set(e, ERR_FAILED, "%s", f.why);
	}
	return r < 0 ? r : broker_simple(b->agent, "volume-mount", MOUNT_MS, NULL, e);
}
