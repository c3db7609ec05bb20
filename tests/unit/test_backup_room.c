/* What a backup and a restore ask of the broker first: room, and which databases there are. The broker is in here. */
#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "choose.h"
#include "config.h"
#include "error.h"
#include "ipc.h"
#include "json.h"
#include "manifest.h"
#include "node.h"
#include "pg.h"
#include "restore.h"
#include "room.h"

#include "check.h"
#include "tmpdir.h"

#include <inttypes.h>

#define ROOT_DEVICE   7
#define VOLUME_DEVICE 8

/* What the broker says. volumes_device may be that of tmp_path, too. */
static uint64_t root_left, volumes_left, volumes_device;
static const char *databases;

static void answer(const struct node *q, struct buf *json)
{
	const char *op = node_str(node_get(q, "op")), *query = node_str(node_get(q, "query"));

	if (strcmp(op, "disk") == 0)
		buf_printf(json,
			"{\"free\":%" PRIu64
			",\"device\":%d,\"path\":\"/docker\",\"volumes\":{\"free\":%" PRIu64
			",\"device\":%" PRIu64 ",\"path\":\"/docker/volumes\"}}",
			root_left, ROOT_DEVICE, volumes_left, volumes_device);
	else if (query && strcmp(query, "sizes") == 0)
		buf_printf(json, "{\"rows\":[{\"database\":\"app\",\"bytes\":%d}]}", 1000 << 20);
	else
		buf_printf(json, "{\"rows\":%s}", databases);
}

int __wrap_broker_call(const struct agent *a, const struct buf *request, const int *fds,
	size_t n_fds, int64_t timeout_ms, struct ipc_message *ret, struct error *e);
int __wrap_broker_call(_unused_ const struct agent *a, const struct buf *request,
	_unused_ const int *fds, _unused_ size_t n_fds, _unused_ int64_t timeout_ms,
	struct ipc_message *ret, struct error *e)
{
	struct node *q, *doc;
	_buf_ json = BUF_INIT;

	ret->arena = arena_new();
	check_int(json_parse(&q, ret->arena, "q", buf_str(request), request->len, e), 0);
	answer(q, &json);
	check_int(json_parse(&doc, ret->arena, "a", buf_str(&json), json.len, e), 0);
	ret->doc = doc;
	return 0;
}

static struct agent_config config = { .backup.postgres = {
					      .container = "db", .user = "postgres" } };
static struct agent agent = { .config = &config };

/* A server whose volumes have a disk of their own. */
static void two_disks(uint64_t root_mib, uint64_t volumes_mib)
{
	root_left = root_mib << 20;
	volumes_left = volumes_mib << 20;
	volumes_device = VOLUME_DEVICE;
}

/* "": there is room. */
static const char *said_of(const struct backup_file *files, size_t n)
{
	static struct error e;
	const struct manifest m = { .id = "x", .files = files, .n_files = n };
	const struct restore q = { .agent = &agent, .m = &m, .files = true };

	e = (struct error){ 0 };
	return room_for_restore(&q, &e) < 0 ? e.msg : "";
}

static const struct backup_table tables[] = { { "public.t", 1 } };
static const struct backup_file app = {
	.kind = "database", .of = "app", .bytes = 10 << 20, .tables = tables, .n_tables = 1
};

static void what_is_put_back_fills_the_disk_of_the_volumes(void)
{
	/* 1000 of the database, as much of its log, and what is to spare. */
	two_disks(0, 2256);
	check_str(said_of(&app, 1), "");
	two_disks(1 << 20, 2255);
	check(strstr(said_of(&app, 1), "/docker/volumes has no room") != NULL);
	check(strstr(said_of(&app, 1), " 1 MiB are lacking") != NULL);
}

static void a_test_restore_does_too(void)
{
	const struct pg live = { &agent, "db", "postgres" };
	const struct manifest m = { .id = "x", .files = &app, .n_files = 1 };
	struct error e = { 0 };

	two_disks(0, 2256);
	check_int(room_for_rehearsal(&live, &m, &e), 0);
	two_disks(1 << 20, 2255);
	check_int(room_for_rehearsal(&live, &m, &e), -ERR_FAILED);
	check(e.transient && strstr(e.msg, "/docker/volumes has no room"));
}

/* Where the two are one disk, all of it is wanted there; else each has its own. */
static void paths_fill_the_disk_they_are_on(void)
{
	const uint64_t more = UINT64_C(1) << 50;
	struct backup_file files[3] = { app };
	struct stat st;

	check_int(fstat(tmp_fd(), &st), 0);
	files[1] = (struct backup_file){ .kind = "path", .of = tmp_path, .bytes = more };
	two_disks(0, 2256);
	check(strstr(said_of(files, 2), tmp_path) != NULL);
	check(strstr(said_of(files, 2), "/docker/volumes") == NULL);
	files[1].bytes = 0;
	check_str(said_of(files, 2), "");
	volumes_device = st.st_dev;
	files[1].bytes = 200 << 20;
	check(strstr(said_of(files, 2), "/docker/volumes has no room") != NULL);
	volumes_left += 224 << 20; /* the log has its most */
	check_str(said_of(files, 2), "");
	/* Of two paths the second one finds less. */
	files[2] = files[1];
	check(strstr(said_of(files, 3), "/docker/volumes has no room") != NULL);
}

static void check_chosen(const char *const *named, bool lenient, const char *want)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct pg pg = { &agent, "db", "postgres" };
	const char **v = NULL;
	struct error e = { 0 };
	_buf_ got = BUF_INIT;

	if (choose_databases(&pg, named, lenient, arena, &v, &e) < 0)
		buf_adds(&got, e.msg);
	for (; v && *v; v++)
		buf_printf(&got, "%s ", *v);
	check_str(buf_str(&got), want);
}

static void what_a_restore_has_put_aside_is_dumped_only_when_it_is_named(void)
{
	static const char *const aside[] = { "app_before_20260104T020000Z", "app", NULL };
	static const char *const gone[] = { "gone", "app", NULL };

	databases =
		"[\"app\",\"app_before_20260104T020000Z\",\"app_before_20260104T020000Z_2\","
		"\"app_before_lunch\",\"app_restore_20260104T020000Z\",\"shop\"]";
	check_chosen(NULL, false, "app app_before_lunch shop ");
	check_chosen(aside, false, "app_before_20260104T020000Z app ");
	check_chosen(gone, true, "app ");
	check_chosen(gone, false, "there is no database 'gone' in db");
	databases = "[]";
	check_chosen(NULL, false, "");
}

int main(void)
{
	run(what_is_put_back_fills_the_disk_of_the_volumes);
	run(a_test_restore_does_too);
	run(paths_fill_the_disk_they_are_on);
	run(what_a_restore_has_put_aside_is_dumped_only_when_it_is_named);
	return done();
}
