/* What is done with pg_dumpall's roles on their way to a server. */
#include "buf.h"
#include "roles.h"

#include "check.h"

/* As version 17 writes it, on a server made with the superuser "app". */
#define HEAD                                                                                       \
	"--\n-- PostgreSQL database cluster dump\n--\n\n"                                          \
	"SET standard_conforming_strings = on;\n\n--\n-- Roles\n--\n\n"
#define ALTERED                                                                                    \
	"ALTER ROLE app WITH SUPERUSER INHERIT CREATEROLE CREATEDB LOGIN PASSWORD 'S''x';\n"       \
	"ALTER ROLE bob WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN;\n"                 \
	"COMMENT ON ROLE bob IS 'it''s\nCREATE ROLE spoofed;\nGRANT admins TO spoofed;\n';\n"      \
	"-- User Config \"o'brien\"\n"
#define TABLESPACE "GRANT CREATE ON TABLESPACE fast TO eve;\n"

static const char all[] = HEAD
	"CREATE ROLE app;\nCREATE ROLE admins;\nCREATE ROLE bob;\nCREATE ROLE \"a TO b;\";\n" ALTERED
	"GRANT admins TO bob WITH ADMIN OPTION, INHERIT TRUE GRANTED BY app;\n"
	"GRANT \"a TO b;\" TO app;\n"
	"GRANT admins TO \"a TO b;\" WITH INHERIT TRUE GRANTED BY bob;\n" TABLESPACE;

static void what_a_superuser_granted_is_granted_by_the_one_of_there(void)
{
	static const char want[] = HEAD
		"CREATE ROLE app;\nCREATE ROLE admins;\nCREATE ROLE bob;\nCREATE ROLE \"a TO b;\";\n" ALTERED
		"GRANT admins TO bob WITH ADMIN OPTION, INHERIT TRUE;\n"
		"GRANT \"a TO b;\" TO app;\n"
		"GRANT admins TO \"a TO b;\" WITH INHERIT TRUE GRANTED BY bob;\n" TABLESPACE;
	_buf_ from = BUF_INIT;
	_buf_ got = BUF_INIT;

	buf_adds(&from, all);
	roles_whole(&from, &got);
	check_str(buf_str(&got), want);
}

static void only_who_is_made_becomes_a_member(void)
{
	static const char want[] =
		"CREATE ROLE app;\n\\set there_0 :ERROR\nCREATE ROLE admins;\n\\set there_1 :ERROR\n"
		"CREATE ROLE bob;\n\\set there_2 :ERROR\n"
		"CREATE ROLE \"a TO b;\";\n\\set there_3 :ERROR\n"
		"\\if :there_2\n\\else\n"
		"GRANT admins TO bob WITH ADMIN OPTION, INHERIT TRUE;\n\\endif\n"
		"\\if :there_0\n\\else\nGRANT \"a TO b;\" TO app;\n\\endif\n"
		"\\if :there_3\n\\else\n"
		"GRANT admins TO \"a TO b;\" WITH INHERIT TRUE;\n\\endif\n";
	_buf_ from = BUF_INIT;
	_buf_ got = BUF_INIT;

	buf_adds(&from, all);
	roles_missing(&from, &got);
	check_str(buf_str(&got), want);
}

/* Of a file that ends anywhere, no more is read than is there. */
static void a_text_that_is_cut_is_read_to_its_end(void)
{
	for (size_t n = 0; n < sizeof all; n++) {
		_buf_ from = BUF_INIT;
		_buf_ got = BUF_INIT;
		_buf_ some = BUF_INIT;

		buf_add(&from, all, n);
		roles_whole(&from, &got);
		check(n < 20 || got.len > 0);
		roles_missing(&from, &some);
		check(!strstr(buf_str(&some), "spoofed"));
	}
}

int main(void)
{
	run(what_a_superuser_granted_is_granted_by_the_one_of_there);
	run(only_who_is_made_becomes_a_member);
	run(a_text_that_is_cut_is_read_to_its_end);
	return done();
}
