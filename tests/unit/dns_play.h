/* A server with kbuild.dns, its fake zone and its memory, for tests that run the whole of it. */
#pragma once

#include "dns.h"

#include "agent.h"
#include "check.h"
#include "config.h"
#include "fake_zone.h"
#include "job.h"
#include "tmpdir.h"

static const char credentials[] = "{\"endpoint\":\"" FAKE_URL
				  "\",\"application_key\":\"ak\","
				  "\"application_secret\":\"as\",\"consumer_key\":\"ck\"}";
static const char names_of_two[] =
	"name: web\ndns: {zone: example.com, ttl: 60, records: [\"@\", api]}\n";

#define V4 "192.0.2.10"
#define V6 "2001:db8::10"
/* What the zone holds in the end, besides what is somebody else's. */
#define OURS "A @ " V4 " 60\nA api " V4 " 60\nAAAA @ " V6 " 60\nAAAA api " V6 " 60\n"

struct play {
	struct fake_zone zone;
	struct agent_config *config;
	struct arena *arena;
	struct node *handed;
	struct dns_options options;
	struct dns_report report;
	struct error e;
};

/* A new server, a new memory. */
static inline void play_begin_as(struct play *p, const char *keys, const char *config)
{
	struct node *doc;

	*p = (struct play){ .arena = arena_new(), .zone = { .ipv4 = V4, .ipv6 = V6 } };
	unlinkat(tmp_fd(), "dns.json", 0);
	check_int(json_parse(&doc, p->arena, "keys", keys, strlen(keys), &p->e), 0);
	p->handed = node_map(p->arena, &doc->at);
	node_set(p->arena, p->handed, &doc->at, "dns", doc);
	check_int(agent_config_parse(&p->config, "agent.yaml", config, strlen(config), &p->e), 0);
}

static inline void play_begin(struct play *p, const char *keys)
{
	play_begin_as(p, keys, names_of_two);
}

static inline void play_end(struct play *p)
{
	agent_config_free(p->config);
	arena_free(p->arena);
}

static inline int run_zone(struct play *p, bool write)
{
	const struct clock clock = { fake_now, fake_sleep, &p->zone };
	struct agent agent = {
		.config = p->config,
		.state_dir = tmp_path,
		.state_fd = tmp_fd(),
		.clock = &clock,
		.handed = p->handed,
	};
	struct dns_job j = {
		.agent = &agent,
		.arena = p->arena,
		.options = &p->options,
		.report = &p->report,
		.http = { .send = fake_send, .arg = &p->zone },
		.exchange = { fake_ask, fake_source, &p->zone },
	};

	p->e = (struct error){ 0 };
	return dns_run(&j, write, &p->e);
}

static inline int sync_zone(struct play *p)
{
	return run_zone(p, true);
}

static inline void zone_is(const struct fake_zone *z, const char *want)
{
	_buf_ now = BUF_INIT;
	_buf_ published = BUF_INIT;

	fake_show(z->now, z->n, &now);
	fake_show(z->published, z->n_published, &published);
	check_str(buf_str(&now), want);
	check_str(buf_str(&published), want);
}
