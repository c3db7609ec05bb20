/* Servers of a cloud: listed, found, destroyed; and what else there is of them. */
#include "cloud_play.h"

#include "alloc.h"
#include "cinder.h"
#include "image_users.h"
#include "neutron.h"
#include "plan.h"
#include "row_parts.h"

static void only_ours_are_listed_by_name(void)
{
	struct fake_thing *s, *volume;
	struct server_list l;
	struct server *v;
	RUN r = run_begin();

	play_fresh();
	fake.build_polls = 100;
	play_server("zebra", "ACTIVE", 1);
	play_server("somebody's", "ACTIVE", -1);
	s = play_server("ant", "ACTIVE", 0);
	play_server("bee", "BUILD", 0);
	volume = fake_add(fake.volumes, "v", "kbuild-ant", "in-use");
	snprintf(volume->tag, sizeof volume->tag, "ant");
	snprintf(volume->server, sizeof volume->server, "%s", s->id);
	volume->size = 20;
	check_int(row_list(&r.cloud, r.arena, &l, &r.e), 0);
	check_int(l.n, 3);
	check_int(l.n_kept, 0);
	check(!l.lacks);
	v = l.servers;
	check_str(v[0].name, "ant");
	check_int(v[0].state, SERVER_BOOTING);
	s->launched = (int64_t)time(NULL) - 7200; /* who waited for it is long gone */
	check_int(row_find(&r.cloud, "ant", r.arena, &r.server, &r.e), 0);
	check_int(r.server.state, SERVER_RUNNING);
	check_int(v[0].volume_size, 20 * GIB);
	check_str(v[0].volume_id, volume->id);
	check_str(v[0].address, "203.0.113.7"); /* although IPv6 comes first */
	check_str(v[0].v6, "2001:db8::7");
	check_str(v[0].user, "debian");
	check_str(v[0].definition, "shop");
	check_str(v[0].region, "ONE");
	check_str(v[1].name, "bee");
	check_int(v[1].state, SERVER_CREATING);
	check_str(v[2].name, "zebra");
	check_int(v[2].state, SERVER_RUNNING);
	check(!v[2].volume_id);
	/* Token, versions, servers, volumes; and of the second look two. */
	check_int(fake.calls, 6);
}

static void add_volume(const char *server, const char *status, const char *attached)
{
	struct fake_thing *v = fake_add(fake.volumes, "v", "", status);

	snprintf(v->name, sizeof v->name, "kbuild-%s", server);
	snprintf(v->tag, sizeof v->tag, "%s", server);
	snprintf(v->server, sizeof v->server, "%s", attached);
	v->size = 20;
}

static void volumes_that_outlived_their_server_are_listed(void)
{
	struct server_list l;
	RUN r = run_begin();

	play_fresh();
	play_server("ant", "ACTIVE", 1);
	add_volume("ant", "available", ""); /* its server is there */
	add_volume("zebra", "available", "");
	add_volume("bee", "error", "");
	add_volume("cow", "in-use", play_server("somebody's", "ACTIVE", -1)->id);
	check_int(row_list(&r.cloud, r.arena, &l, &r.e), 0);
	check_int(l.n, 1);
	check_int(l.n_kept, 2);
	check_str(l.kept[0].server, "bee");
	check_str(l.kept[1].server, "zebra");
	check_str(l.kept[1].region, "ONE");
	check_int(l.kept[1].size, 20 * GIB);
	check(!l.kept[1].path && l.kept[1].id);
}

static void of_two_volumes_the_one_in_use_counts_then_the_oldest(void)
{
	static const struct {
		struct cinder_volume v[3];
		const char *id;
	} rows[] = {
		{ { { .id = "a", .created = 1 }, { .id = "b", .created = 2, .attached_to = "s" } },
			"b" },
		{ { { .id = "a", .created = 2 }, { .id = "b", .created = 1 } }, "b" },
		{ { { .id = "b", .created = 1 }, { .id = "a", .created = 1 } }, "a" },
		{ { { .id = "a", .created = 1, .status = "deleting" },
			  { .id = "b", .created = 2 } },
			"b" },
		{ { { .id = "a", .server = "other" } }, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct cinder_volume *found;
		struct cinder_volume v[3];
		size_t n = 0;

		for (; n < ARRAY_SIZE(v) && rows[i].v[n].id; n++) {
			v[n] = rows[i].v[n];
			v[n].server = v[n].server ? v[n].server : "web";
			v[n].status = v[n].status ? v[n].status : "available";
		}
		found = row_volume_of(v, n, "web");
		check_str(found ? found->id : NULL, rows[i].id);
	}
}

/* Whoever looks for a server in trouble must not be stopped by a service that has nothing to do with it. */
static void without_the_service_of_volumes_servers_are_listed(void)
{
	const char *cost = NULL;
	struct server_list l;
	RUN r = run_begin();

	play_fresh();
	play_server("web", "ACTIVE", 1);
	add_volume("web", "in-use", "s-1");
	fake.down = "https://cinder/";
	check_int(row_list(&r.cloud, r.arena, &l, &r.e), 0);
	check_int(l.n, 1);
	check(strstr(l.lacks, "the volumes in ONE: ") && strstr(l.lacks, "connection refused"));
	check_str(l.servers[0].lacks, l.lacks);
	check(fake.now_ms < 5000);
	check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), 0);
	check_str(r.server.lacks, l.lacks);
	check_int(row_cost(&r.cloud, &r.server, r.arena, &cost, &r.e), 0);
	check(!cost); /* it would be too low */
	/* Interrupted is not done. */
	fake.down = NULL;
	fake.calls = 0;
	fake.fault_at = 2;
	fake.how = FAKE_KILLED_BEFORE;
	check_int(row_list(&r.cloud, r.arena, &l, &r.e), -ERR_INTERRUPTED);
	/* And without Nova there is nothing to list. */
	fake.dead = false;
	fake.fault_at = 0;
	fake.down = "https://nova/";
	check_int(row_list(&r.cloud, r.arena, &l, &r.e), -ERR_NETWORK);
}

static void states_are_those_of_all_clouds(void)
{
	static const struct {
		const char *status;
		enum server_state state;
	} rows[] = { { "ACTIVE", SERVER_RUNNING }, { "SHUTOFF", SERVER_STOPPED },
		{ "ERROR", SERVER_BROKEN }, { "SHELVED_OFFLOADED", SERVER_STOPPED },
		{ "HARD_REBOOT", SERVER_RUNNING }, { "RESCUE", SERVER_RUNNING },
		{ "SOMETHING_NEW", SERVER_RUNNING } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		RUN r = run_begin();

		play_fresh();
		play_server("web", rows[i].status, 1);
		check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), 0);
		check_int(r.server.state, rows[i].state);
		check_int(r.server.stuck, rows[i].state == SERVER_BROKEN);
	}
}

static void what_is_not_there_is_absent(void)
{
	_buf_ text = BUF_INIT;
	uint64_t end;
	RUN r = run_begin();

	play_fresh();
	play_server("web-2", "ACTIVE", 1);
	play_server("web", "ACTIVE", -1); /* somebody else's of the same name */
	check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), CLOUD_ABSENT);
	check_int(row_find(&r.cloud, "Web?", r.arena, &r.server, &r.e), CLOUD_ABSENT);
	check_int(row_console(&r.cloud, "web", 0, &text, &end, &r.e), CLOUD_ABSENT);
	check_int(row_stop(&r.cloud, "web", false, 1000, &r.e), CLOUD_ABSENT);
	check_int(row_start(&r.cloud, "web", &r.e), CLOUD_ABSENT);
	check_int(row_settle(&r.cloud, "web", &r.e), CLOUD_ABSENT);
	check_int(row_inventory(&r.cloud, "web", r.arena, &r.plan, &r.e), CLOUD_ABSENT);
	check_int(row_destroy(&r.cloud, "web", true, &r.e), CLOUD_ABSENT);
	check_int(fake_count(fake.servers), 2);
}

static void a_broken_server_says_so(void)
{
	RUN r = run_begin();

	play_fresh();
	fake.fault = "disk full";
	play_server("web", "ERROR", 1);
	check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), 0);
	check_str(r.server.note, "disk full");
	check_int(row_stop(&r.cloud, "web", false, 1000, &r.e), -ERR_FAILED);
	check(strstr(r.e.msg, "the server 'web' is ERROR") != NULL);
}

/* Cinder's reason is worth more than five minutes and "did not go". */
static void a_volume_that_is_refused_says_why(void)
{
	RUN r = run_begin();

	play_fresh();
	add_volume("web", "available", "");
	fake.undeletable = true;
	check_int(row_destroy(&r.cloud, "web", true, &r.e), -ERR_FAILED);
	check(strstr(r.e.msg, "the data volume v-1 is not removed: ") &&
		strstr(r.e.msg, "Volume must not be migrating"));
	check(fake.now_ms >= 20000 && fake.now_ms < 25000);
	/* One that has an error is no more in use than that, but may be on its way to another state. */
	r.e = (struct error){};
	snprintf(fake.volumes[0].status, sizeof fake.volumes[0].status, "error");
	fake.now_ms = 0;
	check_int(row_destroy(&r.cloud, "web", true, &r.e), -ERR_NETWORK);
	check(strstr(r.e.msg, "did not go within 300 s: ") && strstr(r.e.msg, "have snapshots"));
	check_int(fake_count(fake.volumes), 1);
}

/* The mark comes along when a volume is copied; only what we have made or what the server has is the server's. */
static void a_copy_of_a_volume_stays(void)
{
	struct launch_request q = play_request();
	struct server_list l;
	struct fake_thing *copy;
	RUN r = run_begin();

	play_fresh();
	play_well(&r, &q);
	copy = fake_add(fake.volumes, "v", "before the update", "available");
	snprintf(copy->tag, sizeof copy->tag, "web");
	check_int(row_list(&r.cloud, r.arena, &l, &r.e), 0);
	check_int(l.n_kept, 1);
	check_str(l.kept[0].id, copy->id);
	check_str(l.kept[0].copy, "before the update");
	check_int(row_inventory(&r.cloud, "web", r.arena, &r.plan, &r.e), 0);
	check_int(plan_count(&r.plan, PLAN_NOTE), 1);
	check_int(row_destroy(&r.cloud, "web", true, &r.e), 0);
	check_int(fake_count(fake.volumes), 1);
	check_str(copy->id, fake.volumes[1].id);
}

static void an_inventory_names_all(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	play_fresh();
	play_well(&r, &q);
	check_int(row_inventory(&r.cloud, "web", r.arena, &r.plan, &r.e), 0);
	check_int(r.plan.n, 5);
	check_str(r.plan.items[0].what, "server");
	check_str(r.plan.items[1].detail, "with the backups on it");
	check_str(r.plan.items[4].what, "data volume");
	check_int(r.plan.items[4].state, PLAN_NOTE);
}

/* To an admin of the cloud it is shown. */
static void what_another_project_has_is_not_removed(void)
{
	struct fake_thing *g;
	RUN r = run_begin();

	play_fresh();
	g = fake_add(fake.groups, "g", "kbuild-web", "");
	snprintf(g->tag, sizeof g->tag, "kbuild:server=web");
	snprintf(g->project, sizeof g->project, "other");
	check_int(row_inventory(&r.cloud, "web", r.arena, &r.plan, &r.e), CLOUD_ABSENT);
	check_int(row_destroy(&r.cloud, "web", true, &r.e), CLOUD_ABSENT);
	check_int(fake_count(fake.groups), 1);
	/* Ours, beside it. */
	g = fake_add(fake.groups, "g", "kbuild-web", "");
	snprintf(g->tag, sizeof g->tag, "kbuild:server=web");
	check_int(row_destroy(&r.cloud, "web", true, &r.e), 0);
	check_int(fake_count(fake.groups), 1);
	check_str(fake.groups[0].project, "other");
}

static void who_was_made_from_an_image(void)
{
	const char *names = NULL;
	struct os *o;
	RUN r = run_begin();

	play_fresh();
	play_server("web", "ACTIVE", 1);
	play_server("somebody's", "SHUTOFF", -1);
	check_int(row_os(row_of(&r.cloud), &o, &r.e), 0);
	check_int(image_users(o, "ONE", "img", r.arena, &names, &r.e), 0);
	check_str(names, "web, somebody's");
	check_int(image_users(o, "ONE", "other", r.arena, &names, &r.e), 0);
	check(!names);
}

/* Between the look and the answer of who was asked, a server was made from it. */
static void an_image_that_came_into_use_is_not_removed(void)
{
	const struct cloud_image i = { .id = "img", .region = "ONE" };
	RUN r = run_begin();

	play_fresh();
	play_server("web", "ACTIVE", 1);
	check_int(row_image_delete(&r.cloud, &i, &r.e), -ERR_FAILED);
	check(strstr(r.e.msg, "is in use by now (web)") != NULL);
}

static void put_line(const char *directory, const char *name, const char *text)
{
	_free_ char *path = xasprintf("%s/%s", directory, name);

	check_int(mkdir_all(AT_FDCWD, directory, 0700), 0);
	check_int(file_replace(AT_FDCWD, path, text, strlen(text), 0600), 0);
}

/* The key and the host keys are those of a server, not of a name. */
static void files_are_of_the_server_that_was_launched_here(void)
{
	struct fake_thing *s;
	const char *own;
	RUN r = run_begin();

	play_fresh();
	s = play_server("web", "ACTIVE", 1);
	check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), 0);
	/* What another machine has launched may be gone tomorrow, and its host keys with it. */
	check(strstr(r.server.directory,
		      arena_printf(r.arena, "/clouds/openstack-p/ONE/web/%s", s->id)) &&
		!r.server.identity);
	own = row_directory(row_of(&r.cloud), "ONE", "web", r.arena);
	put_line(own, "id_ed25519", "a key");
	check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), 0);
	check(strstr(r.server.identity, "/web/id_ed25519") != NULL);
	row_claim(own, s->id, NULL);
	check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), 0);
	check_str(r.server.directory, own);
	/* One of this name that another machine has made since. */
	row_claim(own, "s-old", NULL);
	check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), 0);
	check(strcmp(r.server.directory, own) != 0 && !r.server.identity);
	/* A key of the user's own. */
	put_line(own, "mine", "a key");
	row_claim(own, s->id, arena_printf(r.arena, "%s/mine", own));
	check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), 0);
	check(strstr(r.server.identity, "/web/mine") != NULL);
}

static void what_a_server_costs(void)
{
	const char *text = NULL;
	RUN r = run_begin();

	play_fresh();
	r.server = (struct server){ .region = "ONE", .flavor = "d2-2", .volume_size = 20 * GIB };
	check_int(row_cost(&r.cloud, &r.server, r.arena, &text, &r.e), 0);
	check_str(text, "5.80 EUR");
}

int main(void)
{
	run(only_ours_are_listed_by_name);
	run(volumes_that_outlived_their_server_are_listed);
	run(of_two_volumes_the_one_in_use_counts_then_the_oldest);
	run(without_the_service_of_volumes_servers_are_listed);
	run(states_are_those_of_all_clouds);
	run(what_is_not_there_is_absent);
	run(a_broken_server_says_so);
	run(a_volume_that_is_refused_says_why);
	run(a_copy_of_a_volume_stays);
	run(an_inventory_names_all);
	run(what_another_project_has_is_not_removed);
	run(who_was_made_from_an_image);
	run(an_image_that_came_into_use_is_not_removed);
	run(files_are_of_the_server_that_was_launched_here);
	run(what_a_server_costs);
	return done();
}
