/* What a launch says before it makes anything, and what it says when the cloud fails it. */
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

static void fresh(void)
{
	fake_reset();
	check_int(remove_all(tmp_fd(), "state"), 0);
	check_int(remove_all(tmp_fd(), "cache"), 0);
}

static void what_is_wrong_is_said_before_anything_is_made(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrongs); i++) {
		struct launch_request q = play_request();
		RUN r = run_begin();
		int f;

		fresh();
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

	fresh();
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
	fresh();
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

static const struct plan_item *item(const struct plan *p, const char *what)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->items[i].what, what) == 0)
			return &p->items[i];
	}
	check_fail("no %s in the plan", what);
}

static void a_plan_names_all_and_what_it_costs(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	fresh();
	check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
	check_str(r.plan.region, "ONE");
	check_str(r.plan.currency, "EUR");
	check_int(r.plan.carbon, 1200);
	check_int(item(&r.plan, "image")->state, PLAN_THERE);
	check_int(item(&r.plan, "network")->state, PLAN_THERE);
	check_int(item(&r.plan, "key pair")->state, PLAN_MAKE);
	check_str(item(&r.plan, "security group")->detail, "lets in 22/tcp, 80:81/tcp");
	check_int(item(&r.plan, "data volume")->price, 80000000);
	check_str(item(&r.plan, "server")->detail, "d2-2: 1 CPUs, 2048 MiB, disk 25 GiB");
	check_str(price_text(r.arena, item(&r.plan, "server")->price, r.plan.currency), "5.00 EUR");
	check_int(fake.posts, 0);
}

/* Killed between the last byte and the comparison. */
static void an_image_that_nobody_has_compared_is_not_booted(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	fresh();
	fake.unproven = true;
	check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
	check_str(item(&r.plan, "image")->detail, "its bytes are compared first");
	check(play_launch(&r, &q) < 0);
	check(strstr(r.e.msg, "making the image: reading /none") != NULL); /* to compare it */
	check_int(fake_count(fake.servers), 0);
}

static void each_of_several_has_its_own_prices(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();
	size_t first;

	fresh();
	check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
	first = r.plan.n;
	q.name = "other";
	q.volume_size = 100 * GIB;
	check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
	check_int(item(&r.plan, "data volume")->price, 80000000);
	r.plan.items += first;
	r.plan.n -= first;
	check_int(item(&r.plan, "data volume")->price, 400000000);
}

static void a_server_that_fails_says_why_and_is_replaced(void)
{
	struct launch_request q = play_request();

	fresh();
	fake.fault = "No valid host was found";
	{
		RUN r = run_begin();

		check_int(play_launch(&r, &q), -ERR_NETWORK);
		if (!strstr(r.e.msg, "No valid host was found (create: Error)") ||
			!strstr(r.e.msg,
				"security group 'kbuild-web', data volume 'kbuild-web', server 'web' (5.80 EUR a month)") ||
			!strstr(r.e.msg,
				"'kbuild destroy web --with-data --cloud openstack --region ONE'"))
			check_fail("'%s'", r.e.msg);
		check(!r.e.transient);
	}
	fake.fault = NULL;
	{
		RUN r = run_begin();

		play_well(&r, &q);
		check_int(fake_count(fake.servers), 1);
		check_int(fake_count(fake.volumes), 1);
		check_int(r.server.state, SERVER_RUNNING);
	}
}

static void a_server_that_has_run_is_not_replaced(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	fresh();
	check_int(row_check(&r.cloud, &q, &r.e), 0);
	check_int(row_launch(&r.cloud, &q, r.arena, &r.server, &r.e), 0);
	/* Never settled: whoever waited was interrupted. */
	snprintf(fake.servers[0].status, sizeof fake.servers[0].status, "ERROR");
	check(play_launch(&r, &q) < 0);
	check(strstr(r.e.msg, "has run, and is ERROR now") != NULL);
	check_int(fake_count(fake.servers), 1);
}

static void a_server_that_is_never_made_is_not_waited_for_for_ever(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	fresh();
	fake.build_polls = 1000000;
	q.volume_size = 0;
	check_int(play_launch(&r, &q), -ERR_NETWORK);
	check(strstr(r.e.msg, "the cloud did not make the server within 600 s") != NULL);
	check(strstr(r.e.msg, "The same command goes on with that") != NULL);
	check(fake.now_ms >= 600000 && fake.now_ms < 700000);
}

/* What goes on asks for no flavor, and so knows none. */
static void a_server_that_fails_while_it_is_waited_for_again(void)
{
	struct launch_request q = play_request();

	fresh();
	fake.build_polls = 1000000;
	q.volume_size = 0;
	{
		RUN r = run_begin();

		check_int(play_launch(&r, &q), -ERR_NETWORK);
	}
	fake.servers[0].polls = 3;
	fake.fault = "boom";
	{
		RUN r = run_begin();

		check_int(play_launch(&r, &q), -ERR_NETWORK);
		check(strstr(r.e.msg, "(flavor d2-2): boom") != NULL);
		check(strstr(r.e.msg, "server 'web'") != NULL);
	}
}

static void of_two_at_the_same_instant_one_gives_way(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	fresh();
	q.volume_size = 0;
	fake.second_server = true;
	check_int(play_launch(&r, &q), -ERR_FAILED);
	check(strstr(r.e.msg, "another kbuild has just made a server 'web'") != NULL);
	/* What is left is the other one's: nothing is said of how to remove it. */
	check(!strstr(r.e.msg, "There is now"));
	check_int(fake_count(fake.servers), 1);
	check_int(fake_count(fake.groups), 0);
}

/* Somebody destroys it just now: what it once answered is nothing to rely on. */
static void a_server_on_its_way_out_is_none(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	fresh();
	play_well(&r, &q);
	fake.servers[0].deleting = true;
	fake.servers[0].polls = 3;
	play_well(&r, &q);
	check_int(fake_count(fake.servers), 1);
}

static void a_key_of_an_earlier_server_is_replaced(void)
{
	struct launch_request q = play_request();
	struct fake_thing *k;
	RUN r = run_begin();

	fresh();
	k = fake_add(fake.keys, "k", "kbuild-web", "");
	snprintf(k->public_key, sizeof k->public_key, "ssh-ed25519 OLD old");
	play_well(&r, &q);
	check_int(fake_count(fake.keys), 1);
	for (int i = 0; i < FAKE_MAX; i++)
		check(!fake.keys[i].id[0] || strcmp(fake.keys[i].public_key, play_keys[0]) == 0);
}

static void without_port_security_there_is_no_group(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	fresh();
	fake.no_port_security = true;
	check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
	check_int(plan_count(&r.plan, PLAN_NOTE), 1);
	play_well(&r, &q);
	check_int(fake_count(fake.groups), 0);
	check_str(fake.servers[0].group, "");
}

static void rules_of_before_go(void)
{
	struct launch_request q = play_request();
	struct fake_thing *g;
	RUN r = run_begin();

	fresh();
	fake.no_quota = true; /* an extension that this cloud has not */
	g = fake_add(fake.groups, "g", "kbuild-web", "");
	snprintf(g->tag, sizeof g->tag, "kbuild:server=web");
	snprintf(g->rules[g->n_rules++], sizeof g->rules[0],
		"{\"id\":\"old\",\"direction\":\"ingress\",\"ethertype\":\"IPv4\",\"protocol\":\"tcp\","
		"\"port_range_min\":25,\"port_range_max\":25}");
	snprintf(g->rules[g->n_rules++], sizeof g->rules[0],
		"{\"id\":\"kept\",\"direction\":\"ingress\",\"ethertype\":\"IPv4\",\"protocol\":\"tcp\","
		"\"port_range_min\":22,\"port_range_max\":22,\"remote_ip_prefix\":\"0.0.0.0/0\"}");
	play_well(&r, &q);
	check_int(fake.rules_deleted, 1);
	check_int(g->n_rules, 2 + 3);
}

static void rules_that_are_said_twice_are_made_once(void)
{
	static const struct port_allow allow[] = { { "tcp", 22, 22, NULL }, { "tcp", 22, 22, NULL },
		{ "tcp", 80, 80, "10.0.0.1" }, { "tcp", 80, 80, "10.0.0.1/32" } };
	struct launch_request q = play_request();
	RUN r = run_begin();

	fresh();
	q.allow = allow;
	q.n_allow = ARRAY_SIZE(allow);
	play_well(&r, &q);
	check_int(fake.groups[0].n_rules, 3);
	check(strstr(fake.groups[0].rules[2], "10.0.0.1/32"));
}

/* Who is an admin of the cloud sees them, and could remove what they let in. */
static void groups_of_another_project_are_left_alone(void)
{
	struct launch_request q = play_request();
	struct fake_thing *g;
	RUN r = run_begin();

	fresh();
	g = fake_add(fake.groups, "g", "kbuild-web", "");
	snprintf(g->tag, sizeof g->tag, "kbuild:server=web");
	snprintf(g->project, sizeof g->project, "other");
	snprintf(g->rules[g->n_rules++], sizeof g->rules[0],
		"{\"id\":\"theirs\",\"direction\":\"ingress\",\"ethertype\":\"IPv4\",\"protocol\":\"tcp\","
		"\"port_range_min\":25,\"port_range_max\":25}");
	play_well(&r, &q);
	check_int(fake.rules_deleted, 0);
	check_int(g->n_rules, 1);
	check_int(fake_count(fake.groups), 2);
	check(strcmp(fake.servers[0].group, g->id) != 0);
}

#define NETWORK(NAME, MORE) ",{\"id\":\"" NAME "\",\"name\":\"" NAME "\"," MORE "}"

static void networks_are_ours_or_for_all(void)
{
	static const char all[] = NETWORK("ours", "\"project_id\":\"p\"")
		NETWORK("lent", "\"project_id\":\"other\",\"shared\":true")
			NETWORK("theirs", "\"project_id\":\"other\"")
				NETWORK("unsaid", "\"project_id\":null");
	static const struct {
		const char *name;
		bool there;
	} rows[] = { { "ours", true }, { "lent", true }, { "Ext-Net", true }, { "theirs", false },
		{ "unsaid", true } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct launch_request q = play_request();
		RUN r = run_begin();

		fresh();
		fake.networks = all;
		q.network = rows[i].name;
		check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
		check_int(item(&r.plan, "network")->state, rows[i].there ? PLAN_THERE : PLAN_WRONG);
		if (!rows[i].there)
			check(strstr(item(&r.plan, "network")->detail,
				"there is: Ext-Net, ours, lent, unsaid"));
	}
}

static void a_second_launch_of_the_same_finds_what_runs(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	fresh();
	check_int(row_check(&r.cloud, &q, &r.e), 0);
	check_int(row_launch(&r.cloud, &q, r.arena, &r.server, &r.e), 0);
	check(r.server.volume_made);
	check_int(row_check(&r.cloud, &q, &r.e), 0);
	check_int(row_launch(&r.cloud, &q, r.arena, &r.server, &r.e), CLOUD_CONTINUED);
	check_int(fake_count(fake.servers), 1);
	q.flavor = "b3-8"; /* that is another server */
	check(row_launch(&r.cloud, &q, r.arena, &r.server, &r.e) < 0);
	check(strstr(r.e.msg, "from another launch than this") != NULL);
}

#define THREE_ZONES                                                                                \
	"{\"zoneName\":\"p-a\",\"zoneState\":{\"available\":true}},{\"zoneName\":\"p-b\"},"        \
	"{\"zoneName\":\"p-c\"},{\"zoneName\":\"p-d\",\"zoneState\":{\"available\":false}}"

/* Of the two requests that make something, the server's comes last. */
static void server_and_volume_are_in_one_zone(void)
{
	static const struct {
		const char *name, *kept, *zone;
	} rows[] = { { "web", NULL, "p-a" }, { "web-1", NULL, "p-b" }, { "web-2", NULL, "p-c" },
		{ "web-3", NULL, "p-a" }, { "web", "p-c", "p-c" } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct launch_request q = play_request();
		RUN r = run_begin();

		fresh();
		fake.zones = THREE_ZONES;
		q.name = rows[i].name;
		if (rows[i].kept) {
			struct fake_thing *v =
				fake_add(fake.volumes, "v", "kbuild-web", "available");

			snprintf(v->tag, sizeof v->tag, "web");
			snprintf(v->zone, sizeof v->zone, "%s", rows[i].kept);
		}
		check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
		check_str(item(&r.plan, "zone")->name, rows[i].zone);
		play_well(&r, &q);
		check_str(fake.servers[0].zone, rows[i].zone);
		check_str(fake.volumes[0].zone, rows[i].zone);
	}
}

static void where_there_is_one_zone_none_is_said(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	fresh();
	play_well(&r, &q);
	check_str(fake.servers[0].zone, "");
	check_str(fake.volumes[0].zone, "");
	/* Nor where there is nothing to be beside. */
	fresh();
	fake.zones = THREE_ZONES;
	q.volume_size = 0;
	play_well(&r, &q);
	check_str(fake.servers[0].zone, "");
}

/* Killed between the mark and its last word, or run again by a script: there is nothing left to do. */
static void a_launch_that_is_over_is_done_again_at_once(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();
	int posts;

	fresh();
	play_well(&r, &q);
	posts = fake.posts;
	check_int(row_check(&r.cloud, &q, &r.e), 0);
	check_int(row_launch(&r.cloud, &q, r.arena, &r.server, &r.e), CLOUD_SETTLED);
	check_str(r.server.v4, "203.0.113.7");
	check_int(r.server.volume_size, 20 * GIB);
	check(!r.server.volume_made);
	check_int(fake.posts, posts);
	check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
	check_int(item(&r.plan, "server")->state, PLAN_THERE);
	/* Stopped, it is not what a launch promises. */
	snprintf(fake.servers[0].status, sizeof fake.servers[0].status, "SHUTOFF");
	check(row_check(&r.cloud, &q, &r.e) < 0);
	check(strstr(r.e.msg, "already (SHUTOFF): 'kbuild start web --cloud openstack'") != NULL);
}

/* Another image is an error before it is built, where that can be told. */
static void before_the_build_only_what_is_known_is_compared(void)
{
	static const struct {
		const char *definition, *foreseen;
		bool may_be;
	} rows[] = { { "web", NULL, true }, { "web", FAKE_DIGEST, true },
		{ "web", "another digest", false }, { "shop", NULL, false },
		{ NULL, NULL, false } };
	struct launch_request q = play_request();
	RUN r = run_begin();

	fresh();
	play_well(&r, &q);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		q.image_digest = NULL;
		q.definition = rows[i].definition;
		q.foreseen = rows[i].foreseen;
		r.e = (struct error){};
		if ((row_check(&r.cloud, &q, &r.e) == 0) != rows[i].may_be)
			check_fail("row %zu: '%s'", i, r.e.msg);
	}
	check(strstr(r.e.msg, "already (ACTIVE), from another launch than this") != NULL);
}

/* Neither is what the cloud says of a server an image that was compared, nor is the same definition the same server. */
static void a_plan_says_what_it_has_compared(void)
{
	static const struct {
		const char *foreseen, *flavor;
		enum plan_state state;
		const char *detail;
	} rows[] = {
		{ NULL, "d2-2", PLAN_THERE, "it runs: if the image is the same, a launch has" },
		{ NULL, "f1", PLAN_THERE, "it runs: if the image is the same, a launch has" },
		{ FAKE_DIGEST, "d2-2", PLAN_THERE, "it runs, of the same image: a launch has" },
		{ "another digest", "d2-2", PLAN_WRONG, "from another launch than this" },
		{ NULL, "b3-8", PLAN_WRONG, "from another launch than this" },
		{ NULL, "f2", PLAN_WRONG, "from another launch than this" },
		{ FAKE_DIGEST, "b3-8", PLAN_WRONG, "from another launch than this" },
	};
	struct launch_request q = play_request();
	RUN r = run_begin();

	fresh();
	play_well(&r, &q);
	q.image_digest = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct plan_item *t;

		q.foreseen = rows[i].foreseen;
		q.flavor = rows[i].flavor;
		r.plan = (struct plan){ .carbon = -1 };
		check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
		t = item(&r.plan, "server");
		if (t->state != rows[i].state || !strstr(t->detail, rows[i].detail))
			check_fail("row %zu: %d '%s'", i, t->state, t->detail);
	}
	/* Where it was resized by hand, a launch finds its own: that is not refused before it has looked. */
	RUN launch = run_begin();

	q.foreseen = FAKE_DIGEST;
	check_int(row_check(&launch.cloud, &q, &launch.e), 0);
}

int main(void)
{
	run(what_is_wrong_is_said_before_anything_is_made);
	run(all_that_is_wrong_is_said_at_once);
	run(what_a_broken_server_holds_is_free);
	run(what_runs_already_needs_no_room);
	run(a_plan_names_all_and_what_it_costs);
	run(an_image_that_nobody_has_compared_is_not_booted);
	run(each_of_several_has_its_own_prices);
	run(a_server_that_fails_says_why_and_is_replaced);
	run(a_server_that_has_run_is_not_replaced);
	run(a_server_that_is_never_made_is_not_waited_for_for_ever);
	run(a_server_that_fails_while_it_is_waited_for_again);
	run(of_two_at_the_same_instant_one_gives_way);
	run(a_server_on_its_way_out_is_none);
	run(a_key_of_an_earlier_server_is_replaced);
	run(without_port_security_there_is_no_group);
	run(rules_of_before_go);
	run(rules_that_are_said_twice_are_made_once);
	run(groups_of_another_project_are_left_alone);
	run(networks_are_ours_or_for_all);
	run(a_second_launch_of_the_same_finds_what_runs);
	run(server_and_volume_are_in_one_zone);
	run(where_there_is_one_zone_none_is_said);
	run(a_launch_that_is_over_is_done_again_at_once);
	run(before_the_build_only_what_is_known_is_compared);
	run(a_plan_says_what_it_has_compared);
	return done();
}
