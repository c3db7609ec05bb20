/* Backups without a database: ids, manifests, what is kept. */
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "manifest.h"
#include "retain.h"
#include "store.h"

#include "check.h"
#include "tmpdir.h"

#include <time.h>

static void an_id_is_a_moment(void)
{
	static const struct {
		const char *id;
		int64_t at; /* -1: no id */
	} rows[] = {
		{ "19700101T000000Z", 0 },
		{ "20260104T020000Z", 1767492000 },
		{ "20240229T235959Z", 1709251199 },
		{ "20230229T000000Z", -1 },
		{ "20260104T250000Z", -1 },
		{ "20260104T020000", -1 },
		{ "20260104T020000Z.part", -1 },
		{ "2026-01-04T02:00", -1 },
		{ "../../etc/passwd", -1 },
		{ "", -1 },
	};
	char id[BACKUP_ID_LEN + 1];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t at = -1;

		check_int(backup_id_time(rows[i].id, &at), rows[i].at >= 0);
		if (rows[i].at < 0)
			continue;
		check_int(at, rows[i].at);
		backup_id_format(at, id);
		check_str(id, rows[i].id);
	}
}

static int64_t at(const char *text)
{
	struct tm tm = { 0 };

	if (!strptime(text, "%Y-%m-%d %H:%M", &tm))
		check_fail("not a time: %s", text);
	return timegm(&tm);
}

static const char *whole[] = { "whole", NULL };

/*
 * times: newest first, "Y-M-D H:M" in UTC; a "?" before one makes it suspect, a "<" what a restore put aside. kept: a letter each, "k"
 * or "-".
 */
static void check_kept(const struct backup_keep *policy, const char *zone, const char *const *times,
	const char *kept)
{
	struct manifest m[64] = { 0 };
	const struct manifest *p[64] = { 0 };
	bool keep[64];
	char got[65] = "";
	char ids[64][BACKUP_ID_LEN + 1];
	size_t n = 0;

	for (; times[n]; n++) {
		const char *sign = strchr("?<!=", times[n][0]);
		bool odd = times[n][0] == '?';

		/* Ids go down, whatever the clock said. */
		backup_id_format(4000000000 - (int64_t)n, ids[n]);
		m[n].id = ids[n];
		m[n].started = at(times[n] + (sign != NULL));
		m[n].reason = times[n][0] == '<'   ? BACKUP_BEFORE_RESTORE
			      : times[n][0] == '!' ? BACKUP_BY_HAND
			      : times[n][0] == '=' ? BACKUP_BEFORE_DEPLOY
						   : "timer";
		m[n].verified = whole;
		m[n].suspect = odd ? "odd" : NULL;
		p[n] = &m[n];
	}
	retain_choose(policy, zone, NULL, p, n, keep);
	for (size_t i = 0; i < n; i++)
		got[i] = keep[i] ? 'k' : '-';
	check_str(got, kept);
}

static void the_newest_of_each_day_week_and_month_stays(void)
{
	static const char *const daily[] = { "2026-03-10 02:00", "2026-03-09 15:00",
		"2026-03-09 02:00", "2026-03-08 02:00", "2026-03-07 02:00", NULL };
	/* Mondays are 2, 9 and 16 March 2026. */
	static const char *const weekly[] = { "2026-03-17 02:00", "2026-03-16 02:00",
		"2026-03-15 02:00", "2026-03-09 02:00", "2026-03-08 02:00", "2026-02-27 02:00",
		NULL };
	static const char *const monthly[] = { "2026-03-17 02:00", "2026-03-01 00:00",
		"2026-02-28 23:59", "2026-02-01 02:00", "2025-12-31 02:00", "2025-11-01 02:00",
		NULL };

	check_kept(&(struct backup_keep){ 3, 0, 0 }, "UTC", daily, "kk-k-");
	check_kept(&(struct backup_keep){ 0, 3, 0 }, "UTC", weekly, "k-k-k-");
	check_kept(&(struct backup_keep){ 0, 0, 3 }, "UTC", monthly, "k-k-k-");
	check_kept(&(struct backup_keep){ 1, 2, 3 }, "UTC", monthly, "kkk-k-");
}

/* A backup by hand, the dump before a migration: what somebody comes back to is often some minutes old. */
static void what_was_made_for_a_reason_stays_a_while(void)
{
	static const char *const deploys[] = { "=2026-03-10 12:00", "=2026-03-10 11:00",
		"=2026-03-10 10:00", "=2026-03-10 09:00", "=2026-03-10 08:00", "2026-03-10 02:00",
		"2026-03-09 02:00", "2026-03-08 02:00", NULL };
	static const char *const hands[] = { "2026-03-10 12:00", "!2026-03-10 11:00",
		"!2026-03-10 10:00", "!2026-03-10 09:00", "!2026-03-10 08:00", "!2026-03-09 03:00",
		"2026-03-09 02:00", NULL };

	check_kept(&(struct backup_keep){ 2, 0, 0 }, "UTC", deploys, "kkk--kk-");
	check_kept(&(struct backup_keep){ 2, 0, 0 }, "UTC", hands, "kkkk-k-");
}

static void a_gap_costs_nothing(void)
{
	static const char *const times[] = { "2026-03-10 02:00", "2026-01-02 02:00",
		"2026-01-01 02:00", "2025-06-01 02:00", NULL };

	check_kept(&(struct backup_keep){ 3, 0, 0 }, "UTC", times, "kkk-");
	check_kept(&(struct backup_keep){ 0, 0, 0 }, "UTC", times, "k---");
}

static void days_are_those_of_the_zone(void)
{
	/* Paris is an hour ahead in winter, two in summer: 29 March 2026, 02:00 local does not exist. */
	static const char *const times[] = { "2026-03-29 21:59", "2026-03-29 00:30",
		"2026-03-28 23:00", "2026-03-28 22:59", "2026-03-27 23:30", NULL };
	/* 25 October 2026 has 25 hours: from 22:00 to 23:00 UTC. */
	static const char *const longer[] = { "2026-10-25 22:59", "2026-10-25 00:30",
		"2026-10-24 22:00", "2026-10-24 21:59", NULL };

	check_kept(&(struct backup_keep){ 2, 0, 0 }, "Europe/Paris", times, "k--k-");
	check_kept(&(struct backup_keep){ 2, 0, 0 }, "Europe/Paris", longer, "k--k");
	check_kept(&(struct backup_keep){ 2, 0, 0 }, "Nowhere/Atall", longer, "k-k-");
}

static void a_clock_that_went_back_loses_nothing(void)
{
	/* It was in 2030 for two runs, and in 1970 for one. */
	static const char *const times[] = { "2026-03-10 02:00", "2026-03-09 02:00",
		"2030-01-02 02:00", "2030-01-01 02:00", "1970-01-01 00:10", "2026-03-09 01:00",
		"2026-03-08 02:00", NULL };

	check_kept(&(struct backup_keep){ 6, 0, 0 }, "UTC", times, "kkkkk-k");
	check_kept(&(struct backup_keep){ 2, 0, 0 }, "UTC", times, "kk-----");
}

static void suspect_ones_hold_no_place(void)
{
	static const char *const times[] = { "?2026-03-10 02:00", "?2026-03-09 02:00",
		"?2026-03-08 02:00", "?2026-03-07 02:00", "2026-03-06 02:00", "2026-03-05 02:00",
		NULL };

	check_kept(&(struct backup_keep){ 1, 0, 0 }, "UTC", times, "kkk-k-");
}

/* The nightly one stands for the day of the restore, also when what was put aside is newer. */
static void what_a_restore_put_aside_holds_no_place(void)
{
	static const char *const times[] = { "2026-03-11 02:00", "<2026-03-10 15:00",
		"<2026-03-10 14:00", "2026-03-10 02:00", "<2026-03-09 15:00", "<2026-03-08 02:00",
		"?2026-03-07 02:00", "2026-03-06 02:00", NULL };

	check_kept(&(struct backup_keep){ 2, 0, 0 }, "UTC", times, "kkkkk-k-");
}

#define SHA  "ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12ab12"
#define HEAD "\"v\":1,\"id\":\"20260104T020000Z\",\"reason\":\"timer\",\"started\":1,\"ended\":2"
#define ONE_FILE(name)                                                                             \
	"{\"name\":\"" name "\",\"kind\":\"database\",\"of\":\"app\",\"sha256\":\"" SHA            \
	"\",\"size\":10,\"bytes\":20,\"tables\":[[\"public.t\",3]]}"

static void a_manifest_is_written_as_it_was_read(void)
{
	static const char text[] = "{" HEAD
				   ",\"server\":\"15.4\",\"image\":null,\"revision\":null,"
				   "\"recipients\":[\"age1x\"],\"verified\":[\"whole\"],"
				   "\"suspect\":null,\"files\":[" ONE_FILE("a.zst") "]}\n";
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_buf_ out = BUF_INIT;
	struct manifest m = { 0 };
	struct error e = { 0 };

	check_int(manifest_parse(&m, arena, text, strlen(text), &e), 0);
	check_int(manifest_size(&m), 10);
	check_int(manifest_tables(&m), 1);
	check_int(manifest_rows(&m), 3);
	check(manifest_good(&m));
	manifest_write(&m, &out);
	check_str(buf_str(&out), text);
}

static void what_no_manifest_can_say_is_refused(void)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{}",
		"{" HEAD "}",
		"{\"v\":2,\"id\":\"20260104T020000Z\",\"reason\":\"x\",\"started\":1,\"ended\":2,"
		"\"files\":[]}",
		"{\"v\":1,\"id\":\"../x\",\"reason\":\"x\",\"started\":1,\"ended\":2,\"files\":[]}",
		"{" HEAD ",\"files\":[" ONE_FILE("../a") "]}",
		"{" HEAD ",\"files\":[" ONE_FILE(".a") "]}",
		"{" HEAD ",\"files\":[" ONE_FILE("manifest.json") "]}",
		"{" HEAD ",\"files\":[" ONE_FILE("a") "," ONE_FILE("a") "]}",
		"{" HEAD
		",\"files\":[{\"name\":\"a\",\"kind\":\"database\",\"sha256\":\"AB\","
		"\"size\":1,\"bytes\":1}]}",
		"{" HEAD ",\"files\":[{\"name\":\"a\",\"kind\":\"other\",\"sha256\":\"" SHA
		"\",\"size\":1,\"bytes\":1}]}",
		"{" HEAD ",\"files\":[{\"name\":\"a\",\"kind\":\"volume\",\"sha256\":\"" SHA
		"\",\"size\":-1,\"bytes\":1}]}",
		"{" HEAD ",\"files\":[{\"name\":\"a\",\"kind\":\"volume\",\"sha256\":\"" SHA
		"\",\"size\":1,\"bytes\":1,\"tables\":[[\"t\"]]}]}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_(arena_freep) struct arena *arena = arena_new();
		struct manifest m = { 0 };
		struct error e = { 0 };

		if (manifest_parse(&m, arena, texts[i], strlen(texts[i]), &e) != -ERR_LOCK)
			check_fail("taken for one: %s", texts[i]);
	}
}

/* Nothing gets its name that would be no backup when it is read. */
static void what_cannot_be_read_again_is_not_published(void)
{
	static const struct backup_table latin[] = { { "public.\xe9t\xe9", 1 } };
	static struct backup_file files[MANIFEST_FILES_MAX + 1];
	static const struct {
		size_t n_files, n_tables;
		const char *says; /* NULL: it is published */
	} rows[] = {
		{ MANIFEST_FILES_MAX, 0, NULL },
		{ MANIFEST_FILES_MAX + 1, 0, "cannot be read again" },
		{ 1, 1, "is not UTF-8" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct manifest m = {
			.reason = "hand", .files = files, .n_files = rows[i].n_files
		};
		_cleanup_(arena_freep) struct arena *arena = arena_new();
		_cleanup_(backup_list_free) struct backup_list list = BACKUP_LIST_INIT;
		struct error e = { 0 };
		char id[BACKUP_ID_LEN + 1];
		_close_ int part = store_begin(tmp_fd(), 2000000000 + (int64_t)i, NULL, id, &e);

		for (size_t k = 0; k < rows[i].n_files; k++)
			files[k] = (struct backup_file){ arena_printf(arena, "f%zu", k), "database",
				"app", SHA, 1, 2, latin, rows[i].n_tables };
		m.id = id;
		check_int(store_publish(tmp_fd(), part, &m, &e), rows[i].says ? -ERR_FAILED : 0);
		if (rows[i].says && !strstr(e.msg, rows[i].says))
			check_fail("row %zu says '%s'", i, e.msg);
		check_int(faccessat(tmp_fd(), id, F_OK, 0), rows[i].says ? -1 : 0);
		check_int(store_list(tmp_fd(), &list, &e), 0);
		check_int(list.n, 1);
	}
}

static void the_latest_is_no_safety_dump(void)
{
	struct manifest v[] = {
		{ .id = "20260103T000000Z", .reason = "restore", .verified = whole },
		{ .id = "20260102T000000Z", .reason = "timer", .verified = whole, .suspect = "x" },
		{ .id = "20260101T000000Z", .reason = "timer", .verified = whole },
	};
	struct backup_list list = { .v = v, .n = 3 };
	const struct manifest *m;
	struct error e = { 0 };

	check_int(backup_list_find(&list, "latest", &m, &e), 0);
	check_str(m->id, v[2].id);
	check_str(backup_list_good(&list)->id, v[2].id);
	check_int(backup_list_find(&list, v[0].id, &m, &e), 0);
	check_int(backup_list_find(&list, "20250101T000000Z", &m, &e), -ERR_FAILED);
	list.n = 1;
	check_int(backup_list_find(&list, NULL, &m, &e), 0);
	check_str(m->id, v[0].id);
	check(!backup_list_good(&list));
}

static void ids_never_go_back(void)
{
	char id[BACKUP_ID_LEN + 1];
	struct error e = { 0 };
	_close_ int one = store_begin(tmp_fd(), 1767492000, "20260104T020005Z", id, &e);

	check(one >= 0);
	check_str(id, "20260104T020006Z");
	check_int(mkdirat(tmp_fd(), "20260104T020007Z", 0700), 0);
	{
		_close_ int two = store_begin(tmp_fd(), 1767492000, "20260104T020006Z", id, &e);

		check(two >= 0);
		check_str(id, "20260104T020008Z");
	}
	check_int(store_sweep(tmp_fd(), &e), 0);
	check_int(faccessat(tmp_fd(), "20260104T020006Z.part", F_OK, 0), -1);
	check_int(faccessat(tmp_fd(), "20260104T020007Z", F_OK, 0), 0);
}

int main(void)
{
	run(an_id_is_a_moment);
	run(the_newest_of_each_day_week_and_month_stays);
	run(what_was_made_for_a_reason_stays_a_while);
	run(a_gap_costs_nothing);
	run(days_are_those_of_the_zone);
	run(a_clock_that_went_back_loses_nothing);
	run(suspect_ones_hold_no_place);
	run(what_a_restore_put_aside_holds_no_place);
	run(a_manifest_is_written_as_it_was_read);
	run(what_no_manifest_can_say_is_refused);
	run(what_cannot_be_read_again_is_not_published);
	run(the_latest_is_no_safety_dump);
	run(ids_never_go_back);
	return done();
}
