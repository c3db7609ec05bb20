/* A server in Nova's replies. */
#include "nova.h"

#include "api.h"
#include "arena.h"
#include "body.h"
#include "error.h"
#include "node.h"
#include "reply.h"
#include "server.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#define LOGIN_MAX 32   /* of useradd */
#define MANY	  1000 /* more addresses or volumes than that is no server */

/* What is below it in the reply. */
struct raw {
	struct nova_server s;
	const struct node *addresses, *volumes, *flavor, *image, *metadata, *fault;
};

static const struct field server_fields[] = {
	{ "id", reply_text, offsetof(struct raw, s.id), FIELD_REQUIRED },
	{ "name", reply_text, offsetof(struct raw, s.name), FIELD_REQUIRED },
	{ "status", reply_text, offsetof(struct raw, s.status), FIELD_REQUIRED },
	{ "OS-EXT-STS:task_state", reply_text, offsetof(struct raw, s.task) },
	{ "OS-EXT-AZ:availability_zone", reply_text, offsetof(struct raw, s.zone) },
	{ "key_name", reply_text, offsetof(struct raw, s.key) },
	{ "created", reply_time, offsetof(struct raw, s.created) },
	{ "OS-SRV-USG:launched_at", reply_time, offsetof(struct raw, s.launched) },
	{ "addresses", field_node, offsetof(struct raw, addresses) },
	{ "os-extended-volumes:volumes_attached", field_node, offsetof(struct raw, volumes) },
	{ "flavor", field_node, offsetof(struct raw, flavor) },
	{ "image", field_node, offsetof(struct raw, image) },
	{ "metadata", field_node, offsetof(struct raw, metadata) },
	{ "fault", field_node, offsetof(struct raw, fault) },
	{},
};

static const struct field flavor_fields[] = {
	{ "original_name", reply_text, offsetof(struct nova_server, flavor) },
	{ "vcpus", reply_number, offsetof(struct nova_server, vcpus) },
	{ "ram", reply_number, offsetof(struct nova_server, ram) },
	{ "disk", reply_number, offsetof(struct nova_server, disk) },
	{},
};

static const struct field image_fields[] = {
	{ "id", reply_text, offsetof(struct nova_server, image) },
	{},
};

static const struct field metadata_fields[] = {
	{ "kbuild:name", reply_text, offsetof(struct nova_server, tag_name) },
	{ "kbuild:definition", reply_text, offsetof(struct nova_server, tag_definition) },
	{ "kbuild:image", reply_text, offsetof(struct nova_server, tag_image) },
	{ "kbuild:flavor", reply_text, offsetof(struct nova_server, tag_flavor) },
	{ "kbuild:intent", reply_text, offsetof(struct nova_server, tag_intent) },
	{ "kbuild:user", reply_text, offsetof(struct nova_server, tag_user) },
	{ "kbuild:settled", reply_text, offsetof(struct nova_server, tag_settled) },
	{},
};

static const struct field address_fields[] = {
	{ "addr", reply_text, offsetof(struct nova_address, text), FIELD_REQUIRED },
	{ "version", reply_number, offsetof(struct nova_address, version), FIELD_REQUIRED },
	{ "OS-EXT-IPS:type", reply_text, offsetof(struct nova_address, type) },
	{},
};

static int wrong(const char *what, struct error *e)
{
	int r = error_set(e, ERR_NETWORK, "the reply's '%s'", what);

	e->transient = false;
	return r;
}

static bool is_address(const char *text)
{
	struct in6_addr to;

	return inet_pton(AF_INET, text, &to) == 1 || inet_pton(AF_INET6, text, &to) == 1;
}

/* {"Ext-Net": [{"addr": …}, …], …} */
static int read_addresses(
	const struct node *map, struct arena *a, struct nova_server *s, struct error *e)
{
	size_t n = 0;

	if (!map)
		return 0;
	if (map->kind != NODE_MAP)
		return wrong("server.addresses' must be a map, not something else", e);
	for (size_t i = 0; i < map->n; i++)
		n += map->items[i]->kind == NODE_LIST ? map->items[i]->n : 0;
	if (n > MANY)
		return wrong("server.addresses' has too many", e);
	s->addresses = arena_alloc(a, (n + 1) * sizeof *s->addresses);
	for (size_t i = 0; i < map->n; i++) {
		const struct node *list = map->items[i];

		if (list->kind != NODE_LIST)
			return wrong(arena_printf(a, "server.addresses.%s' must be a list",
					     api_clean(a, map->keys[i]->str)),
				e);
		for (size_t j = 0; j < list->n; j++) {
			struct nova_address *to = &s->addresses[s->n_addresses++];
			int r = reply_read(
				list->items[j], "server.addresses", address_fields, to, a, e);

			if (r < 0)
				return r;
			if (!is_address(to->text))
				return wrong("server.addresses.addr' must be an address", e);
			to->network = map->keys[i]->str;
		}
	}
	return 0;
}

static int read_volumes(
	const struct node *list, struct arena *a, struct nova_server *s, struct error *e)
{
	const char **v;

	if (list && (list->kind != NODE_LIST || list->n > MANY))
		return wrong("server.os-extended-volumes:volumes_attached' must be a list", e);
	v = arena_alloc(a, ((list ? list->n : 0) + 1) * sizeof *v);
	for (size_t i = 0; list && i < list->n; i++) {
		v[i] = node_str(node_get(list->items[i], "id"));
		if (!id_valid(v[i]))
			return wrong(
				"server.os-extended-volumes:volumes_attached.id' must be an id", e);
	}
	s->volumes = v;
	return 0;
}

/* A part that is a map where it is there; Nova says "" for no image. */
static int read_part(const struct node *part, const char *what, const struct field *fields,
	struct arena *a, struct nova_server *s, struct error *e)
{
	if (!part || (part->kind == NODE_SCALAR && part->len == 0))
		return 0;
	return reply_read(part, what, fields, s, a, e);
}

/* A word that starts with '-' would be an option of ssh. */
static bool is_login(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= LOGIN_MAX && (isalpha((unsigned char)*text) || *text == '_') &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       len;
}

/* Whoever may write a server's metadata writes what he likes; ours becomes paths, and words of commands. */
static void forget_odd_tags(struct nova_server *s)
{
	if (s->tag_name && !server_name_valid(s->tag_name))
		s->tag_name = NULL;
	if (s->tag_user && !is_login(s->tag_user))
		s->tag_user = NULL;
}

int nova_server_read(
	const struct node *n, struct arena *a, struct nova_server *ret, struct error *e)
{
	struct raw raw = {};
	struct nova_server *s = &raw.s;
	const struct node *launched = node_get(n, "OS-SRV-USG:launched_at");
	int r = reply_read(n, "server", server_fields, &raw, a, e);

	if (r < 0)
		return r;
	if (!id_valid(s->id))
		return wrong("server.id' must be an id", e);
	s->never_ran = launched && node_is_null(launched);
	r = read_addresses(raw.addresses, a, s, e);
	if (r == 0)
		r = read_volumes(raw.volumes, a, s, e);
	if (r == 0)
		r = read_part(raw.flavor, "server.flavor", flavor_fields, a, s, e);
	if (r == 0)
		r = read_part(raw.image, "server.image", image_fields, a, s, e);
	if (r == 0)
		r = read_part(raw.metadata, "server.metadata", metadata_fields, a, s, e);
	if (r == 0)
		forget_odd_tags(s);
	/* For people, and of any form. */
	if (r == 0 && node_str(node_get(raw.fault, "message")))
		s->fault = api_clean(a, node_str(node_get(raw.fault, "message")));
	if (r == 0)
		*ret = *s;
	return r;
}
