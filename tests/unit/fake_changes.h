/* What the OpenStack of fake_cloud.h makes, does and removes when it is asked to. */
#pragma once

#include "fake_things.h"

static inline void fake_take_zone(struct fake_thing *t, const struct node *given)
{
	const char *zone = node_str(node_get(given, "availability_zone"));

	snprintf(t->zone, sizeof t->zone, "%s", zone ? zone : "");
}

static inline long fake_make_server(const struct node *body, struct buf *out)
{
	struct fake_thing *s =
		fake_add(fake.servers, "s", fake_member(body, "server.name"), "BUILD");
	_buf_ metadata = BUF_INIT;

	fake_take_zone(s, node_path(body, "server"));
	node_write_json(node_path(body, "server.metadata"), 0, &metadata);
	snprintf(s->metadata, sizeof s->metadata, "%s", buf_str(&metadata));
	s->metadata[strcspn(s->metadata, "\n")] = '\0';
	snprintf(s->key, sizeof s->key, "%s", fake_member(body, "server.key_name"));
	snprintf(s->flavor, sizeof s->flavor, "%s", fake_member(body, "server.flavorRef"));
	snprintf(s->user_data, sizeof s->user_data, "%s", fake_member(body, "server.user_data"));
	const struct node *groups = node_path(body, "server.security_groups");

	if (groups)
		snprintf(s->group, sizeof s->group, "%s", fake_member(groups->items[0], "name"));
	check(node_path(body, "server.networks") && !strcmp(s->key, "") == false);
	buf_printf(out, "{\"server\":{\"id\":\"%s\",\"adminPass\":\"x\"}}", s->id);
	if (fake.second_server) {
		struct fake_thing *other = fake_add(fake.servers, "s", s->name, "BUILD");
		char id[32];

		fake.second_server = false;
		snprintf(other->metadata, sizeof other->metadata, "%s", s->metadata);
		memcpy(id, s->id, sizeof id);
		snprintf(s->id, sizeof s->id, "s-%d", fake.ids + 10);
		fake.ids += 10;
		buf_reset(out);
		buf_printf(out, "{\"server\":{\"id\":\"%s\"}}", s->id);
	}
	return 202;
}

/* One rule as a reply has it, but for its id; a host with its length. */
static inline void fake_rule_text(const struct node *r, char *ret, size_t size)
{
	const char *from = fake_member(r, "remote_ip_prefix");
	const char *length = strchr(from, '/') ? "" : strchr(from, ':') ? "/128" : "/32";
	char prefix[80] = "null";

	if (*from)
		snprintf(prefix, sizeof prefix, "\"%s%s\"", from, length);
	snprintf(ret, size,
		"\"direction\":\"%s\",\"ethertype\":\"%s\",\"protocol\":\"%s\",\"remote_ip_prefix\":%s,"
		"\"port_range_min\":%s,\"port_range_max\":%s}",
		fake_member(r, "direction"), fake_member(r, "ethertype"),
		fake_member(r, "protocol"), prefix, fake_member(r, "port_range_min"),
		fake_member(r, "port_range_max"));
}

/* As Neutron: all of them, or none where one is there already. */
static inline long fake_make_rules(const struct node *body)
{
	const struct node *list = node_path(body, "security_group_rules");

	for (size_t i = 0; i < list->n; i++) {
		const struct node *r = list->items[i];
		struct fake_thing *g = fake_by_id(fake.groups, fake_member(r, "security_group_id"));
		char text[224];

		check(g && g->n_rules < 16);
		fake_rule_text(r, text, sizeof text);
		for (int k = 0; k < g->n_rules; k++) {
			if (strstr(g->rules[k], text)) {
				g->n_rules -= (int)i;
				return 409;
			}
		}
		snprintf(g->rules[g->n_rules++], sizeof g->rules[0], "{\"id\":\"r%d\",%s",
			++fake.ids, text);
	}
	return 201;
}

static inline void fake_begin_task(struct fake_thing *t, const char *task, const char *after)
{
	snprintf(t->task, sizeof t->task, "%s", task);
	snprintf(t->after, sizeof t->after, "%s", after);
	t->polls = fake.build_polls;
}

/* As Nova: each action is for servers of some states, and for none that is being worked on. */
static inline long fake_act(struct fake_thing *t, const struct node *body)
{
	static const struct {
		const char *action, *from, *task, *to;
	} rows[] = { { "os-stop", "ACTIVE", "powering-off", "SHUTOFF" },
		{ "os-start", "SHUTOFF", "powering-on", "ACTIVE" },
		{ "unpause", "PAUSED", "unpausing", "ACTIVE" },
		{ "resume", "SUSPENDED", "resuming", "ACTIVE" },
		{ "unshelve", "SHELVED", "unshelving", "ACTIVE" },
		{ "unshelve", "SHELVED_OFFLOADED", "unshelving", "ACTIVE" } };

	for (size_t i = 0; i < ARRAY_SIZE(rows) && !t->task[0]; i++) {
		if (!node_get(body, rows[i].action) || strcmp(t->status, rows[i].from) != 0)
			continue;
		snprintf(fake.last_action, sizeof fake.last_action, "%s", rows[i].action);
		if (fake.tasks)
			fake_begin_task(t, rows[i].task, rows[i].to);
		else if (!fake.busy)
			snprintf(t->status, sizeof t->status, "%s", rows[i].to);
		return 202;
	}
	return 409;
}

static inline long fake_post(const char *url, const struct node *body, struct buf *out)
{
	struct fake_thing *t;
	char id[32] = "";

	fake.posts++;
	if (strcmp(url, "https://nova/v2.1/servers") == 0)
		return fake_make_server(body, out);
	if (strcmp(url, "https://nova/v2.1/os-keypairs") == 0) {
		t = fake_add(fake.keys, "k", fake_member(body, "keypair.name"), "");
		snprintf(t->public_key, sizeof t->public_key, "%s",
			fake_member(body, "keypair.public_key"));
		fake_key_json(t, out);
		return 201;
	}
	if (strcmp(url, "https://neutron/v2.0/security-groups") == 0) {
		t = fake_add(fake.groups, "g", fake_member(body, "security_group.name"), "");
		snprintf(t->tag, sizeof t->tag, "%s",
			fake_member(body, "security_group.description"));
		buf_adds(out, "{\"security_group\":");
		fake_group_json(t, out);
		buf_addc(out, '}');
		return 201;
	}
	if (strcmp(url, "https://neutron/v2.0/security-group-rules") == 0)
		return fake_make_rules(body);
	if (strcmp(url, "https://cinder/v3/p/volumes") == 0) {
		t = fake_add(fake.volumes, "v", fake_member(body, "volume.name"), "creating");
		t->size = atoi(fake_member(body, "volume.size"));
		snprintf(t->tag, sizeof t->tag, "%s",
			fake_member(body, "volume.metadata.kbuild:server"));
		fake_take_zone(t, node_path(body, "volume"));
		if (fake.second_volume) {
			struct fake_thing *other = fake_add(fake.volumes, "v", t->name, "creating");

			fake.second_volume = false;
			other->size = t->size;
			snprintf(other->tag, sizeof other->tag, "%s", t->tag);
			snprintf(t->id, sizeof t->id, "v-9"); /* what has the later id is younger */
		}
		buf_adds(out, "{\"volume\":");
		fake_volume_json(t, out);
		buf_addc(out, '}');
		return 202;
	}
	check(sscanf(url, "https://nova/v2.1/servers/%31[^/]", id) == 1);
	t = fake_by_id(fake.servers, id);
	if (!t)
		return 404;
	if (strstr(url, "/metadata")) {
		if (!strstr(t->metadata, "settled"))
			snprintf(t->metadata + strlen(t->metadata) - 1,
				sizeof t->metadata - strlen(t->metadata) + 1,
				",\"kbuild:settled\":\"yes\"}");
	} else if (strstr(url, "/os-volume_attachments")) {
		struct fake_thing *v =
			fake_by_id(fake.volumes, fake_member(body, "volumeAttachment.volumeId"));

		check(v != NULL);
		if (v->server[0] || strcmp(v->status, "available") != 0 ||
			strcmp(t->status, "ACTIVE") != 0)
			return 409;
		snprintf(v->server, sizeof v->server, "%s", id);
		snprintf(v->status, sizeof v->status, "attaching");
		v->polls = fake.build_polls;
	} else if (node_get(body, "os-getConsoleOutput")) {
		buf_adds(out, "{\"output\":");
		json_write_string(out, fake.console ? fake.console : "",
			fake.console ? strlen(fake.console) : 0);
		buf_addc(out, '}');
	} else {
		return fake_act(t, body);
	}
	return 200;
}

static inline long fake_delete(const char *url, struct buf *out)
{
	struct fake_thing *t;
	const char *id = strrchr(url, '/') + 1;

	if (strstr(url, "/os-keypairs/")) {
		for (int i = 0; i < FAKE_MAX; i++) {
			if (fake.keys[i].id[0] && strcmp(fake.keys[i].name, id) == 0) {
				fake.keys[i].id[0] = '\0';
				return 202;
			}
		}
		return 404;
	}
	if ((t = fake_by_id(fake.groups, id))) {
		for (int i = 0; i < FAKE_MAX; i++) {
			if (fake.servers[i].id[0] && strcmp(fake.servers[i].group, id) == 0)
				return 409;
		}
		t->id[0] = '\0';
		return 204;
	}
	t = fake_by_id(fake.servers, id);
	if (!t)
		t = fake_by_id(fake.volumes, id);
	if (strstr(url, "security-group-rules")) {
		fake.rules_deleted++;
		return 204;
	}
	if (!t)
		return 404;
	if (t->server[0] || (fake.undeletable && strstr(url, "/volumes/"))) {
		buf_adds(out,
			"{\"badRequest\":{\"code\":400,\"message\":\"Invalid volume: Volume must not be "
			"migrating, attached, belong to a group, have snapshots\"}}");
		return 400;
	}
	t->deleting = true;
	t->polls = fake.build_polls;
	return 204;
}
