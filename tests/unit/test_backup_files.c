/* The files of a backup without a database: what dumps hold, whether they are whole, packed and opened again. */
#include "age.h"
#include "buf.h"
#include "compress.h"
#include "digest.h"
#include "error.h"
#include "pack.h"
#include "plain_part.h"
#include "scan.h"

#include "check.h"
#include "tmpdir.h"

#include <inttypes.h>

/* Every way of cutting the input must give the same. */
static int scan_text(enum scan_kind kind, const char *text, size_t len, size_t step,
	struct scan **ret, struct error *e)
{
	_cleanup_(scan_freep) struct scan *s = scan_new(kind);
	int r = 0;

	for (size_t i = 0; r >= 0 && i < len; i += step)
		r = scan_add(s, text + i, MIN(step, len - i), e);
	if (r >= 0)
		r = scan_end(s, e);
	*ret = TAKE(s);
	return r;
}

#define DUMPALL_END "--\n-- PostgreSQL database cluster dump complete\n--\n\n"
#define TABLE(name)                                                                                \
	"--\n-- Data for Name: " name                                                              \
	"; Type: TABLE DATA; Schema: public; Owner: app\n--\n\n"                                   \
	"COPY public." name " (a) FROM stdin;\n"

static const char dumpall[] = "--\n-- PostgreSQL database cluster dump\n--\n\nCREATE ROLE app;\n"
			      "--\n-- Database \"one\" dump\n--\n\n"
			      "-- Dumped from database version 15.4\n"
			      "CREATE DATABASE one;\n\\connect one\n"
			      "COPY not_a_table FROM stdin;\n" TABLE("t") "1\n2\n\\N\n\\.\n\n"
			      "-- PostgreSQL database dump complete\n--\n"
			      "--\n-- Database \"two\" dump\n--\n\n\\connect two\n" TABLE("u")
			      "\\\\.\n-- Database \"x\" dump\n\\connect y\n\\.\n\n" TABLE("v")
			      "\\.\n" DUMPALL_END;

static void rows_of_a_plain_dump_are_counted(void)
{
	static const struct scan_table want[] = { { (char *)(uintptr_t) "one.public.t", 3 },
		{ (char *)(uintptr_t) "two.public.u", 3 },
		{ (char *)(uintptr_t) "two.public.v", 0 } };

	for (size_t step = 1; step <= sizeof dumpall; step++) {
		_cleanup_(scan_freep) struct scan *s = NULL;
		struct error e = { 0 };
		const struct scan_table *t;
		size_t n;

		check_int(scan_text(SCAN_PLAIN, dumpall, strlen(dumpall), step, &s, &e), 0);
		t = scan_tables(s, &n);
		check_int(n, ARRAY_SIZE(want));
		for (size_t i = 0; i < n; i++) {
			check_str(t[i].name, want[i].name);
			check_int(t[i].rows, want[i].rows);
		}
		check_str(scan_server_version(s), "15.4");
	}
}

static void a_dump_that_is_cut_off_is_known(void)
{
	static const struct {
		enum scan_kind kind;
		const char *text;
	} rows[] = {
		{ SCAN_GLOBALS, "" },
		{ SCAN_GLOBALS, "CREATE ROLE a;\n-- PostgreSQL database dump complete\n--\n\n" },
		{ SCAN_GLOBALS, "x\n-- PostgreSQL database cluster dump complete\nCREATE ROLE" },
		{ SCAN_GLOBALS, "'-- PostgreSQL database cluster dump complete\n" },
		{ SCAN_PLAIN, TABLE("t") "1\n" DUMPALL_END },
		{ SCAN_CUSTOM, "" },
		{ SCAN_CUSTOM, "PGDMP" },
		{ SCAN_CUSTOM, "-- PostgreSQL database dump\n" },
		{ SCAN_TAR, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(scan_freep) struct scan *s = NULL;
		struct error e = { 0 };

		if (scan_text(rows[i].kind, rows[i].text, strlen(rows[i].text), 7, &s, &e) !=
			-ERR_LOCK)
			check_fail("row %zu was taken for whole", i);
	}
	for (size_t cut = 1; cut < strlen(dumpall) - strlen("\n--\n\n"); cut++) {
		_cleanup_(scan_freep) struct scan *s = NULL;
		struct error e = { 0 };

		if (scan_text(SCAN_PLAIN, dumpall, cut, 64, &s, &e) != -ERR_LOCK)
			check_fail("cut after %zu bytes it was taken for whole", cut);
	}
}

static void a_tar_ends_with_an_empty_block(void)
{
	static char tar[10240];
	_cleanup_(scan_freep) struct scan *s = NULL;
	_cleanup_(scan_freep) struct scan *cut = NULL;
	struct error e = { 0 };

	memset(tar, 'x', 512);
	check_int(scan_text(SCAN_TAR, tar, sizeof tar, 700, &s, &e), 0);
	check_int(scan_text(SCAN_TAR, tar, 1200, 700, &cut, &e), -ERR_LOCK);
}

static int collect(void *arg, const void *data, size_t len, _unused_ struct error *e)
{
	buf_add(arg, data, len);
	return 0;
}

static void one_database_is_taken_out_of_a_plain_dump(void)
{
	static const struct {
		const char *database, *want;
	} rows[] = {
		{ NULL, "--\n-- PostgreSQL database cluster dump\n--\n\nCREATE ROLE app;\n--\n" },
		{ "one", "COPY not_a_table FROM stdin;\n" TABLE(
				 "t") "1\n2\n\\N\n\\.\n\n"
				      "-- PostgreSQL database dump complete\n--\n--\n" },
		{ "two", TABLE("u") "\\\\.\n-- Database \"x\" dump\n\\connect y\n\\.\n\n" TABLE(
				 "v") "\\.\n" DUMPALL_END },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t step = 1; step < 300; step += 7) {
			_buf_ got = BUF_INIT;
			_cleanup_(plain_part_freep) struct plain_part *p =
				plain_part_new(rows[i].database, collect, &got);
			struct error e = { 0 };

			for (size_t k = 0; k < strlen(dumpall); k += step)
				check_int(plain_part_add(p, dumpall + k,
						  MIN(step, strlen(dumpall) - k), &e),
					0);
			check_int(plain_part_end(p, &e), 0);
			check_str(buf_str(&got), rows[i].want);
		}
	}
}

#define SECTION(name, type) "--\n-- Name: " name "; Type: " type "; Schema: -; Owner: own\n--\n\n"

static const char dressed[] =
	"-- Database \"x\" dump\n\\connect x\n" SECTION("DATABASE x", "ACL") //
	"GRANT ALL ON DATABASE x TO x;\n"
	"-- Database \"app\" dump\nSET a = 1;\n" SECTION("app", "DATABASE") //
	"CREATE DATABASE app;\nALTER DATABASE app OWNER TO \"o'brien\";\n\\encoding UTF8\n\\connect app\n"
	"SET b = 2;\n" SECTION("DATABASE app", "COMMENT") //
	"COMMENT ON DATABASE app IS 'it''s\n\\connect y\n-- Database \"y\" dump\nSET spoofed;\n';\n" //
	SECTION("app",
		"DATABASE PROPERTIES") "ALTER DATABASE app SET c TO 3;\n\\connect app\nSET d = 4;\n" //
	SECTION("app; Type: DATABASE", "SCHEMA") "CREATE SCHEMA e;\n"		 //
	SECTION("app", "DATABASE") "SET spoofed;\n"				 //
	SECTION("DATABASE app", "ACL") "GRANT ALL ON DATABASE app TO spoofed;\n" //
	SECTION("DATABASE app", "ACL")						 //
	"REVOKE CONNECT,TEMPORARY ON DATABASE app FROM PUBLIC;\nGRANT own TO spoofed;\n"
	"GRANT ALL ON DATABASE app TO f; SET spoofed;\nGRANT CREATE ON DATABASE \"app\" TO \"o r\";\n"
	"\\unrestrict x\n" DUMPALL_END;

/* Lines alone: comments are of no weight. */
static void check_lines(struct plain_part *(*make)(const char *, plain_part_out, void *),
	size_t step, const char *want)
{
	_buf_ all = BUF_INIT;
	_buf_ got = BUF_INIT;
	_cleanup_(plain_part_freep) struct plain_part *p = make("app", collect, &all);
	struct error e = { 0 };

	for (size_t k = 0; k < strlen(dressed); k += step)
		check_int(plain_part_add(p, dressed + k, MIN(step, strlen(dressed) - k), &e), 0);
	check_int(plain_part_end(p, &e), 0);
	for (const char *line = buf_str(&all); *line; line += strcspn(line, "\n") + 1) {
		size_t n = strcspn(line, "\n");

		if (n > 0 && strncmp(line, "--", 2) != 0)
			buf_add(&got, line, n + 1);
	}
	check_str(buf_str(&got), want);
}

static void what_names_a_database_is_no_part_of_its_content(void)
{
	for (size_t step = 1; step < 100; step += 7) {
		check_lines(plain_part_head, step,
			"CREATE DATABASE app;\nALTER DATABASE app OWNER TO \"o'brien\";\n"
			"COMMENT ON DATABASE app IS 'it''s\n\\connect y\nSET spoofed;\n';\n"
			"ALTER DATABASE app SET c TO 3;\n"
			"REVOKE CONNECT,TEMPORARY ON DATABASE app FROM PUBLIC;\n"
			"GRANT CREATE ON DATABASE \"app\" TO \"o r\";\n");
		check_lines(plain_part_new, step,
			"SET b = 2;\nSET d = 4;\nCREATE SCHEMA e;\nSET spoofed;\n"
			"GRANT own TO spoofed;\nGRANT ALL ON DATABASE app TO f; SET spoofed;\n"
			"\\unrestrict x\n");
	}
}

static void a_database_that_is_not_in_it_is_missed(void)
{
	_buf_ got = BUF_INIT;
	_cleanup_(plain_part_freep) struct plain_part *p = plain_part_new("x", collect, &got);
	struct error e = { 0 };

	check_int(plain_part_add(p, dumpall, strlen(dumpall), &e), 0);
	check_int(plain_part_end(p, &e), -ERR_LOCK);
	check_int(got.len, 0);
}

static void fill(struct buf *b, size_t len)
{
	uint32_t x = 1;

	while (b->len < len) {
		x = x * 1664525 + 1013904223;
		buf_printf(b, "%" PRIu32 "%s", x >> 20, x & 7 ? "" : "\n");
	}
}

static void what_was_compressed_comes_back(void)
{
	static const size_t sizes[] = { 0, 1, 1000, 300000, 7000000 };

	for (size_t i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		_buf_ data = BUF_INIT;
		_buf_ small = BUF_INIT;
		_buf_ back = BUF_INIT;
		_cleanup_(compress_freep) struct compress *c =
			compress_new(3, i % 2, collect, &small);
		_cleanup_(decompress_freep) struct decompress *d = decompress_new(collect, &back);
		_cleanup_(decompress_freep) struct decompress *cut =
			decompress_new(collect, &(struct buf)BUF_INIT);
		struct error e = { 0 };

		fill(&data, sizes[i / 2]);
		check_int(compress_add(c, buf_str(&data), data.len, &e), 0);
		check_int(compress_end(c, &e), 0);
		for (size_t k = 0; k < small.len; k += 1000)
			check_int(
				decompress_add(d, small.data + k, MIN(1000, small.len - k), &e), 0);
		check_int(decompress_end(d, &e), 0);
		check(back.len == data.len &&
			memcmp(buf_str(&back), buf_str(&data), data.len) == 0);
	}
}

static void a_compressed_file_that_is_cut_is_known(void)
{
	_buf_ data = BUF_INIT;
	_buf_ small = BUF_INIT;
	_cleanup_(compress_freep) struct compress *c = compress_new(3, 0, collect, &small);
	struct error e = { 0 };

	fill(&data, 1000);
	check_int(compress_add(c, data.data, data.len, &e), 0);
	check_int(compress_end(c, &e), 0);
	for (size_t cut = 0; cut < small.len; cut++) {
		_buf_ back = BUF_INIT;
		_cleanup_(decompress_freep) struct decompress *d = decompress_new(collect, &back);

		check_int(decompress_add(d, small.data, cut, &e), 0);
		check_int(decompress_end(d, &e), -ERR_LOCK);
	}
}

static void a_packed_file_opens_with_its_key_only(void)
{
	_cleanup_(age_identity_wipe) struct age_identity id, other;
	_cleanup_(pack_freep) struct pack *p = NULL;
	_close_ int fd = openat(tmp_fd(), "packed", O_RDWR | O_CREAT, 0600);
	struct age_recipient to;
	_buf_ data = BUF_INIT;
	_buf_ back = BUF_INIT;
	struct unpack_how how = { &id, 1, collect, &back };
	char sha[SHA256_HEX];
	struct error e = { 0 };
	uint64_t size;

	age_identity_generate(&id);
	age_identity_generate(&other);
	age_identity_recipient(&id, &to);
	fill(&data, 500000);
	check_int(pack_new(&p, fd, &to, 1, &e), 0);
	check_int(pack_add(p, data.data, data.len, &e), 0);
	check_int(pack_end(p, sha, &size, &e), 0);
	check_int(size, lseek(fd, 0, SEEK_END));
	check_int(unpack(fd, sha, &how, &e), 0);
	check(back.len == data.len && memcmp(back.data, data.data, data.len) == 0);
	how.identities = &other;
	check(unpack(fd, sha, &how, &e) < 0);
	how.identities = &id;
	sha[0] ^= 1;
	buf_reset(&back);
	check_int(unpack(fd, sha, &how, &e), -ERR_LOCK);
	age_identity_wipe(&other);
}

int main(void)
{
	run(rows_of_a_plain_dump_are_counted);
	run(a_dump_that_is_cut_off_is_known);
	run(a_tar_ends_with_an_empty_block);
	run(one_database_is_taken_out_of_a_plain_dump);
	run(what_names_a_database_is_no_part_of_its_content);
	run(a_database_that_is_not_in_it_is_missed);
	run(what_was_compressed_comes_back);
	run(a_compressed_file_that_is_cut_is_known);
	run(a_packed_file_opens_with_its_key_only);
	return done();
}
