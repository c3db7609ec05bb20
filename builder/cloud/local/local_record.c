/* server.json: the one document about a local server. Read by a field table, written by hand. */
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "local_state.h"
#include "mark.h"
#include "node.h"
#include "provider.h"
#include "schema.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define RECORD	       "server.json"
#define RECORD_MAX     (256 * KIB)
#define RECORD_VERSION 1

static const char *const phases[] = { "creating", "booting", "ready", NULL };

/* The document as it stands, before it becomes a record. */
struct raw {
	struct local_record r;
	int64_t version;
	const char *phase;
	const struct node *forwards;
};

static const int64_t port_range[] = { 1, 65535 };
static const int64_t cpu_range[] = { 1, 4096 };

static const struct field fields[] = {
	{ "version", field_int, offsetof(struct raw, version), FIELD_REQUIRED },
	{ "phase", field_word, offsetof(struct raw, phase), FIELD_REQUIRED, phases },
	{ "intent", field_string, offsetof(struct raw, r.intent), FIELD_REQUIRED },
	{ "definition", field_string, offsetof(struct raw, r.definition) },
	{ "image", field_string, offsetof(struct raw, r.image) },
	{ "user", field_string, offsetof(struct raw, r.user) },
	{ "identity", field_string, offsetof(struct raw, r.identity) },
	{ "uuid", field_string, offsetof(struct raw, r.uuid), FIELD_REQUIRED },
	{ "mac", field_string, offsetof(struct raw, r.mac), FIELD_REQUIRED },
	{ "address", field_string, offsetof(struct raw, r.address) },
	{ "accel", field_string, offsetof(struct raw, r.accel), FIELD_REQUIRED },
	{ "cpu", field_string, offsetof(struct raw, r.cpu), FIELD_REQUIRED },
	{ "created", field_int, offsetof(struct raw, r.created), FIELD_REQUIRED },
	{ "memory", field_size, offsetof(struct raw, r.memory), FIELD_REQUIRED },
	{ "cpus", field_int, offsetof(struct raw, r.cpus), FIELD_REQUIRED, cpu_range },
	{ "volume", field_size, offsetof(struct raw, r.volume_size) },
	{ "console_offset", field_size, offsetof(struct raw, r.console_offset) },
	{ "ssh_port", field_int, offsetof(struct raw, r.ssh_port), FIELD_REQUIRED, port_range },
	{ "forwards", field_node, offsetof(struct raw, forwards) },
	{},
};

struct raw_forward {
	const char *address, *protocol;
	int64_t host, guest;
};

static const char *const protocols[] = { "tcp", "udp", NULL };

static const struct field forward_fields[] = {
	{ "address", field_string, offsetof(struct raw_forward, address), FIELD_REQUIRED },
	{ "host", field_int, offsetof(struct raw_forward, host), FIELD_REQUIRED, port_range },
	{ "guest", field_int, offsetof(struct raw_forward, guest), FIELD_REQUIRED, port_range },
	{ "protocol", field_word, offsetof(struct raw_forward, protocol), FIELD_REQUIRED,
		protocols },
	{},
};

static void read_forwards(const struct schema *s, struct raw *raw)
{
	const struct node *list = raw->forwards;
	size_t n = list && list->kind == NODE_LIST ? list->n : 0;

	raw->r.forwards = arena_alloc(s->arena, (n + 1) * sizeof *raw->r.forwards);
	for (size_t i = 0; i < n; i++) {
		struct raw_forward f = {};

		schema_read(s, list->items[i], forward_fields, &f);
		if (s->diags->errors)
			return;
		raw->r.forwards[raw->r.n_forwards++] = (struct port_forward){
			.address = f.address,
			.host = (unsigned)f.host,
			.guest = (unsigned)f.guest,
			.udp = strcmp(f.protocol, "udp") == 0,
		};
	}
}

int local_record_parse(
	const char *text, size_t len, struct arena *a, struct local_record *ret, struct error *e)
{
	_cleanup_(diags_free) struct diags diags = DIAGS_INIT;
	struct schema s = { .arena = a, .diags = &diags };
	struct raw raw = {};
	struct node *doc;
	int r;

	r = json_parse(&doc, a, RECORD, text, len, e);
	if (r < 0)
		return r;
	schema_read(&s, doc, fields, &raw);
	if (!diags.errors)
		read_forwards(&s, &raw);
	if (diags.errors)
		return error_set(e, ERR_FAILED, RECORD ": %s", diags.v[0].message);
	if (raw.version != RECORD_VERSION)
		return error_set(e, ERR_FAILED,
			RECORD ": made by another version of kbuild (format %" PRId64 ")",
			raw.version);
	for (size_t i = 0; phases[i]; i++) {
		if (strcmp(phases[i], raw.phase) == 0)
			raw.r.phase = (enum local_phase)i;
	}
	*ret = raw.r;
	return 0;
}

static void add_string(struct buf *out, const char *key, const char *value)
{
	if (!value)
		return;
	buf_printf(out, ",\n  \"%s\": ", key);
	json_write_string(out, value, strlen(value));
}

void local_record_format(const struct local_record *r, struct buf *out)
{
	buf_printf(out, "{\n  \"version\": %d", RECORD_VERSION);
	add_string(out, "phase", phases[r->phase]);
	add_string(out, "intent", r->intent);
	add_string(out, "definition", r->definition);
	add_string(out, "image", r->image);
	add_string(out, "user", r->user);
	add_string(out, "identity", r->identity);
	add_string(out, "uuid", r->uuid);
	add_string(out, "mac", r->mac);
	add_string(out, "address", r->address);
	add_string(out, "accel", r->accel);
	add_string(out, "cpu", r->cpu);
	buf_printf(out,
		",\n  \"created\": %" PRId64 ",\n  \"memory\": %" PRIu64 ",\n  \"cpus\": %" PRId64
		",\n  \"volume\": %" PRIu64 ",\n  \"console_offset\": %" PRIu64
		",\n  \"ssh_port\": %" PRId64 ",\n  \"forwards\": [",
		r->created, r->memory, r->cpus, r->volume_size, r->console_offset, r->ssh_port);
	for (size_t i = 0; i < r->n_forwards; i++) {
		const struct port_forward *f = &r->forwards[i];

		buf_printf(out, "%s\n    {\"address\": ", i ? "," : "");
		json_write_string(out, f->address, strlen(f->address));
		buf_printf(out, ", \"host\": %u, \"guest\": %u, \"protocol\": \"%s\"}", f->host,
			f->guest, f->udp ? "udp" : "tcp");
	}
	buf_adds(out, r->n_forwards ? "\n  ]\n}\n" : "]\n}\n");
}

int local_record_read(
	const struct local_dir *d, struct arena *a, struct local_record *ret, struct error *e)
{
	_buf_ text = BUF_INIT;
	int r = file_read(d->fd, RECORD, RECORD_MAX, &text);

	if (r == -ENOENT) {
		*ret = (struct local_record){ .phase = PHASE_CREATING };
		return 0;
	}
	if (r < 0)
		return error_errno(e, r, "reading '%s/" RECORD "'", d->path);
	r = local_record_parse(buf_str(&text), text.len, a, ret, e);
	if (r < 0)
		return error_prefix(e, "%s", d->path);
	return 0;
}

int local_record_write(const struct local_dir *d, const struct local_record *rec, struct error *e)
{
	_buf_ text = BUF_INIT;
	int r;

	local_record_format(rec, &text);
	r = file_replace(d->fd, RECORD, text.data, text.len, 0600);
	if (r < 0)
		return error_errno(e, r, "writing '%s/" RECORD "'", d->path);
	return 0;
}
