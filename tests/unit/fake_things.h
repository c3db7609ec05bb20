/* What the OpenStack of fake_cloud.h holds, and how its services write it down. */
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
	char server[32];	  /* of a volume: attached to */
	char zone[16];		  /* of a volume or server; "": not said */
	int64_t launched;	  /* unix seconds; 0: it has never run */
	char task[32], after[20]; /* of a server: what is done with it, and its status then */
	char rules[16][256];	  /* of a group: JSON objects */
	int n_rules, polls;	  /* polls: until it reaches its next state */
	char project[16];	  /* of a group; "": the one that is signed in to */
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
	int64_t max_ports; /* -1: no limit */
	int64_t used_servers, used_cores, used_ram, used_ports;
	int build_polls;   /* servers and volumes take so many looks */
	const char *fault; /* servers come to ERROR with these words */
	const char *console;
	const char *zones;   /* of servers and of volumes, as both list them; NULL: one */
	const char *down;    /* requests whose URL begins so meet nobody */
	const char *refused; /* requests whose URL begins so are answered with that status */
	long refusal;
	bool unproven;	  /* nobody has compared the image's bytes */
	bool busy;	  /* servers do not do what they are told */
	bool tasks;	  /* they take build_polls looks for it, with a task */
	bool undeletable; /* volumes: "have snapshots" */
	bool no_image, no_port_security, no_quota;
	bool second_server, second_volume; /* another kbuild was a little faster */
	char last_body[4096], last_action[16];
	const char *networks; /* more of them, each behind a comma; NULL: none */
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
		.max_ports = -1,
		.used_servers = 1,
		.used_cores = 1,
		.used_ram = 1,
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

/* As Nova writes it: a date without a time zone; and where it is. */
static inline void fake_launched_json(const struct fake_thing *s, struct buf *out)
{
	char text[40] = "null";
	time_t t = (time_t)s->launched;
	struct tm tm;

	if (t)
		strftime(text, sizeof text, "\"%Y-%m-%dT%H:%M:%S.000000\"", gmtime_r(&t, &tm));
	buf_printf(out, "{\"OS-SRV-USG:launched_at\":%s,\"OS-EXT-AZ:availability_zone\":\"%s\",",
		text, s->zone);
}

/* Of FAKE_FLAVORS; as Nova, which says only that of a server. */
static inline const char *fake_flavor_name(const char *id)
{
	return strcmp(id, "f1") == 0 ? "d2-2" : strcmp(id, "f2") == 0 ? "b3-8" : id;
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
	if (s->task[0] && s->polls-- <= 0) {
		snprintf(s->status, sizeof s->status, "%s", s->after);
		s->task[0] = '\0';
	}
	fake_launched_json(s, out);
	buf_printf(out,
		"\"id\":\"%s\",\"name\":\"%s\",\"status\":\"%s\",\"created\":\"2026-11-29T11:%02d:00Z\","
		"\"OS-EXT-STS:task_state\":%s%s%s,\"key_name\":\"%s\",\"metadata\":%s,"
		"\"image\":{\"id\":\"img\"},\"flavor\":{\"original_name\":\"%s\",\"vcpus\":1,"
		"\"ram\":2048,\"disk\":25},\"addresses\":{\"Ext-Net\":["
		"{\"addr\":\"2001:db8::7\",\"version\":6,\"OS-EXT-IPS:type\":\"fixed\"},"
		"{\"addr\":\"203.0.113.7\",\"version\":4,\"OS-EXT-IPS:type\":\"fixed\"}]},",
		s->id, s->name, s->status, atoi(strchr(s->id, '-') + 1), s->task[0] ? "\"" : "",
		s->task[0]    ? s->task
		: s->deleting ? "\"deleting\""
			      : "null",
		s->task[0] ? "\"" : "", s->key, s->metadata[0] ? s->metadata : "{}",
		fake_flavor_name(s->flavor));
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
		"{\"id\":\"%s\",\"name\":\"%s\",\"description\":\"%s\",\"tenant_id\":\"%s\",\"security_group_rules\":["
		"{\"id\":\"out4\",\"direction\":\"egress\",\"ethertype\":\"IPv4\"},"
		"{\"id\":\"out6\",\"direction\":\"egress\",\"ethertype\":\"IPv6\"}",
		g->id, g->name, g->tag, g->project[0] ? g->project : "p");
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

/*
 * {"KEY": [all of them]}, or those of that name. As Nova: a part of the name is enough. As Neutron to an admin: the
 * other projects' too, also to who does not ask for them, so that who asks has to look.
 */
static inline void fake_list(
	struct buf *out, const char *key, struct fake_thing *v, const char *url, fake_json json)
{
	const char *given = strstr(url, "name="), *comma = "";
	char name[64] = "";

	if (given)
		snprintf(name, sizeof name, "%.*s", (int)strcspn(given + 5, "&"), given + 5);
	buf_printf(out, "{\"%s\":[", key);
	for (int i = 0; i < FAKE_MAX; i++) {
		_buf_ one = BUF_INIT;

		if (!v[i].id[0] || !strstr(v[i].name, name))
			continue;
		json(&v[i], &one);
		if (one.len) {
			buf_printf(out, "%s%s", comma, buf_str(&one));
			comma = ",";
		}
	}
	buf_adds(out, "]}");
}
