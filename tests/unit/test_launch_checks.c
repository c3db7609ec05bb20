/* What a launch says before it makes anything: what is wrong, and what there is no room for. */
#include "cloud_play.h"

#include "plan.h"

static const char *two_keys[] = { "ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two", NULL };
static char huge[60000];

static void flavor_unknown(struct launch_request *q)
{
	q->flavor = "d2-3";
}

static void flavor_missing(struct launch_request *q)
{
	q->flavor = NULL;
}

static void disk_too_large(struct launch_request *q)
{
	q->min_disk = 30 * GIB;
}

static void network_unknown(struct launch_request *q)
{
	q->network = "private";
}

static void half_a_gib(struct launch_request *q)
{
	q->volume_size += 512 * MIB;
}

static void many_keys(struct launch_request *q)
{
	q->ssh_keys = two_keys;
}

static void foreign_key(struct launch_request *q)
{
	q->ssh_keys = NULL;
	q->key = "laptop";
}

static void large_user_data(struct launch_request *q)
{
	memset(huge, 'x', sizeof huge - 1);
	q->user_data = huge;
}

static void no_servers(_unused_ struct launch_request *q)
{
	fake.max_servers = 1;
}

static void no_cores(_unused_ struct launch_request *q)
{
	fake.max_cores = 1;
}

static void no_memory(_unused_ struct launch_request *q)
{
	fake.max_ram = 2048;
}

static void no_keys(_unused_ struct launch_request *q)
{
	fake.max_keys = 0;
}

static void no_groups(_unused_ struct launch_request *q)
{
	fake.max_groups = 1;
}

static void no_volumes(_unused_ struct launch_request *q)
{
	fake.max_volumes = 1;
}

static void no_storage(_unused_ struct launch_request *q)
{
	fake.max_gib = 20;
}

static void room_for_two(struct launch_request *q)
{
	static const char *const following[] = { "web-2", "web-3", NULL };

	fake.max_servers = 3; /* one is used */
	q->following = following;
}

static void group_of_others(_unused_ struct launch_request *q)
{
	fake_add(fake.groups, "g", "kbuild-web", "");
}

static void server_in_use(_unused_ struct launch_request *q)
{
	struct fake_thing *s = fake_add(fake.servers, "s", "web", "ACTIVE");

	snprintf(s->metadata, sizeof s->metadata,
		"{\"kbuild:name\":\"web\",\"kbuild:settled\":\"yes\"}");
}

static void server_of_another_launch(_unused_ struct launch_request *q)
{
	struct fake_thing *s = fake_add(fake.servers, "s", "web", "BUILD");

	snprintf(s->metadata, sizeof s->metadata,
		"{\"kbuild:name\":\"web\",\"kbuild:intent\":\"other\"}");
}

/* It is in use, although no launch has seen it answer: not a word of a start that could be given up. */
static void server_of_another_launch_long_ago(struct launch_request *q)
{
	server_of_another_launch(q);
	snprintf(fake.servers[0].status, sizeof fake.servers[0].status, "ACTIVE");
	fake.servers[0].launched = 1;
}

/* Nobody waited for its answer to the end; weeks later its host fails. */
static void server_that_ran_and_failed(_unused_ struct launch_request *q)
{
	struct fake_thing *s = fake_add(fake.servers, "s", "web", "ERROR");

	snprintf(s->metadata, sizeof s->metadata, "{\"kbuild:name\":\"web\"}");
	s->launched = 1;
	fake.fault = "the host failed";
}

static void volume_elsewhere(_unused_ struct launch_request *q)
{
	struct fake_thing *s = fake_add(fake.servers, "s", "other", "ACTIVE");
	struct fake_thing *v = fake_add(fake.volumes, "v", "kbuild-web", "in-use");

	snprintf(v->tag, sizeof v->tag, "web");
	snprintf(v->server, sizeof v->server, "%s", s->id);
}

static void volume_broken(_unused_ struct launch_request *q)
{
	struct fake_thing *v = fake_add(fake.volumes, "v", "kbuild-web", "error");

	snprintf(v->tag, sizeof v->tag, "web");
}

static const struct {
	void (*spoil)(struct launch_request *q);
	const char *says;
} wrongs[] = {
	{ flavor_unknown,
		"flavor 'd2-3': there is none in ONE; did you mean 'd2-2'?; those that fit: d2-2, b3-8" },
	{ flavor_missing, "flavor: say how large: --flavor" },
	{ disk_too_large, "its disk has 25 GiB and the image needs 30; those that fit: b3-8" },
	{ network_unknown,
		"network 'private': there is none of this name in ONE; there is: Ext-Net" },
	{ half_a_gib, "whole GiB" },
	{ many_keys, "give one --ssh-key" },
	{ foreign_key, "key pair 'laptop': this user has none of this name" },
	{ large_user_data, "it has 59999 bytes, and the cloud takes 49149" },
	{ no_servers, "quota 'servers': 1 of 1 are used in ONE, and 1 more are needed" },
	{ no_cores, "quota 'cores': 1 of 1" },
	{ no_memory, "quota 'memory': 1 of 2048 MiB are used in ONE, and 2048 more" },
	{ no_keys, "quota 'key pairs': 0 of 0" },
	{ no_groups, "quota 'security groups': 1 of 1" },
	{ no_volumes, "quota 'volumes': 1 of 1" },
	{ no_storage, "quota 'volume storage': 1 of 20 GiB are used in ONE, and 20 more" },
	{ room_for_two, "quota 'servers': 1 of 3 are used in ONE, and 3 more" },
	{ group_of_others, "there is one of this name that kbuild has not made" },
	{ server_in_use, "there is a server 'web' already (ACTIVE)" },
	{ server_of_another_launch, "still starting, from another launch than this" },
	{ server_of_another_launch_long_ago,
		"there is a server 'web' already (ACTIVE), from another launch than this" },
	{ server_that_ran_and_failed,
		"the server 'web' has run, and is ERROR now: the host failed: what is on its disk is not removed without being asked; 'kbuild destroy web --cloud openstack'" },
	{ volume_elsewhere, "it is attached to another server (s-1)" },
	{ volume_broken, "in the state error: 'kbuild destroy web --with-data --cloud openstack'" },
};

static void what_is_wrong_is_said_before_anything_is_made(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
		struct launch_request q = play_request();
		RUN r = run_begin();
		int f;

		play_fresh();
		wrongs[i].spoil(&q);
		f = play_launch(&r, &q);
		if (f != -ERR_FAILED || !strstr(r.e.msg, wrongs[i].says))
			check_fail("row %zu: %d '%s'", i, f, r.e.msg);
		check_int(fake.posts, 0);
		/* A plan shows it, and all of the rest. */
		r.e = (struct error){};
		check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
		check(plan_count(&r.plan, PLAN_WRONG) >= 1 && r.plan.n >= 2);
		check_int(fake.posts, 0);
	}
}

static void all_that_is_wrong_is_said_at_once(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	play_fresh();
	flavor_unknown(&q);
	network_unknown(&q);
	half_a_gib(&q);
	check(play_launch(&r, &q) < 0);
	check(strstr(r.e.msg, "d2-3") && strstr(r.e.msg, "private") && strstr(r.e.msg, "GiB"));
}

/* A server that the launches of that name have made, with what all of them have. */
static struct fake_thing *add_made(const char *name, const char *status)
{
	struct fake_thing *s = fake_add(fake.servers, "s", name, status);

	snprintf(s->metadata, sizeof s->metadata, "{\"kbuild:name\":\"%s\"}", name);
	fake.used_servers++;
	fake.used_cores++;
	fake.used_ram += 2048;
	fake.used_ports++;
	return s;
}

static void quota_for(int n)
{
	fake.max_servers = fake.max_cores = fake.max_ports = n;
	fake.max_ram = 2048 * n;
}

static void room_is_exactly_enough(struct launch_request *q, int n)
{
	RUN r = run_begin();

	quota_for(n);
	if (row_check(&r.cloud, q, &r.e) != 0)
		check_fail("%s", r.e.msg);
	quota_for(n - 1);
	check_int(row_check(&r.cloud, q, &r.e), -ERR_FAILED);
	check(strstr(r.e.msg, "quota 'servers'") && strstr(r.e.msg, "quota 'cores'") &&
		strstr(r.e.msg, "quota 'memory'") && strstr(r.e.msg, "quota 'ports'"));
}

static void fresh_of_none(void)
{
	play_fresh();
	fake.used_servers = fake.used_cores = fake.used_ram = fake.used_ports = 0;
}

/* It is removed before the new one is asked for. */
static void what_a_broken_server_holds_is_free(void)
{
	struct launch_request q = play_request();

	fresh_of_none();
	add_made("web", "ERROR");
	room_is_exactly_enough(&q, 1);
}

/* Of several, only those that are not there take room. */
static void what_runs_already_needs_no_room(void)
{
	static const char *const following[] = { "web-2", "web-3", NULL };
	struct launch_request q = play_request();

	q.name = "web-1";
	q.following = following;
	fresh_of_none();
	add_made("web-2", "ACTIVE");
	add_made("web-3", "ACTIVE");
	room_is_exactly_enough(&q, 3);
	/* Somebody else's of that name is not one of them. */
	fresh_of_none();
	add_made("web-2", "ACTIVE")->metadata[0] = '\0';
	room_is_exactly_enough(&q, 4);
	/* One of them is replaced. */
	fresh_of_none();
	add_made("web-2", "ACTIVE");
	add_made("web-3", "ERROR");
	room_is_exactly_enough(&q, 3);
}

int main(void)
{
	run(what_is_wrong_is_said_before_anything_is_made);
	run(all_that_is_wrong_is_said_at_once);
	run(what_a_broken_server_holds_is_free);
	run(what_runs_already_needs_no_room);
	return done();
}
