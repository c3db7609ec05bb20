/* Directories of servers and server.json, in a real directory. */
#include "check.h"

#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "fd.h"
#include "local_launch.h"
#include "local_state.h"
#include "provider.h"
#include "tmpdir.h"

#include <sys/file.h>

static struct cloud cloud(void)
{
	return (struct cloud){ .state_dir = tmp_name("state"), .clock = &clock_real };
}

static struct port_forward forwards[] = {
	{ .host = 8080, .guest = 80, .address = "127.0.0.1" },
	{ .host = 5353, .guest = 53, .udp = true, .address = "0.0.0.0" },
};

static struct local_record full(void)
{
	return (struct local_record){
		.definition = "demo",
		.image = "0123456789abcdef",
		.user = "debian",
		.identity = "/a \"quoted\" path/id\n",
		.uuid = "11111111-2222-4333-8444-555555555555",
		.mac = "52:54:00:01:02:03",
		.accel = "tcg",
		.cpu = "qemu64,-cx16,+rdrand",
		.intent = "feed",
		.phase = PHASE_BOOTING,
		.created = 1790000000,
		.memory = 2 * GIB,
		.volume_size = 20 * GIB,
		.console_offset = 123456,
		.cpus = 2,
		.ssh_port = 2222,
		.forwards = forwards,
		.n_forwards = 2,
	};
}

static void a_record_comes_back_as_it_was(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct local_record in = full(), out;
	struct error e = {};
	_buf_ text = BUF_INIT;
	_buf_ again = BUF_INIT;

	local_record_format(&in, &text);
	check_int(local_record_parse(buf_str(&text), text.len, a, &out, &e), 0);
	local_record_format(&out, &again);
	check_str(buf_str(&again), buf_str(&text));
	check_str(out.identity, in.identity);
	check_int(out.phase, PHASE_BOOTING);
	check_int(out.n_forwards, 2);
	check(out.forwards[1].udp);
}

static void absent_values_stay_absent(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct local_record in = full(), out;
	struct error e = {};
	_buf_ text = BUF_INIT;

	in.definition = in.image = in.user = in.identity = NULL;
	in.n_forwards = 0;
	in.volume_size = 0;
	local_record_format(&in, &text);
	check_int(local_record_parse(buf_str(&text), text.len, a, &out, &e), 0);
	check(!out.definition && !out.image && !out.user && !out.identity);
	check_int(out.n_forwards, 0);
}

static void damaged_records_are_refused(void)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "server.json" },
		{ "{", "server.json" },
		{ "[]", "server.json" },
		{ "{}", "missing" },
		{ "{\"version\": 1, \"phase\": \"flying\"}", "phase" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct local_record rec;
		struct error e = {};

		check(local_record_parse(rows[i].text, strlen(rows[i].text), a, &rec, &e) < 0);
		if (!strstr(e.msg, rows[i].says))
			check_fail("'%s' for %s", e.msg, rows[i].text);
	}
}

static void a_record_of_another_version_says_so(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct local_record in = full(), out;
	struct error e = {};
	_buf_ text = BUF_INIT;

	local_record_format(&in, &text);
	*strchr(text.data, '1') = '9';
	check(local_record_parse(buf_str(&text), text.len, a, &out, &e) < 0);
	check(strstr(e.msg, "another version of kbuild"));
}

static void a_server_is_made_found_and_removed(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct cloud c = cloud();
	struct local_dir d = LOCAL_DIR_INIT, again = LOCAL_DIR_INIT;
	struct local_record rec;
	const char **names;
	struct error e = {};

	check_int(local_dir_open(&d, &c, "web", true, &e), CLOUD_ABSENT);
	check_int(local_dir_make(&d, &c, "web", &e), 0);
	check(local_dir_make(&again, &c, "web", &e) < 0);
	check_int(local_record_read(&d, a, &rec, &e), 0);
	check_int(rec.phase, PHASE_CREATING);
	check_int(local_names(&c, a, &names, &e), 0);
	check_str(names[0], "web");
	check_str(names[1], NULL);
	check_int(local_dir_remove(&d, &c, "web", &e), 0);
	local_dir_close(&d);
	check_int(local_names(&c, a, &names, &e), 0);
	check_str(names[0], NULL);
	check_int(local_dir_open(&d, &c, "web", false, &e), CLOUD_ABSENT);
}

static void a_removal_that_was_cut_off_is_finished_by_the_next(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(local_dir_close) struct local_dir d = LOCAL_DIR_INIT;
	struct cloud c = cloud();
	const char **names;
	struct error e = {};

	check_int(mkdir_all(tmp_fd(), "state/servers/.removing-old-00000001/x", 0700), 0);
	check_int(local_dir_make(&d, &c, "new", &e), 0);
	check_int(local_names(&c, a, &names, &e), 0);
	check_str(names[0], "new");
	check_str(names[1], NULL);
	check_int(local_dir_remove(&d, &c, "new", &e), 0);
	check(faccessat(tmp_fd(), "state/servers/.removing-old-00000001", F_OK, 0) < 0);
}

static void names_that_are_no_names_are_never_opened(void)
{
	static const char *const names[] = { "", ".", "..", "../x", "a/b", "A", "a b", "-a", "a-",
		".removing-x", "a\n" };
	struct cloud c = cloud();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct local_dir d = LOCAL_DIR_INIT;
		struct error e = {};

		check(!server_name_valid(names[i]));
		check_int(local_dir_open(&d, &c, names[i], false, &e), CLOUD_ABSENT);
	}
	check(server_name_valid("a") && server_name_valid("web-1") && server_name_valid("0"));
	check(server_name_valid("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuv"));
	check(!server_name_valid("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvw"));
}

static void forwards_are_read(void)
{
	static const struct {
		const char *text;
		bool good;
		struct port_forward want;
	} rows[] = {
		{ "8080:80", true, { 8080, 80, false, "127.0.0.1" } },
		{ "8080:80/tcp", true, { 8080, 80, false, "127.0.0.1" } },
		{ "53:53/udp", true, { 53, 53, true, "127.0.0.1" } },
		{ "0.0.0.0:8443:443", true, { 8443, 443, false, "0.0.0.0" } },
		{ "80", false, {} },
		{ ":80", false, {} },
		{ "80:", false, {} },
		{ "0:80", false, {} },
		{ "65536:80", false, {} },
		{ "80:80/sctp", false, {} },
		{ "80:80/", false, {} },
		{ "localhost:80:80", false, {} },
		{ "1:2:3:4", false, {} },
		{ "+1:80", false, {} },
		{ "", false, {} },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct port_forward f = {};
		struct error e = {};
		int r = port_forward_parse(rows[i].text, a, &f, &e);

		if ((r == 0) != rows[i].good)
			check_fail("%s: %d", rows[i].text, r);
		if (r < 0) {
			check_int(e.code, ERR_USAGE);
			continue;
		}
		check_int(f.host, rows[i].want.host);
		check_int(f.guest, rows[i].want.guest);
		check_int(f.udp, rows[i].want.udp);
		check_str(f.address, rows[i].want.address);
	}
}

static void write_disk(void)
{
	check_int(file_replace(tmp_fd(), "disk.raw", "a disk", 6, 0600), 0);
}

/* Of launch_make_files() the first part: no qemu-img is found for the rest. Whether the disk is there. */
static bool pins(const struct stat *known, bool immutable, struct stat *ret, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(local_dir_close) struct local_dir d = LOCAL_DIR_INIT;
	struct cloud c = cloud();
	const struct launch_request q = {
		.disk = tmp_name("disk.raw"), .disk_stat = known, .disk_immutable = immutable
	};
	struct launch l = { .c = &c, .q = &q, .a = a };
	bool there;

	*e = (struct error){};
	check_int(setenv("PATH", "/nonexistent", 1), 0);
	check_int(local_dir_make(&d, &c, "pinned", e), 0);
	check(launch_make_files(&l, &d, e) < 0);
	there = fstatat(d.fd, "base.raw", ret, 0) == 0;
	check_int(local_dir_remove(&d, &c, "pinned", &(struct error){}), 0);
	return there;
}

static void a_server_has_the_disk_that_its_launch_means(void)
{
	struct stat known, pinned;
	struct error e = {};

	write_disk();
	check_int(fstatat(tmp_fd(), "disk.raw", &known, 0), 0);
	check(pins(&known, true, &pinned, &e));
	check_int((int64_t)pinned.st_ino, (int64_t)known.st_ino);
	check(pins(&known, false, &pinned, &e));
	check(pinned.st_ino != known.st_ino);
	check(pins(NULL, true, &pinned, &e));
	write_disk(); /* by another build */
	check(!pins(&known, true, &pinned, &e));
	check(strstr(e.msg, "/disk.raw' was built anew meanwhile; again"));
}

int main(void)
{
	run(a_record_comes_back_as_it_was);
	run(absent_values_stay_absent);
	run(damaged_records_are_refused);
	run(a_record_of_another_version_says_so);
	run(a_server_is_made_found_and_removed);
	run(a_removal_that_was_cut_off_is_finished_by_the_next);
	run(names_that_are_no_names_are_never_opened);
	run(forwards_are_read);
	run(a_server_has_the_disk_that_its_launch_means);
	return done();
}
