/* What a launch finds and makes beside the server: image, key pair, group, network, zone; and the plan of it. */
#include "cloud_play.h"

#include "plan.h"

static void a_plan_names_all_and_what_it_costs(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	play_fresh();
	check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
	check_str(r.plan.region, "ONE");
	check_str(r.plan.currency, "EUR");
	check_int(r.plan.carbon, 1200);
	check_int(plan_item(&r.plan, "image")->state, PLAN_THERE);
	check_int(plan_item(&r.plan, "network")->state, PLAN_THERE);
	check_int(plan_item(&r.plan, "key pair")->state, PLAN_MAKE);
	check_str(plan_item(&r.plan, "security group")->detail, "lets in 22/tcp, 80:81/tcp");
	check_int(plan_item(&r.plan, "data volume")->price, 80000000);
	check_str(plan_item(&r.plan, "server")->detail, "d2-2: 1 CPUs, 2048 MiB, disk 25 GiB");
	check_str(price_text(r.arena, plan_item(&r.plan, "server")->price, r.plan.currency),
		"5.00 EUR");
	check_int(fake.posts, 0);
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

	play_fresh();
	play_well(&r, &q);
	q.image_digest = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct plan_item *t;

		q.foreseen = rows[i].foreseen;
		q.flavor = rows[i].flavor;
		r.plan = (struct plan){ .carbon = -1 };
		check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
		t = plan_item(&r.plan, "server");
		if (t->state != rows[i].state || !strstr(t->detail, rows[i].detail))
			check_fail("row %zu: %d '%s'", i, t->state, t->detail);
	}
	/* Resized by hand it is still the one that was made, and the plan says what differs. */
	snprintf(fake.servers[0].flavor, sizeof fake.servers[0].flavor, "f2");
	q.foreseen = FAKE_DIGEST;
	q.flavor = "d2-2";
	r.plan = (struct plan){ .carbon = -1 };
	check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
	check_int(plan_count(&r.plan, PLAN_WRONG), 0);
	check_str(plan_item(&r.plan, "flavor")->detail,
		"the server has another one by now, b3-8: a launch leaves it so");
	/* A launch finds its own: that is not refused before it has looked. */
	q.flavor = "b3-8";
	RUN launch = run_begin();

	q.foreseen = FAKE_DIGEST;
	check_int(row_check(&launch.cloud, &q, &launch.e), 0);
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

	play_fresh();
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

/* Killed between the last byte and the comparison. */
static void an_image_that_nobody_has_compared_is_not_booted(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	play_fresh();
	fake.unproven = true;
	check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
	check_str(plan_item(&r.plan, "image")->detail, "its bytes are compared first");
	check(play_launch(&r, &q) < 0);
	check(strstr(r.e.msg, "making the image: reading /none") != NULL); /* to compare it */
	check_int(fake_count(fake.servers), 0);
}

static void each_of_several_has_its_own_prices(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();
	size_t first;

	play_fresh();
	check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
	first = r.plan.n;
	q.name = "other";
	q.volume_size = 100 * GIB;
	check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
	check_int(plan_item(&r.plan, "data volume")->price, 80000000);
	r.plan.items += first;
	r.plan.n -= first;
	check_int(plan_item(&r.plan, "data volume")->price, 400000000);
}

static void a_key_of_an_earlier_server_is_replaced(void)
{
	struct launch_request q = play_request();
	struct fake_thing *k;
	RUN r = run_begin();

	play_fresh();
	k = fake_add(fake.keys, "k", "kbuild-web-p", "");
	snprintf(k->public_key, sizeof k->public_key, "ssh-ed25519 OLD old");
	play_well(&r, &q);
	check_int(fake_count(fake.keys), 1);
	for (int i = 0; i < FAKE_MAX; i++)
		check(!fake.keys[i].id[0] || strcmp(fake.keys[i].public_key, play_keys[0]) == 0);
}

/* Of the user's, in another project: it is of another server. */
static void a_key_of_another_project_stays(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	play_fresh();
	snprintf(fake_add(fake.keys, "k", "kbuild-web-q", "")->public_key, 8, "ssh");
	play_well(&r, &q);
	check_int(fake_count(fake.keys), 2);
	check_int(row_destroy(&r.cloud, "web", true, &r.e), 0);
	check_int(fake_count(fake.keys), 1);
	check_int(row_inventory(&r.cloud, "web", r.arena, &r.plan, &r.e), CLOUD_ABSENT);
}

static void without_port_security_there_is_no_group(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	play_fresh();
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

	play_fresh();
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

	play_fresh();
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

	play_fresh();
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

		play_fresh();
		fake.networks = all;
		q.network = rows[i].name;
		check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
		check_int(plan_item(&r.plan, "network")->state,
			rows[i].there ? PLAN_THERE : PLAN_WRONG);
		if (!rows[i].there)
			check(strstr(plan_item(&r.plan, "network")->detail,
				"there is: Ext-Net, ours, lent, unsaid"));
	}
}

static void a_name_of_several_networks_means_none(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	play_fresh();
	fake.networks =
		",{\"id\":\"n-8\",\"name\":\"inner\",\"project_id\":\"p\"},"
		"{\"id\":\"n-9\",\"name\":\"inner\",\"project_id\":\"q\",\"shared\":true}";
	q.network = "inner";
	check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
	check_int(plan_item(&r.plan, "network")->state, PLAN_WRONG);
	check_str(plan_item(&r.plan, "network")->detail,
		"2 have this name in ONE: give the id of one (n-8, n-9)");
	q.network = "n-8";
	play_well(&r, &q);
}

#define THREE_ZONES                                                                                \
	"{\"zoneName\":\"p-a\",\"zoneState\":{\"available\":true}},{\"zoneName\":\"p-b\"},"        \
	"{\"zoneName\":\"p-c\"},{\"zoneName\":\"p-d\",\"zoneState\":{\"available\":false}}"

/* Of an earlier server "web", in that zone. */
static void keep_volume(const char *zone)
{
	struct fake_thing *v = fake_add(fake.volumes, "v", "kbuild-web", "available");

	v->size = 20;
	snprintf(v->tag, sizeof v->tag, "web");
	snprintf(v->zone, sizeof v->zone, "%s", zone);
}

/* A database on a disk that is a tenth of what its definition says would be full one day. */
static void a_kept_volume_is_as_large_as_is_asked_for(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	play_fresh();
	keep_volume("nova");
	q.volume_size = 100 * GIB;
	check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
	check_int(plan_item(&r.plan, "data volume")->state, PLAN_WRONG);
	check(strstr(plan_item(&r.plan, "data volume")->detail,
		"'openstack volume set --size 100 v-1'"));
	q.volume_size = 20 * GIB;
	play_well(&r, &q);
}

/* What somebody has taken from a server that is finished comes by no launch: so no plan promises it. */
static void what_is_gone_from_a_finished_server_is_said(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	play_fresh();
	play_well(&r, &q);
	check_int(row_settle(&r.cloud, "web", &r.e), 0);
	fake.volumes[0] = (struct fake_thing){};
	fake.groups[0] = (struct fake_thing){};
	check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
	check_int(plan_item(&r.plan, "data volume")->state, PLAN_NOTE);
	check_int(plan_item(&r.plan, "security group")->state, PLAN_NOTE);
	check_int(plan_count(&r.plan, PLAN_MAKE), 0);
	check_int(row_launch(&r.cloud, &q, r.arena, &r.server, &r.e), CLOUD_SETTLED);
	check_int(fake_count(fake.volumes) + fake_count(fake.groups), 0);
}

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

		play_fresh();
		fake.zones = THREE_ZONES;
		q.name = rows[i].name;
		if (rows[i].kept)
			keep_volume(rows[i].kept);
		check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
		check_str(plan_item(&r.plan, "zone")->name, rows[i].zone);
		play_well(&r, &q);
		check_str(fake.servers[0].zone, rows[i].zone);
		check_str(fake.volumes[0].zone, rows[i].zone);
	}
}

/* Wanted, beside a volume in .kept or a server in .server; .says: why not, else it is made so. */
static void a_zone_that_is_chosen(void)
{
	static const struct {
		const char *zones, *wanted, *kept, *server, *volume, *says;
	} rows[] = {
		{ THREE_ZONES, "p-c", NULL, NULL, "p-c", NULL },
		{ THREE_ZONES, "p-c", NULL, NULL, NULL, NULL },
		{ THREE_ZONES, "p-c", "p-c", NULL, "p-c", NULL },
		{ THREE_ZONES, "p-d", NULL, NULL, NULL,
			"zone 'p-d': there is none in ONE; did you mean 'p-a'?; there is: p-a, p-b, p-c" },
		{ THREE_ZONES, "p-c", "p-b", NULL, "",
			"data volume 'kbuild-web': it is in the zone p-b, which volumes do not leave, and p-c is asked for: ask for p-b, or copy what is on it and 'kbuild destroy web --with-data --cloud openstack'" },
		{ THREE_ZONES, "p-c", NULL, "p-a", NULL,
			"server 'web': it is in the zone p-a, and p-c is asked for: 'kbuild destroy web --cloud openstack' first" },
		/* Of one there is nothing to choose, but its name may be said. */
		{ NULL, "nova", NULL, NULL, "", NULL },
		{ NULL, "nowhere", NULL, NULL, NULL, "there is: nova" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct launch_request q = play_request();
		RUN r = run_begin();

		play_fresh();
		fake.zones = rows[i].zones;
		q.zone = rows[i].wanted;
		q.volume_size = rows[i].volume ? q.volume_size : 0;
		if (rows[i].kept)
			keep_volume(rows[i].kept);
		if (rows[i].server)
			snprintf(play_server("web", "BUILD", 0)->zone, 16, "%s", rows[i].server);
		if (rows[i].says) {
			check(row_check(&r.cloud, &q, &r.e) < 0);
			if (!strstr(r.e.msg, rows[i].says))
				check_fail("row %zu: %s", i, r.e.msg);
			continue;
		}
		check_int(row_plan(&r.cloud, &q, r.arena, &r.plan, &r.e), 0);
		check_str(plan_item(&r.plan, "zone")->name, rows[i].wanted);
		play_well(&r, &q);
		check_str(fake.servers[0].zone, rows[i].wanted);
		if (rows[i].volume)
			check_str(fake.volumes[0].zone, rows[i].volume);
	}
}

/* Another zone is another launch. */
static void a_zone_is_part_of_what_is_asked(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	play_fresh();
	fake.zones = THREE_ZONES;
	q.volume_size = 0;
	q.zone = "p-a";
	play_well(&r, &q);
	play_well(&r, &q);
	check_int(fake_count(fake.servers), 1);
	q.zone = "p-b";
	check(play_launch(&r, &q) < 0);
	check(strstr(r.e.msg, "from another launch than this") != NULL);
}

static void where_there_is_one_zone_none_is_said(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	play_fresh();
	play_well(&r, &q);
	check_str(fake.servers[0].zone, "");
	check_str(fake.volumes[0].zone, "");
	/* Nor where there is nothing to be beside. */
	play_fresh();
	fake.zones = THREE_ZONES;
	q.volume_size = 0;
	play_well(&r, &q);
	check_str(fake.servers[0].zone, "");
}

int main(void)
{
	run(a_plan_names_all_and_what_it_costs);
	run(a_plan_says_what_it_has_compared);
	run(before_the_build_only_what_is_known_is_compared);
	run(an_image_that_nobody_has_compared_is_not_booted);
	run(each_of_several_has_its_own_prices);
	run(a_key_of_an_earlier_server_is_replaced);
	run(a_key_of_another_project_stays);
	run(without_port_security_there_is_no_group);
	run(a_name_of_several_networks_means_none);
	run(rules_of_before_go);
	run(rules_that_are_said_twice_are_made_once);
	run(groups_of_another_project_are_left_alone);
	run(networks_are_ours_or_for_all);
	run(a_kept_volume_is_as_large_as_is_asked_for);
	run(what_is_gone_from_a_finished_server_is_said);
	run(server_and_volume_are_in_one_zone);
	run(a_zone_that_is_chosen);
	run(a_zone_is_part_of_what_is_asked);
	run(where_there_is_one_zone_none_is_said);
	return done();
}
