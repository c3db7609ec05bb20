/* What is the same for the servers of all clouds: words, names, their JSON. */
#include "provider.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "json.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

const char *server_state_name(enum server_state s)
{
	static const char *const names[] = {
		[SERVER_CREATING] = "creating",
		[SERVER_BOOTING] = "booting",
		[SERVER_RUNNING] = "running",
		[SERVER_STOPPED] = "stopped",
		[SERVER_BROKEN] = "broken",
	};

	return names[s];
}

const char *lacks_more(struct arena *a, const char *lacks, const char *more)
{
	return lacks && more ? arena_printf(a, "%s; %s", lacks, more) : more ? more : lacks;
}

bool server_name_valid(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	size_t n = strspn(name, letters);

	return n > 0 && n <= SERVER_NAME_MAX && name[n] == '\0' && name[0] != '-' &&
	       name[n - 1] != '-';
}

bool launch_may_have_made(const struct launch_request *q, const char *definition, const char *image)
{
	const char *will = q->image_digest ? q->image_digest : q->foreseen;

	if (!q->definition != !definition || (definition && strcmp(q->definition, definition) != 0))
		return false;
	return !will || (image && strcmp(will, image) == 0);
}

const char *launch_is_there(const struct launch_request *q)
{
	return q->image_digest || q->foreseen
		       ? "it runs, of the same image: a launch has nothing to do"
		       : "it runs: if the image is the same, a launch has nothing to do";
}

/* A member of an object; nothing when there is no value. */
static void add_string(struct buf *out, const char *key, const char *value)
{
	if (!value)
		return;
	buf_printf(out, ",\"%s\":", key);
	json_write_string(out, value, strlen(value));
}

static void add_forwards(struct buf *out, const struct server *s)
{
	buf_adds(out, ",\"forwards\":[");
	for (size_t i = 0; i < s->n_forwards; i++) {
		const struct port_forward *f = &s->forwards[i];

		buf_printf(out, "%s{\"address\":", i ? "," : "");
		json_write_string(out, f->address, strlen(f->address));
		buf_printf(out, ",\"host\":%u,\"guest\":%u,\"protocol\":\"%s\"}", f->host, f->guest,
			f->udp ? "udp" : "tcp");
	}
	buf_addc(out, ']');
}

void server_json(const struct server *s, struct buf *out)
{
	buf_adds(out, "{\"name\":");
	json_write_string(out, s->name, strlen(s->name));
	add_string(out, "state", server_state_name(s->state));
	add_string(out, "note", s->note);
	add_string(out, "definition", s->definition);
	add_string(out, "image", s->image);
	add_string(out, "id", s->id);
	add_string(out, "region", s->region);
	add_string(out, "flavor", s->flavor);
	add_string(out, "address", s->address);
	add_string(out, "ipv4", s->v4);
	add_string(out, "ipv6", s->v6);
	if (s->ssh_port)
		buf_printf(out, ",\"ssh_port\":%u", s->ssh_port);
	add_string(out, "user", s->user);
	add_string(out, "identity", s->identity);
	if (s->created)
		buf_printf(out, ",\"created\":%" PRId64, s->created);
	add_string(out, "accel", s->accel);
	if (s->memory)
		buf_printf(out, ",\"memory\":%" PRIu64 ",\"cpus\":%u", s->memory, s->cpus);
	if (s->volume_size)
		buf_printf(out, ",\"volume\":%" PRIu64, s->volume_size);
	add_string(out, "volume_id", s->volume_id);
	add_string(out, "cost", s->cost);
	add_forwards(out, s);
	add_string(out, "directory", s->directory);
	if (s->status)
		buf_printf(out, ",\"status\":%s", s->status);
	if (s->agent)
		buf_printf(out, ",\"agent\":%s", s->agent);
	else
		add_string(out, "unasked", s->unasked);
	add_string(out, "lacks", s->lacks);
	buf_addc(out, '}');
}

void kept_volume_json(const struct kept_volume *v, struct buf *out)
{
	buf_adds(out, "{\"server\":");
	json_write_string(out, v->server, strlen(v->server));
	buf_printf(out, ",\"size\":%" PRIu64, v->size);
	add_string(out, "copy", v->copy);
	add_string(out, "id", v->id);
	add_string(out, "region", v->region);
	add_string(out, "path", v->path);
	buf_addc(out, '}');
}

/* A port in decimal up to end; 0 when it is none. */
static unsigned parse_port(const char *p, const char *end)
{
	unsigned n = 0;

	if (p == end || end - p > 5)
		return 0;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return 0;
		n = n * 10 + (unsigned)(*p - '0');
	}
	return n <= 65535 ? n : 0;
}

int port_forward_parse(const char *text, struct arena *a, struct port_forward *ret, struct error *e)
{
	struct port_forward f = { .address = "127.0.0.1" };
	const char *end = text + strcspn(text, "/");
	const char *colon = memchr(text, ':', (size_t)(end - text));
	const char *second = colon ? memchr(colon + 1, ':', (size_t)(end - colon - 1)) : NULL;
	const char *host = text;
	struct in_addr any;

	if (colon && second) {
		f.address = arena_strndup(a, text, (size_t)(colon - text));
		host = colon + 1;
		colon = second;
	}
	if (colon) {
		f.host = parse_port(host, colon);
		f.guest = parse_port(colon + 1, end);
	}
	f.udp = strcmp(end, "/udp") == 0;
	if (!f.host || !f.guest || (*end && !f.udp && strcmp(end, "/tcp") != 0) ||
		inet_pton(AF_INET, f.address, &any) != 1)
		return error_set(e, ERR_USAGE,
			"--forward '%s' must be [ADDRESS:]HOST-PORT:GUEST-PORT[/tcp|/udp], as in "
			"8080:80",
			text);
	*ret = f;
	return 0;
}
