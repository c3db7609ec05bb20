/*
 * An OpenStack in memory behind the HTTP seam: Keystone, Nova, Neutron, Cinder, and a Glance whose images
 * are there already. It keeps what it is told, walks servers and volumes through their states, and
 * goes wrong where the test says: at the n-th request, before it, after it, or with its answer lost.
 */
#pragma once

#include "check.h"

#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "http.h"
#include "json.h"
#include "node.h"

#include <time.h>

#define FAKE_MAX    8
#define FAKE_DIGEST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

enum fake_how {
	FAKE_WELL,
	FAKE_KILLED_BEFORE, /* the program ends before the request is carried out */
	FAKE_KILLED_AFTER,  /* … when it has been, without having seen the answer */
	FAKE_LOST,	    /* carried out, and the connection ends before the answer */
	FAKE_KILLED_LATE, /* the program ends, and the request is carried out during the next one's life */
	FAKE_PROXY_LATE, /* a proxy says 504, and the request is carried out ten seconds later */
};

struct fake_thing {
	char id[32], name[64], status[20], tag[64]; /* tag: kbuild:server, or the description */
	char metadata[1024];			    /* a JSON object */
	char key[64], group[32], flavor[16], user_data[64], public_key[256];
	char server[32];     /* of a volume: attached to */
	char zone[16];	     /* of a volume or server; "": not said */
	int64_t launched;    /* unix seconds; 0: it has never run */
	char rules[16][192]; /* of a group: JSON objects */
	int n_rules, polls;  /* polls: until it reaches its next state */
	bool deleting;
	int64_t size;
};

/* What a region holds. */
struct fake_region {
	struct fake_thing servers[FAKE_MAX], volumes[FAKE_MAX], groups[FAKE_MAX], keys[FAKE_MAX];
};

static struct fake_cloud {
	struct fake_thing servers[FAKE_MAX], volumes[FAKE_MAX], groups[FAKE_MAX], keys[FAKE_MAX];
	bool two; /* there is a region TWO; its services' URLs begin with https://two. */
	struct fake_region other; /* what it holds */
	int ids;
	int late_calls;
	int64_t late_at;		 /* ms; 0: late_calls decides */
	int calls, posts, rules_deleted; /* requests so far */
	int fault_at;			 /* the number of the request that goes wrong; 0: none */
	enum fake_how how;
	bool dead; /* the program was killed */
	int64_t now_ms;
	int64_t max_servers, max_cores, max_ram, max_keys, max_groups, max_volumes, max_gib;
	int build_polls;   /* servers and volumes take so many looks */
	const char *fault; /* servers come to ERROR with these words */
	const char *console;
	const char *zones;   /* of servers and of volumes, as both list them; NULL: one */
	const char *down;    /* requests whose URL begins so meet nobody */
	const char *refused; /* requests whose URL begins so are answered with that status */
	long refusal;
	bool unproven; /* nobody has compared the image's bytes */
	bool busy;     /* servers do not do what they are told */
	bool no_image, no_port_security, second_server, no_quota;
	char last_body[4096];
	char late_url[256], late_body[4096];
} fake;

static inline void fake_reset(void)
{
	fake = (struct fake_cloud){ .max_servers = 10,
		.max_cores = 20,
		.max_ram = 51200,
		.max_keys = 100,
		.max_groups = 10,
		.max_volumes = 10,
		.max_gib = 1000,
		.build_polls = 1 };
}

static inline int64_t fake_now(_unused_ void *arg)
{
	return fake.now_ms;
}

static inline int fake_sleep(_unused_ void *arg, int64_t ms)
{
	fake.now_ms += ms;
	return fake.dead ? -1 : 0;
}
static const struct clock fake_clock = { .now_ms = fake_now, .sleep_ms = fake_sleep };

/* What is being deleted goes by itself. */
static inline int fake_count(const struct fake_thing *v)
{
	int n = 0;

	for (int i = 0; i < FAKE_MAX; i++)
		n += v[i].id[0] != '\0' && !v[i].deleting;
	return n;
}

static inline struct fake_thing *fake_by_id(struct fake_thing *v, const char *id)
{
	for (int i = 0; i < FAKE_MAX; i++) {
		if (v[i].id[0] && strcmp(v[i].id, id) == 0)
			return &v[i];
	}
	return NULL;
}

static inline struct fake_thing *fake_add(
	struct fake_thing *v, const char *kind, const char *name, const char *status)
{
	for (int i = 0; i < FAKE_MAX; i++) {
		if (v[i].id[0])
			continue;
		v[i] = (struct fake_thing){ .polls = fake.build_polls };
		snprintf(v[i].id, sizeof v[i].id, "%s-%d", kind, ++fake.ids);
		snprintf(v[i].name, sizeof v[i].name, "%s", name);
		snprintf(v[i].status, sizeof v[i].status, "%s", status);
		return &v[i];
	}
	check_fail("too many of %s", kind);
}

/* The text of a member of the body, "" when it has none. */
static inline const char *fake_member(const struct node *body, const char *path)
{
	const char *text = node_str(node_path(body, path));

	return text ? text : "";
}

/* As Nova writes it, without a zone. */
static inline void fake_launched_json(const struct fake_thing *s, struct buf *out)
{
	char text[40] = "null";
	time_t t = (time_t)s->launched;
	struct tm tm;

	if (t)
		strftime(text, sizeof text, "\"%Y-%m-%dT%H:%M:%S.000000\"", gmtime_r(&t, &tm));
	buf_printf(out, "{\"OS-SRV-USG:launched_at\":%s,", text);
}

static inline void fake_server_json(struct fake_thing *s, struct buf *out)
{
	const char *comma = "";

	if (s->deleting && s->polls-- <= 0) {
		s->id[0] = '\0';
		for (int i = 0; i < FAKE_MAX; i++) {
			struct fake_thing *v = &fake.volumes[i];

			if (v->id[0] && strcmp(v->server, s->id) == 0)
				v->server[0] = '\0';
		}
		return;
	}
	if (strcmp(s->status, "BUILD") == 0 && s->polls-- <= 0) {
		snprintf(s->status, sizeof s->status, "%s", fake.fault ? "ERROR" : "ACTIVE");
		s->launched = fake.fault ? 0 : (int64_t)time(NULL);
	}
	fake_launched_json(s, out);
	buf_printf(out,
		"\"id\":\"%s\",\"name\":\"%s\",\"status\":\"%s\",\"created\":\"2026-11-29T11:%02d:00Z\","
		"\"OS-EXT-STS:task_state\":%s,\"key_name\":\"%s\",\"metadata\":%s,"
		"\"image\":{\"id\":\"img\"},\"flavor\":{\"original_name\":\"%s\",\"vcpus\":1,"
		"\"ram\":2048,\"disk\":25},\"addresses\":{\"Ext-Net\":["
		"{\"addr\":\"2001:db8::7\",\"version\":6,\"OS-EXT-IPS:type\":\"fixed\"},"
		"{\"addr\":\"203.0.113.7\",\"version\":4,\"OS-EXT-IPS:type\":\"fixed\"}]},",
		s->id, s->name, s->status, atoi(strchr(s->id, '-') + 1),
		s->deleting ? "\"deleting\"" : "null", s->key, s->metadata[0] ? s->metadata : "{}",
		s->flavor);
	if (strcmp(s->status, "ERROR") == 0)
		buf_printf(out, "\"fault\":{\"code\":500,\"message\":\"%s\"},",
			fake.fault ? fake.fault : "");
	buf_adds(out, "\"os-extended-volumes:volumes_attached\":[");
	for (int i = 0; i < FAKE_MAX; i++) {
		if (fake.volumes[i].id[0] && strcmp(fake.volumes[i].server, s->id) == 0) {
			buf_printf(out, "%s{\"id\":\"%s\"}", comma, fake.volumes[i].id);
			comma = ",";
		}
	}
	buf_adds(out, "]}");
}

static inline void fake_volume_json(struct fake_thing *v, struct buf *out)
{
	if (v->deleting && v->polls-- <= 0) {
		v->id[0] = '\0';
		return;
	}
	if (strcmp(v->status, "creating") == 0 && v->polls-- <= 0)
		snprintf(v->status, sizeof v->status, "available");
	else if (strcmp(v->status, "attaching") == 0 && v->polls-- <= 0)
		snprintf(v->status, sizeof v->status, "in-use");
	/* Its server is gone. */
	if (v->server[0] && !fake_by_id(fake.servers, v->server)) {
		v->server[0] = '\0';
		snprintf(v->status, sizeof v->status, "available");
	}
	buf_printf(out,
		"{\"id\":\"%s\",\"name\":\"%s\",\"status\":\"%s\",\"size\":%lld,"
		"\"metadata\":{\"kbuild:server\":\"%s\"},\"attachments\":[",
		v->id, v->name, v->deleting ? "deleting" : v->status, (long long)v->size, v->tag);
	if (v->server[0])
		buf_printf(out, "{\"server_id\":\"%s\"}", v->server);
	buf_adds(out, "]");
	if (v->zone[0])
		buf_printf(out, ",\"availability_zone\":\"%s\"", v->zone);
	buf_adds(out, "}");
}

static inline void fake_group_json(struct fake_thing *g, struct buf *out)
{
	buf_printf(out,
		"{\"id\":\"%s\",\"name\":\"%s\",\"description\":\"%s\",\"security_group_rules\":["
		"{\"id\":\"out4\",\"direction\":\"egress\",\"ethertype\":\"IPv4\"},"
		"{\"id\":\"out6\",\"direction\":\"egress\",\"ethertype\":\"IPv6\"}",
		g->id, g->name, g->tag);
	for (int i = 0; i < g->n_rules; i++)
		buf_printf(out, ",%s", g->rules[i]);
	buf_adds(out, "]}");
}

static inline void fake_key_json(struct fake_thing *k, struct buf *out)
{
	buf_printf(out, "{\"keypair\":{\"name\":\"%s\",\"public_key\":\"%s\"}}", k->name,
		k->public_key);
}

typedef void (*fake_json)(struct fake_thing *t, struct buf *out);

/* {"KEY": [all of them]}, or those of that name. */
static inline void fake_list(
	struct buf *out, const char *key, struct fake_thing *v, const char *url, fake_json json)
{
	const char *name = strstr(url, "name="), *comma = "";

	buf_printf(out, "{\"%s\":[", key);
	for (int i = 0; i < FAKE_MAX; i++) {
		_buf_ one = BUF_INIT;

		/* As Nova: a part of the name is enough. */
		if (!v[i].id[0] || (name && !strstr(v[i].name, name + 5)))
			continue;
		json(&v[i], &one);
		if (one.len) {
			buf_printf(out, "%s%s", comma, buf_str(&one));
			comma = ",";
		}
	}
	buf_adds(out, "]}");
}

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
	if (fake.second_server) { /* another kbuild was a little faster */
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

static inline long fake_make_rules(const struct node *body)
{
	const struct node *list = node_path(body, "security_group_rules");

	for (size_t i = 0; i < list->n; i++) {
		const struct node *r = list->items[i];
		struct fake_thing *g = fake_by_id(fake.groups, fake_member(r, "security_group_id"));

		check(g && g->n_rules < 16);
		snprintf(g->rules[g->n_rules++], sizeof g->rules[0],
			"{\"id\":\"r%d\",\"direction\":\"%s\",\"ethertype\":\"%s\",\"protocol\":\"%s\","
			"\"port_range_min\":%s,\"port_range_max\":%s}",
			++fake.ids, fake_member(r, "direction"), fake_member(r, "ethertype"),
			fake_member(r, "protocol"), fake_member(r, "port_range_min"),
			fake_member(r, "port_range_max"));
	}
	return 201;
}

/* As Nova: each action is for servers of some states. */
static inline long fake_act(struct fake_thing *t, const struct node *body)
{
	static const struct {
		const char *action, *from, *to;
	} rows[] = { { "os-stop", "ACTIVE", "SHUTOFF" }, { "os-start", "SHUTOFF", "ACTIVE" },
		{ "unpause", "PAUSED", "ACTIVE" }, { "resume", "SUSPENDED", "ACTIVE" },
		{ "unshelve", "SHELVED", "ACTIVE" },
		{ "unshelve", "SHELVED_OFFLOADED", "ACTIVE" } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!node_get(body, rows[i].action) || strcmp(t->status, rows[i].from) != 0)
			continue;
		if (!fake.busy)
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

static inline long fake_delete(const char *url)
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
	if (t->server[0])
		return 400;
	t->deleting = true;
	t->polls = fake.build_polls;
	return 204;
}

static inline void fake_limits(const char *url, struct buf *out)
{
	if (strstr(url, "nova"))
		buf_printf(out,
			"{\"limits\":{\"absolute\":{\"maxTotalInstances\":%lld,\"totalInstancesUsed\":1,"
			"\"maxTotalCores\":%lld,\"totalCoresUsed\":1,\"maxTotalRAMSize\":%lld,"
			"\"totalRAMUsed\":1,\"maxTotalKeypairs\":%lld}}}",
			(long long)fake.max_servers, (long long)fake.max_cores,
			(long long)fake.max_ram, (long long)fake.max_keys);
	else
		buf_printf(out,
			"{\"limits\":{\"absolute\":{\"maxTotalVolumes\":%lld,\"totalVolumesUsed\":1,"
			"\"maxTotalVolumeGigabytes\":%lld,\"totalGigabytesUsed\":1}}}",
			(long long)fake.max_volumes, (long long)fake.max_gib);
}

#define FAKE_FLAVORS                                                                               \
	"{\"flavors\":[{\"id\":\"f1\",\"name\":\"d2-2\",\"vcpus\":1,\"ram\":2048,\"disk\":25},"    \
	"{\"id\":\"f2\",\"name\":\"b3-8\",\"vcpus\":2,\"ram\":8192,\"disk\":50},"                  \
	"{\"id\":\"f0\",\"name\":\"tiny\",\"vcpus\":1,\"ram\":512,\"disk\":1}]}"

#define FAKE_IMAGE                                                                                 \
	"{\"id\":\"img\",\"status\":\"active\",\"owner\":\"p\",\"visibility\":\"private\","        \
	"\"kbuild_image\":\"" FAKE_DIGEST                                                          \
	"\",\"os_hash_algo\":\"sha512\","                                                          \
	"\"os_hash_value\":\"" FAKE_DIGEST "\""

static inline long fake_get(const char *url, struct buf *out)
{
	struct fake_thing *t;
	char id[32];

	if (strcmp(url, "https://nova/v2.1/") == 0)
		buf_adds(out, "{\"version\":{\"version\":\"2.72\",\"min_version\":\"2.1\"}}");
	else if (strstr(url, "/servers/detail"))
		fake_list(out, "servers", fake.servers, url, fake_server_json);
	else if (strstr(url, "/os-instance-actions"))
		buf_adds(out,
			"{\"instanceActions\":[{\"action\":\"create\",\"message\":\"Error\"}]}");
	else if (strstr(url, "/os-availability-zone"))
		buf_printf(out, "{\"availabilityZoneInfo\":[%s]}",
			fake.zones ? fake.zones : "{\"zoneName\":\"nova\"}");
	else if (strstr(url, "/flavors/detail"))
		buf_adds(out, FAKE_FLAVORS);
	else if (strstr(url, "/limits"))
		fake_limits(url, out);
	else if (strstr(url, "/os-keypairs"))
		fake_list(out, "keypairs", fake.keys, "", fake_key_json);
	else if (strstr(url, "/networks"))
		buf_printf(out,
			"{\"networks\":[{\"id\":\"net\",\"name\":\"Ext-Net\",\"router:external\":true,"
			"\"port_security_enabled\":%s}]}",
			fake.no_port_security ? "false" : "true");
	else if (strstr(url, "/quotas/")) {
		if (fake.no_quota)
			return 404;
		buf_printf(out, "{\"quota\":{\"security_group\":{\"limit\":%lld,\"used\":1}}}",
			(long long)fake.max_groups);
	} else if (strstr(url, "/security-groups?"))
		fake_list(out, "security_groups", fake.groups, url, fake_group_json);
	else if (strstr(url, "/volumes/detail"))
		fake_list(out, "volumes", fake.volumes, "", fake_volume_json);
	else if (strstr(url, "https://glance/"))
		buf_printf(out, "{\"images\":[%s%s%s]}", fake.no_image ? "" : FAKE_IMAGE,
			fake.no_image || fake.unproven ? ""
						       : ",\"kbuild_sha512\":\"" FAKE_DIGEST "\"",
			fake.no_image ? "" : "}");
	else if (sscanf(url, "https://cinder/v3/p/volumes/%31[^/]", id) == 1 &&
		 (t = fake_by_id(fake.volumes, id))) {
		_buf_ one = BUF_INIT;

		fake_volume_json(t, &one);
		if (!one.len)
			return 404;
		buf_printf(out, "{\"volume\":%s}", buf_str(&one));
	} else if (sscanf(url, "https://nova/v2.1/servers/%31[^/]", id) == 1 &&
		   (t = fake_by_id(fake.servers, id))) {
		_buf_ one = BUF_INIT;

		fake_server_json(t, &one);
		if (!one.len)
			return 404;
		buf_printf(out, "{\"server\":%s}", buf_str(&one));
	} else {
		return 404;
	}
	return 200;
}

static inline void fake_sign_in(struct http_response *ret)
{
	static const struct {
		const char *type, *url;
	} v[] = { { "identity", "https://keystone" }, { "compute", "https://nova/v2.1" },
		{ "network", "https://neutron" }, { "volumev3", "https://cinder/v3/p" },
		{ "image", "https://glance" } };

	http_response_add(ret, "X-Subject-Token", "tok");
	buf_adds(&ret->body,
		"{\"token\":{\"project\":{\"id\":\"p\",\"name\":\"n\"},"
		"\"issued_at\":\"2026-11-29T11:00:00Z\",\"expires_at\":\"2026-11-30T11:00:00Z\",\"catalog\":[");
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		buf_printf(&ret->body,
			"%s{\"type\":\"%s\",\"endpoints\":[{\"interface\":\"public\",\"region_id\":\"ONE\",\"url\":\"%s\"}",
			i ? "," : "", v[i].type, v[i].url);
		if (fake.two)
			buf_printf(&ret->body,
				",{\"interface\":\"public\",\"region_id\":\"TWO\",\"url\":\"https://two.%s\"}",
				v[i].url + strlen("https://"));
		buf_adds(&ret->body, "]}");
	}
	buf_adds(&ret->body, "]}}");
}

static inline long fake_carry_out(const struct http_request *q, struct http_response *ret)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *body = NULL;
	struct error e = {};

	if (strstr(q->url, "/auth/tokens")) {
		fake_sign_in(ret);
		return 201;
	}
	if (q->body) {
		snprintf(fake.last_body, sizeof fake.last_body, "%.*s", (int)q->body_len,
			(const char *)q->body);
		check_int(json_parse(&body, a, "body", q->body, q->body_len, &e), 0);
	}
	return strcmp(q->method, "GET") == 0	? fake_get(q->url, &ret->body)
	       : strcmp(q->method, "POST") == 0 ? fake_post(q->url, body, &ret->body)
						: fake_delete(q->url);
}

#define FAKE_LATE_CALLS 14 /* that the next program has made by then */

/* Where nothing keeps the cloud from making a second one; other requests do not come at all. */
static inline void fake_keep_for_later(const struct http_request *q)
{
	static const char *const urls[] = { "https://nova/v2.1/servers",
		"https://cinder/v3/p/volumes", "https://neutron/v2.0/security-groups" };

	for (size_t i = 0; strcmp(q->method, "POST") == 0 && i < ARRAY_SIZE(urls); i++) {
		if (strcmp(q->url, urls[i]) != 0)
			continue;
		snprintf(fake.late_url, sizeof fake.late_url, "%s", q->url);
		snprintf(fake.late_body, sizeof fake.late_body, "%.*s", (int)q->body_len,
			(const char *)q->body);
	}
}

static inline void fake_carry_out_late(void)
{
	_cleanup_(http_response_free) struct http_response ignored = HTTP_RESPONSE_INIT;
	struct http_request q = { .method = "POST",
		.url = fake.late_url,
		.body = fake.late_body,
		.body_len = strlen(fake.late_body) };

	(void)fake_carry_out(&q, &ignored);
	fake.late_url[0] = '\0';
}

static inline void fake_swap_region(void)
{
	struct fake_region now;

	memcpy(now.servers, fake.servers, sizeof now.servers);
	memcpy(now.volumes, fake.volumes, sizeof now.volumes);
	memcpy(now.groups, fake.groups, sizeof now.groups);
	memcpy(now.keys, fake.keys, sizeof now.keys);
	memcpy(fake.servers, fake.other.servers, sizeof now.servers);
	memcpy(fake.volumes, fake.other.volumes, sizeof now.volumes);
	memcpy(fake.groups, fake.other.groups, sizeof now.groups);
	memcpy(fake.keys, fake.other.keys, sizeof now.keys);
	fake.other = now;
}

/* Of whichever region. */
static inline long fake_answer(const struct http_request *q, struct http_response *ret)
{
	static const char two[] = "https://two.";
	struct http_request there = *q;
	char url[1024];
	long status;

	if (strncmp(q->url, two, strlen(two)) != 0)
		return fake_carry_out(q, ret);
	snprintf(url, sizeof url, "https://%s", q->url + strlen(two));
	there.url = url;
	fake_swap_region();
	status = fake_carry_out(&there, ret);
	fake_swap_region();
	return status;
}

static inline int fake_send(_unused_ void *arg, const struct http_request *q,
	struct http_response *ret, enum http_failure *ret_failure, struct error *e)
{
	bool wrong = ++fake.calls == fake.fault_at;

	if (wrong && (fake.how == FAKE_KILLED_LATE || fake.how == FAKE_PROXY_LATE))
		fake_keep_for_later(q);
	if (wrong && (fake.how == FAKE_KILLED_BEFORE || fake.how == FAKE_KILLED_LATE))
		fake.dead = true;
	if (fake.dead)
		return error_set(e, ERR_INTERRUPTED, "killed");
	if (wrong && fake.how == FAKE_PROXY_LATE) {
		fake.late_at = fake.now_ms + 10000;
		ret->status = 504;
		return 0;
	}
	if (fake.late_url[0] &&
		(fake.late_at ? fake.now_ms >= fake.late_at : ++fake.late_calls > FAKE_LATE_CALLS))
		fake_carry_out_late();
	if (fake.down && strncmp(q->url, fake.down, strlen(fake.down)) == 0) {
		if (ret_failure)
			*ret_failure = HTTP_NOT_SENT;
		return error_set(e, ERR_NETWORK, "connection refused");
	}
	if (fake.refused && strncmp(q->url, fake.refused, strlen(fake.refused)) == 0)
		ret->status = fake.refusal;
	else
		ret->status = fake_answer(q, ret);
	if (!wrong || fake.how == FAKE_WELL)
		return 0;
	if (fake.how == FAKE_KILLED_AFTER) {
		fake.dead = true;
		return error_set(e, ERR_INTERRUPTED, "killed");
	}
	if (ret_failure)
		*ret_failure = HTTP_MAYBE_SENT;
	return error_set(e, ERR_NETWORK, "the answer was lost");
}
static const struct http fake_http_seam = { .send = fake_send };
