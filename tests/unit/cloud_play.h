/* Runs of the program against the cloud in memory: each opens its own session, as a new process does. */
#pragma once

#include "fake_cloud.h"

#include "provider.h"
#include "row.h"
#include "tmpdir.h"

static const char *play_region = "ONE"; /* NULL: all that there are */

static inline int play_access(
	_unused_ struct row *r, struct os_access *ret, _unused_ struct error *e)
{
	*ret = (struct os_access){ .from = "test",
		.auth_url = "https://keystone/v3",
		.user_name = "u",
		.password = "p",
		.project_id = "p",
		.region = play_region };
	return 0;
}

/* 5.00 a month for servers, 0.04 a GiB. */
static inline int play_price(_unused_ struct row *r, _unused_ const char *region,
	const char *flavor, uint64_t gib, _unused_ struct arena *a, struct cloud_cost *ret,
	_unused_ struct error *e)
{
	*ret = (struct cloud_cost){ .currency = "EUR",
		.carbon = 1200,
		.server = flavor ? 500000000 : 0,
		.volume = (int64_t)gib * 4000000 };
	return 0;
}

static const struct row_hooks play_hooks = {
	.title = "Test", .open = play_access, .price = play_price
};

static inline int play_open(struct cloud *c, struct error *e)
{
	return row_open(c, &play_hooks, e);
}
static const struct provider play_provider = {
	.name = "openstack", .open = play_open, ROW_OPERATIONS
};

struct run {
	struct cloud cloud;
	struct arena *arena;
	struct error e;
	struct server server;
	struct plan plan;
};

static inline void run_end(struct run *r)
{
	row_close(&r->cloud);
	arena_free(r->arena);
}
#define RUN _cleanup_(run_end) struct run

static inline struct run run_begin(void)
{
	struct run r = { .arena = arena_new(),
		.plan = { .carbon = -1 },
		.cloud = { .provider = &play_provider,
			.words = " --cloud openstack",
			.clock = &fake_clock,
			.state_dir = tmp_name("state"),
			.cache_dir = tmp_name("cache"),
			.http = &fake_http_seam } };

	fake.dead = false;
	check_int(play_open(&r.cloud, &r.e), 0);
	return r;
}

static const char *play_keys[] = { "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKEY me", NULL };
static const struct port_allow play_allow[] = { { "tcp", 22, 22, NULL }, { "tcp", 80, 81, NULL },
	{ "udp", 53, 53, "10.0.0.0/8" } };

static inline struct launch_request play_request(void)
{
	return (struct launch_request){ .name = "web",
		.definition = "web",
		.disk = "/none",
		.image_digest = FAKE_DIGEST,
		.user_data = "#cloud-config\n",
		.user = "debian",
		.ssh_keys = play_keys,
		.flavor = "d2-2",
		.volume_size = 20 * GIB,
		.min_disk = 4 * GIB,
		.allow = play_allow,
		.n_allow = 2 };
}

/* As the verb does it: check, launch, settle. */
static inline int play_launch(struct run *r, const struct launch_request *q)
{
	int f;

	r->e = (struct error){};
	f = row_check(&r->cloud, q, &r->e);
	if (f == 0)
		f = row_launch(&r->cloud, q, r->arena, &r->server, &r->e);
	if (f < 0 || f == CLOUD_SETTLED)
		return MIN(f, 0);
	f = row_settle(&r->cloud, q->name, &r->e);
	return f < 0 ? f : row_find(&r->cloud, q->name, r->arena, &r->server, &r->e);
}

static inline void play_well(struct run *r, const struct launch_request *q)
{
	int f = play_launch(r, q);

	if (f != 0)
		check_fail("%d: %s", f, r->e.msg);
}

/* Another machine in another project. */
static inline void play_fresh(void)
{
	fake_reset();
	check_int(remove_all(tmp_fd(), "state"), 0);
	check_int(remove_all(tmp_fd(), "cache"), 0);
}

static inline const struct plan_item *plan_item(const struct plan *p, const char *what)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->items[i].what, what) == 0)
			return &p->items[i];
	}
	check_fail("no %s in the plan", what);
}

/* A server with that status, ours when settled is not negative. */
static inline struct fake_thing *play_server(const char *name, const char *status, int settled)
{
	struct fake_thing *s = fake_add(fake.servers, "s", name, status);

	if (settled >= 0)
		snprintf(s->metadata, sizeof s->metadata,
			"{\"kbuild:name\":\"%s\",\"kbuild:definition\":\"shop\",\"kbuild:user\":\"debian\"%s}",
			name, settled ? ",\"kbuild:settled\":\"yes\"" : "");
	return s;
}
