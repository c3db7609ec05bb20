/* Servers of a cloud: listed, found, started and stopped; their console, whose window moves. */
#include "cloud_play.h"

#include "alloc.h"
#include "cinder.h"
#include "image_users.h"
#include "neutron.h"
#include "row_parts.h"

static void fresh(void)
{
	fake_reset();
	check_int(remove_all(tmp_fd(), "state"), 0);
	check_int(remove_all(tmp_fd(), "cache"), 0);
}

/* A server with that status, ours when settled is not negative. */
static struct fake_thing *add_server(const char *name, const char *status, int settled)
{
	struct fake_thing *s = fake_add(fake.servers, "s", name, status);

	if (settled >= 0)
		snprintf(s->metadata, sizeof s->metadata,
			"{\"kbuild:name\":\"%s\",\"kbuild:definition\":\"shop\",\"kbuild:user\":\"debian\"%s}",
			name, settled ? ",\"kbuild:settled\":\"yes\"" : "");
	return s;
}

static void only_ours_are_listed_by_name(void)
{
	struct fake_thing *s, *volume;
	struct server_list l;
	struct server *v;
	RUN r = run_begin();

	fresh();
	fake.build_polls = 100;
	add_server("zebra", "ACTIVE", 1);
	add_server("somebody's", "ACTIVE", -1);
	s = add_server("ant", "ACTIVE", 0);
	add_server("bee", "BUILD", 0);
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
	struct fake_thing *v = fake_add(fake.volumes, "v", "a volume", status);

	snprintf(v->tag, sizeof v->tag, "%s", server);
	snprintf(v->server, sizeof v->server, "%s", attached);
	v->size = 20;
}

static void volumes_that_outlived_their_server_are_listed(void)
{
	struct server_list l;
	RUN r = run_begin();

	fresh();
	add_server("ant", "ACTIVE", 1);
	add_volume("ant", "available", ""); /* its server is there */
	add_volume("zebra", "available", "");
	add_volume("bee", "error", "");
	add_volume("cow", "in-use", add_server("somebody's", "ACTIVE", -1)->id);
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

	fresh();
	add_server("web", "ACTIVE", 1);
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

		fresh();
		add_server("web", rows[i].status, 1);
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

	fresh();
	add_server("web-2", "ACTIVE", 1);
	add_server("web", "ACTIVE", -1); /* somebody else's of the same name */
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

	fresh();
	fake.fault = "disk full";
	add_server("web", "ERROR", 1);
	check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), 0);
	check_str(r.server.note, "disk full");
	check(row_stop(&r.cloud, "web", false, 1000, &r.e) < 0 || fake.calls > 0);
}

/* Cinder's reason is worth more than five minutes and "did not go". */
static void a_volume_that_is_refused_says_why(void)
{
	RUN r = run_begin();

	fresh();
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

static void windows_of_a_console(void)
{
	static const struct {
		const char *old, *text;
		size_t from;
	} rows[] = {
		{ "", "", 0 },
		{ "", "abc", 0 },
		{ "abc", "abc", 3 },
		{ "abc", "abcdef", 3 },
		{ "abcdef", "cdefghi", 7 - 7 }, /* shorter than it was remembered: all is new */
		{ "one\ntwo\n", "two\nthree\n", 0 },
		{ "abc", "xyz", 0 }, /* it began anew */
		{ "abc", "", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_int(row_window_new(rows[i].old, strlen(rows[i].old), rows[i].text,
				  strlen(rows[i].text)),
			rows[i].from);
}

/* A window of 2000 bytes over a console of lines that are all different. */
static void a_window_that_moves_loses_nothing(void)
{
	static char all[20000];
	size_t len = 0, at = 0, last = 0;
	_buf_ seen = BUF_INIT;

	for (int i = 0; len < sizeof all - 40; i++)
		len += (size_t)snprintf(all + len, 40, "[%6d] something happened\n", i);
	for (size_t end = 100; end <= len; last = end, end += 700) {
		size_t begin = end > 2000 ? end - 2000 : 0;
		size_t from = row_window_new(all + at, last - at, all + begin, end - begin);

		buf_add(&seen, all + begin + from, end - begin - from);
		at = begin;
	}
	check(strncmp(all, buf_str(&seen), seen.len) == 0);
	check(seen.len > len - 700);
}

static void a_console_is_read_on(void)
{
	_buf_ text = BUF_INIT;
	uint64_t end = 0;
	RUN r = run_begin();

	fresh();
	add_server("web", "ACTIVE", 1);
	fake.console = "one\n";
	check_int(row_console(&r.cloud, "web", 0, &text, &end, &r.e), 0);
	check_int(end, 4);
	fake.console = "one\ntwo\n";
	check_int(row_console(&r.cloud, "web", end, &text, &end, &r.e), 0);
	check_str(buf_str(&text), "one\ntwo\n");
	check_int(row_console(&r.cloud, "web", end, &text, &end, &r.e), 0);
	check_int(end, 8);
	/* From the beginning, again. */
	buf_reset(&text);
	check_int(row_console(&r.cloud, "web", 0, &text, &end, &r.e), 0);
	check_str(buf_str(&text), "one\ntwo\n");
	fake.console = "reborn\n";
	check_int(row_console(&r.cloud, "web", end, &text, &end, &r.e), 0);
	check_str(buf_str(&text), "one\ntwo\nreborn\n");
}

/* Portions as they come when windows end in the middle of something. */
static void what_a_window_cuts_comes_whole(void)
{
	static const struct {
		const char *window, *all;
	} rows[] = {
		{ "one \033[0;3", "one " },
		{ "one \033[0;32mgreen\033", "one \033[0;32mgreen" },
		{ "one \033[0;32mgreen\033[0m \357\277\275", "one \033[0;32mgreen\033[0m " },
		{ "one \033[0;32mgreen\033[0m grü", "one \033[0;32mgreen\033[0m grü" },
		/* It began anew: the line before is over. */
		{ "reborn\n", "one \033[0;32mgreen\033[0m grü\nreborn\n" },
	};
	_buf_ text = BUF_INIT;
	uint64_t end = 0;
	RUN r = run_begin();

	fresh();
	add_server("web", "ACTIVE", 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		fake.console = rows[i].window;
		check_int(row_console(&r.cloud, "web", end, &text, &end, &r.e), 0);
		check_str(buf_str(&text), rows[i].all);
		check_int(end, text.len);
	}
}

static void a_full_window_begins_with_its_first_whole_line(void)
{
	static char text[70000];

	memset(text, 'x', sizeof text);
	memcpy(text, "2mOK\nnext", 9);
	check_int(row_window_begin(text, sizeof text), 5);
	check_int(row_window_begin(text, 1000), 0);
	text[4] = 'x';
	check_int(row_window_begin(text, sizeof text), 0);
}

static void rules_as_neutron_writes_them(void)
{
	static const struct {
		const char *x, *y;
		bool equal;
	} rows[] = {
		{ NULL, NULL, true },
		{ NULL, "0.0.0.0/0", true },
		{ "::/0", NULL, true },
		{ "10.0.0.0/8", "10.0.0.0/8", true },
		{ "10.0.0.0/8", "10.0.0.0/9", false },
		{ "10.0.0.0/8", NULL, false },
		{ "192.0.2.7", "192.0.2.7/32", true },
		{ "192.0.2.7", "192.0.2.7/24", false },
		{ "2001:db8::1", "2001:db8::1/128", true },
		{ "2001:db8::1", "2001:db8::1/32", false },
		{ "10.1.2.3/8", "10.0.0.0/8", true },
		{ "2001:DB8:0::/32", "2001:db8::/32", true },
		{ "2001:db8::/32", "2001:db8::/33", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct neutron_rule x = { .direction = "ingress",
			.ethertype = "IPv4",
			.protocol = "tcp",
			.prefix = rows[i].x,
			.first = 22,
			.last = 22 };
		struct neutron_rule y = x;

		y.prefix = rows[i].y;
		check_int(neutron_rule_equal(&x, &y), rows[i].equal);
		y.first = 21;
		check(!neutron_rule_equal(&x, &y));
	}
}

static void what_is_let_in_is_let_in_over_both(void)
{
	static const struct port_allow allow[] = { { "tcp", 22, 22, NULL },
		{ "tcp", 80, 90, "10.0.0.0/8" }, { "udp", 53, 53, "2001:db8::/32" } };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct neutron_rule *v;
	size_t n;

	neutron_wanted(allow, 3, a, &v, &n);
	check_int(n, 4);
	check_str(v[0].ethertype, "IPv4");
	check_str(v[1].ethertype, "IPv6");
	check_str(v[2].ethertype, "IPv4");
	check_str(v[2].prefix, "10.0.0.0/8");
	check_int(v[2].last, 90);
	check_str(v[3].ethertype, "IPv6");
}

/* Neutron refuses all rules of a request where two of them are one, and the image has been sent by then. */
static void what_is_said_twice_is_let_in_once(void)
{
	static const struct port_allow allow[] = { { "tcp", 22, 22, NULL }, { "tcp", 22, 22, NULL },
		{ "tcp", 22, 22, "0.0.0.0/0" }, { "tcp", 22, 22, "10.9.9.9/0" },
		{ "tcp", 22, 22, "::/0" }, { "tcp", 80, 80, "10.0.0.1" },
		{ "tcp", 80, 80, "10.0.0.1/32" }, { "tcp", 90, 90, "10.1.2.3/8" },
		{ "tcp", 90, 90, "10.0.0.0/8" }, { "udp", 53, 53, "2001:DB8:0:0::/32" },
		{ "udp", 53, 53, "2001:db8::/32" } };
	static const struct {
		const char *ethertype, *prefix;
	} rows[] = { { "IPv4", NULL }, { "IPv6", NULL }, { "IPv4", "10.0.0.1" },
		{ "IPv4", "10.0.0.0/8" }, { "IPv6", "2001:db8::/32" } };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct neutron_rule *v;
	size_t n;

	neutron_wanted(allow, ARRAY_SIZE(allow), a, &v, &n);
	check_int(n, ARRAY_SIZE(rows));
	for (size_t i = 0; i < n; i++) {
		check_str(v[i].ethertype, rows[i].ethertype);
		check_str(v[i].prefix, rows[i].prefix);
	}
	/* One family alone is not both. */
	neutron_wanted(&allow[2], 1, a, &v, &n);
	check_int(n, 1);
	check_str(v[0].ethertype, "IPv4");
	check(!v[0].prefix);
}

static void an_inventory_names_all(void)
{
	struct launch_request q = play_request();
	RUN r = run_begin();

	fresh();
	play_well(&r, &q);
	check_int(row_inventory(&r.cloud, "web", r.arena, &r.plan, &r.e), 0);
	check_int(r.plan.n, 5);
	check_str(r.plan.items[0].what, "server");
	check_str(r.plan.items[4].what, "data volume");
	check_int(r.plan.items[4].state, PLAN_NOTE);
}

/* To an admin of the cloud it is shown. */
static void what_another_project_has_is_not_removed(void)
{
	struct fake_thing *g;
	RUN r = run_begin();

	fresh();
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

	fresh();
	add_server("web", "ACTIVE", 1);
	add_server("somebody's", "SHUTOFF", -1);
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

	fresh();
	add_server("web", "ACTIVE", 1);
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

	fresh();
	s = add_server("web", "ACTIVE", 1);
	check_int(row_find(&r.cloud, "web", r.arena, &r.server, &r.e), 0);
	own = r.server.directory;
	check(strstr(own, "/clouds/openstack-p/ONE/web") && !r.server.identity);
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

	fresh();
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
	run(windows_of_a_console);
	run(a_window_that_moves_loses_nothing);
	run(a_console_is_read_on);
	run(what_a_window_cuts_comes_whole);
	run(a_full_window_begins_with_its_first_whole_line);
	run(rules_as_neutron_writes_them);
	run(what_is_let_in_is_let_in_over_both);
	run(what_is_said_twice_is_let_in_once);
	run(an_inventory_names_all);
	run(what_another_project_has_is_not_removed);
	run(who_was_made_from_an_image);
	run(an_image_that_came_into_use_is_not_removed);
	run(files_are_of_the_server_that_was_launched_here);
	run(what_a_server_costs);
	return done();
}
