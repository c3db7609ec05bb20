/* What does not answer, or refuses: a service, a right, a region of several. Who can do without goes on and says so. */
#include "cloud_play.h"

#include "cinder.h"
#include "glance.h"
#include "neutron.h"
#include "nova.h"
#include "os.h"
#include "row_parts.h"

static struct fake_thing *add_server(struct fake_thing *v, const char *name)
{
	struct fake_thing *s = fake_add(v, "s", name, "ACTIVE");

	snprintf(s->metadata, sizeof s->metadata,
		"{\"kbuild:name\":\"%s\",\"kbuild:settled\":\"yes\"}", name);
	return s;
}

/* Of no list there is an outcome: whoever asks for one has it, or an error. */
static void a_list_that_is_refused_is_an_error(void)
{
	static const long statuses[] = { 400, 403, 404, 409, 413, 422 };
	struct neutron_network *networks;
	struct neutron_group *groups;
	struct cinder_volume *volumes;
	struct glance_image *images;
	struct nova_server *servers;
	struct nova_flavor *flavors;
	struct nova_key *keys;
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		RUN r = run_begin();
		struct arena *a = r.arena;
		struct error *e = &r.e;
		struct os *o;

		play_fresh();
		check_int(row_os(row_of(&r.cloud), &o, e), 0);
		check_int(nova_servers(o, "ONE", NULL, a, &servers, &n, e), 0);
		fake.refused = "https://";
		fake.refusal = statuses[i];
		check_int(nova_servers(o, "ONE", NULL, a, &servers, &n, e), -ERR_FAILED);
		check_int(nova_keys(o, "ONE", a, &keys, &n, e), -ERR_FAILED);
		check_int(nova_flavors(o, "ONE", a, &flavors, &n, e), -ERR_FAILED);
		check_int(cinder_volumes(o, "ONE", false, a, &volumes, &n, e), -ERR_FAILED);
		check_int(neutron_networks(o, "ONE", a, &networks, &n, e), -ERR_FAILED);
		check_int(neutron_groups(o, "ONE", "x", a, &groups, &n, e), -ERR_FAILED);
		check_int(glance_list(o, "ONE", NULL, a, &images, &n, e), -ERR_FAILED);
		check(strstr(e->msg, "glance") || strstr(e->msg, "image"));
	}
}

static void without_the_right_to_see_volumes_servers_are_listed(void)
{
	static const long statuses[] = { 403, 404 };
	struct server_list l;

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		RUN r = run_begin();

		play_fresh();
		snprintf(fake_add(fake.volumes, "v", "web", "in-use")->server, 32, "%s",
			add_server(fake.servers, "web")->id);
		fake.refused = "https://cinder/";
		fake.refusal = statuses[i];
		check_int(row_list(&r.cloud, r.arena, &l, &r.e), 0);
		check_int(l.n, 1);
		check(strstr(l.lacks, "the volumes in ONE: "));
		check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), 0);
		check_str(r.server.lacks, l.lacks);
	}
}

/* Somebody who may bring images and nothing else sees them; nobody removes one of which that is all they know. */
static void without_the_right_to_see_servers_images_are_listed(void)
{
	struct image_list l;
	RUN r = run_begin();

	play_fresh();
	snprintf(add_server(fake.servers, "web")->flavor, 16, "d2-2");
	check_int(row_images(&r.cloud, true, r.arena, &l, &r.e), 0);
	check_int(l.n, 1);
	check_int(l.images[0].in_use, 1);
	check(!l.images[0].use_unknown && !l.lacks);
	fake.refused = "https://nova/v2.1/servers";
	fake.refusal = 403;
	check_int(row_images(&r.cloud, false, r.arena, &l, &r.e), 0);
	check_int(l.n, 1);
	check(l.images[0].use_unknown);
	check(!l.partial && strstr(l.lacks, "who uses the images in ONE: "));
	check_int(row_images(&r.cloud, true, r.arena, &l, &r.e), -ERR_FAILED);
	check(strstr(r.e.msg, "403"));
	fake.refused = "https://glance/";
	check_int(row_images(&r.cloud, false, r.arena, &l, &r.e), -ERR_FAILED);
}

/* Two regions, and no word of the user on which. */
static void fresh_of_two(void)
{
	play_fresh();
	fake.two = true;
	play_region = NULL;
}

static void add_volume(struct fake_thing *v, const char *name)
{
	struct fake_thing *volume = fake_add(v, "v", "", "available");

	snprintf(volume->name, sizeof volume->name, "kbuild-%s", name);
	snprintf(volume->tag, sizeof volume->tag, "%s", name);
	volume->size = 20;
}

/* Destroying is for good: of a name that stands for several things it wants to be told which. */
static void what_stands_in_two_regions_is_not_destroyed(void)
{
	for (int i = 0; i < 3; i++) {
		fresh_of_two();
		RUN r = run_begin();

		add_server(fake.servers, "web");
		if (i == 0)
			add_server(fake.other.servers, "web");
		else if (i == 1)
			add_volume(fake.other.volumes, "web");
		else
			snprintf(fake_add(fake.other.keys, "k", "kbuild-web-p", "")->public_key, 8,
				"ssh");
		check_int(row_inventory(&r.cloud, "web", r.arena, &r.plan, &r.e), -ERR_USAGE);
		check_str(r.e.msg,
			"there is something of 'web' in ONE and in TWO: say which with --region");
		check_int(row_destroy(&r.cloud, "web", true, &r.e), -ERR_USAGE);
		check_int(fake_count(fake.servers), 1);
		check_int(fake_count(fake.other.servers) + fake_count(fake.other.volumes) +
				  fake_count(fake.other.keys),
			1);
	}
	play_region = "TWO";
	add_server(fake.other.servers, "web");
	RUN r = run_begin();

	check_int(row_inventory(&r.cloud, "web", r.arena, &r.plan, &r.e), 0);
	check_int(row_destroy(&r.cloud, "web", true, &r.e), 0);
	check_int(fake_count(fake.servers), 1);
	check_int(fake_count(fake.other.servers), 0);
}

static void what_stands_in_one_region_is_found_and_destroyed(void)
{
	fresh_of_two();
	RUN r = run_begin();

	add_server(fake.servers, "ant");
	add_server(fake.other.servers, "web");
	add_volume(fake.other.volumes, "web");
	check_int(row_inventory(&r.cloud, "web", r.arena, &r.plan, &r.e), 0);
	check_int(r.plan.n, 3);
	check_int(row_destroy(&r.cloud, "web", false, &r.e), 0);
	check_int(fake_count(fake.other.servers), 0);
	check_int(fake_count(fake.other.volumes), 1);
	check_int(row_destroy(&r.cloud, "web", true, &r.e), 0);
	check_int(fake_count(fake.other.volumes), 0);
	check_int(row_destroy(&r.cloud, "web", true, &r.e), CLOUD_ABSENT);
	check_int(fake_count(fake.servers), 1);
}

/* A launch without --region says the one it has chosen, as destroy would otherwise have to look for it. */
static void the_hint_of_a_launch_names_the_region(void)
{
	struct launch_request q = play_request();

	for (int i = 0; i < 2; i++) {
		play_fresh();
		play_region = "ONE";
		RUN r = run_begin();

		if (i)
			r.cloud.region = row_of(&r.cloud)->cloud.region = "ONE";
		fake.fault = "No valid host was found.";
		check(play_launch(&r, &q) < 0);
		check((strstr(r.e.msg, " --region ONE'") == NULL) == (i == 1));
	}
}

/* A server can be seen to although a region that it is not in is down. */
static void a_region_that_is_down_is_told_and_left_out(void)
{
	static const char word[] = "the servers in TWO: ";
	struct server_list l;

	fresh_of_two();
	RUN r = run_begin();

	add_server(fake.servers, "web");
	add_server(fake.other.servers, "bee");
	fake.down = "https://two.";
	check_int(row_list(&r.cloud, r.arena, &l, &r.e), 0);
	check_int(l.n, 1);
	check(l.partial && strstr(l.lacks, word) && strstr(l.lacks, "connection refused"));
	check(!l.servers[0].lacks);
	check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), 0);
	check(strstr(r.server.lacks, word));
	check(fake.now_ms < 10000);
	check_int(row_stop(&r.cloud, "web", false, 1000, &r.e), 0);
	check_int(row_start(&r.cloud, "web", &r.e), 0);
	/* What was not found may be there all the same. */
	check_int(row_find(&r.cloud, "bee", r.arena, &r.server, &r.e), -ERR_NETWORK);
	check(strstr(r.e.msg, "looking for the server 'bee': "));
	/* Nothing is removed half blind. */
	check_int(row_destroy(&r.cloud, "web", true, &r.e), -ERR_NETWORK);
	check_int(row_inventory(&r.cloud, "web", r.arena, &r.plan, &r.e), -ERR_NETWORK);
	check_int(fake_count(fake.servers), 1);
	fake.down = "https://";
	check_int(row_list(&r.cloud, r.arena, &l, &r.e), -ERR_NETWORK);
	fake.down = NULL;
	check_int(row_find(&r.cloud, "bee", r.arena, &r.server, &r.e), 0);
	check_str(r.server.region, "TWO");
	fake.calls = 0;
	fake.fault_at = 1;
	fake.how = FAKE_KILLED_BEFORE;
	check_int(row_list(&r.cloud, r.arena, &l, &r.e), -ERR_INTERRUPTED);
}

static void images_of_a_region_that_is_down_are_left_out(void)
{
	struct image_list l;

	fresh_of_two();
	RUN r = run_begin();

	fake.down = "https://two.glance/";
	check_int(row_images(&r.cloud, false, r.arena, &l, &r.e), 0);
	check_int(l.n, 1);
	check_str(l.images[0].region, "ONE");
	check(l.partial && strstr(l.lacks, "the images in TWO: "));
	check_int(row_images(&r.cloud, true, r.arena, &l, &r.e), -ERR_NETWORK);
	fake.down = NULL;
	check_int(row_images(&r.cloud, true, r.arena, &l, &r.e), 0);
	check_int(l.n, 2);
	check(!l.partial);
}

/* Having found it, nobody asks the other regions again. */
static void a_server_is_looked_for_once(void)
{
	int calls;

	fresh_of_two();
	RUN r = run_begin();

	add_server(fake.other.servers, "web");
	check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), 0);
	calls = fake.calls;
	check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), 0);
	check_int(fake.calls - calls, 1);
	check_str(r.server.region, "TWO");
	add_server(fake.servers, "web");
	run_end(&r);
	r = run_begin();
	check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), -ERR_USAGE);
	check_str(r.e.msg, "there are servers 'web' in ONE and in TWO: say which with --region");
}

int main(void)
{
	run(a_list_that_is_refused_is_an_error);
	run(without_the_right_to_see_volumes_servers_are_listed);
	run(without_the_right_to_see_servers_images_are_listed);
	run(what_stands_in_two_regions_is_not_destroyed);
	run(what_stands_in_one_region_is_found_and_destroyed);
	run(the_hint_of_a_launch_names_the_region);
	run(a_region_that_is_down_is_told_and_left_out);
	run(images_of_a_region_that_is_down_are_left_out);
	run(a_server_is_looked_for_once);
	return done();
}
