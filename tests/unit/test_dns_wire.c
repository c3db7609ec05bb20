/* DNS messages: a query's bytes, replies with and without compression, and hostile ones. */
#include "dns_wire.h"

#include "arena.h"
#include "buf.h"
#include "check.h"

#include <errno.h>

static void a_query_has_the_bytes_of_the_rfc(void)
{
	static const char want[] =
		"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
		"\x03www\x07"
		"example\x03org\x00\x00\x1c\x00\x01";
	_buf_ q = BUF_INIT;

	check_int(dns_query_write(&q, 0x1234, "www.example.org", DNS_AAAA, true), 0);
	check_int(q.len, sizeof want - 1);
	check(memcmp(q.data, want, q.len) == 0);
}

static void names_have_to_be_names(void)
{
	static const struct {
		const char *name;
		int r;
	} cases[] = {
		{ "a.b", 0 },
		{ "a.b.", 0 },
		{ ".", 0 },
		{ "*.apps.example.com", 0 },
		{ "a..b", -EINVAL },
		{ ".a", -EINVAL },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b", 0 },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b", -EINVAL },
	};
	char longest[300] = "";

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_buf_ q = BUF_INIT;

		check_int(dns_query_write(&q, 1, cases[i].name, DNS_A, false), cases[i].r);
	}
	for (int i = 0; i < 127; i++)
		strcat(longest, "a.");
	for (int i = 0; i < 2; i++) {
		_buf_ q = BUF_INIT;

		check_int(dns_query_write(&q, 1, longest, DNS_A, false), i ? -EINVAL : 0);
		strcat(longest, "a.");
	}
}

#define BYTES(s) s, sizeof s - 1
#define ASKED                                                                                      \
	"\x03www\x07"                                                                              \
	"example\x03org\x00\x00\x01\x00\x01"

static int read_reply(struct dns_reply *r, struct arena *a, const void *data, size_t len)
{
	/* In memory of its exact size, so that a sanitizer sees the first byte too many. */
	_free_ void *copy = malloc(len ? len : 1);

	memcpy(copy, data, len);
	return dns_reply_read(r, a, copy, len);
}

static void a_reply_is_read(void)
{
	static const char reply[] =
		"\xab\xcd\x84\x00\x00\x01\x00\x03\x00\x00\x00\x00" ASKED
		"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x06\x03web\xc0\x10"
		"\x03WEB\xc0\x10\x00\x01\x00\x01\x00\x00\x0e\x10\x00\x04\xc0\x00\x02\x07"
		"\xc0\x2d\x00\x1c\x00\x01\x00\x00\x00\x3c\x00\x10\x20\x01\x0d\xb8"
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01";
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct dns_reply r;

	check_int(read_reply(&r, a, BYTES(reply)), 0);
	check(r.authoritative && !r.truncated);
	check_int(r.code, 0);
	check_int(r.n, 3);
	check_str(r.answers[0].name, "www.example.org");
	check_str(r.answers[0].text, "web.example.org");
	check_str(r.answers[1].name, "WEB.example.org");
	check_str(r.answers[1].text, "192.0.2.7");
	check_int(r.answers[1].ttl, 3600);
	check_str(r.answers[2].text, "2001:db8::1");
	check(dns_reply_fits(&r, 0xabcd, "WWW.example.org.", DNS_A));
	check(!dns_reply_fits(&r, 0xabce, "www.example.org", DNS_A));
	check(!dns_reply_fits(&r, 0xabcd, "www.example.or", DNS_A));
	check(!dns_reply_fits(&r, 0xabcd, "www.example.org", DNS_AAAA));
	/* Cut anywhere, it is broken and nothing worse. */
	for (size_t n = 0; n < sizeof reply - 1; n++)
		check_int(read_reply(&r, a, reply, n), -EBADMSG);
}

static void hostile_replies_are_refused(void)
{
	static const struct {
		const char *what, *data;
		size_t len;
	} cases[] = {
		{ "a query", BYTES("\x00\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00") },
		{ "two questions", BYTES("\x00\x01\x80\x00\x00\x02\x00\x00\x00\x00\x00\x00"
					 "\x00\x00\x01\x00\x01\x00\x00\x01\x00\x01") },
		{ "a pointer to itself", BYTES("\x00\x01\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00"
					       "\xc0\x0c\x00\x01\x00\x01") },
		{ "pointers in a circle", BYTES("\x00\x01\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00"
						"\x01"
						"a\xc0\x0e\x00\x01\x00\x01") },
		{ "a pointer forward", BYTES("\x00\x01\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00"
					     "\xc0\x12\x00\x01\x00\x01\x01"
					     "a\x00") },
		{ "a label of 64", BYTES("\x00\x01\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00"
					 "\x40"
					 "a\x00\x00\x01\x00\x01") },
		{ "65535 answers", BYTES("\x00\x01\x80\x00\x00\x00\xff\xff\x00\x00\x00\x00") },
		{ "an address of 3 bytes", BYTES("\x00\x01\x80\x00\x00\x00\x00\x01\x00\x00\x00\x00"
						 "\x00\x00\x01\x00\x01\x00\x00\x00\x00\x00\x03"
						 "abc") },
		{ "a name beyond its data", BYTES("\x00\x01\x80\x00\x00\x00\x00\x01\x00\x00\x00\x00"
						  "\x00\x00\x02\x00\x01\x00\x00\x00\x00\x00\x02"
						  "\x05"
						  "abcde\x00") },
	};
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct dns_reply r;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (read_reply(&r, a, cases[i].data, cases[i].len) != -EBADMSG)
			check_fail("%s was read", cases[i].what);
}

static void odd_bytes_in_names_are_masked(void)
{
	static const char reply[] =
		"\x00\x01\x84\x03\x00\x01\x00\x00\x00\x00\x00\x00"
		"\x04"
		"a.\x1b\xff\x00\x00\x01\x00\x01";
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct dns_reply r;

	check_int(read_reply(&r, a, BYTES(reply)), 0);
	check_str(r.question, "a???");
	check_str(dns_code_text(r.code), "no such name");
	check_str(dns_code_text(15), "an unusual error");
}

static void types_have_names(void)
{
	check_str(dns_type_name(DNS_AAAA), "AAAA");
	check_int(dns_type_number("NS"), DNS_NS);
	check_int(dns_type_number("MX"), 0);
	check(!dns_type_name(15));
}

int main(void)
{
	run(a_query_has_the_bytes_of_the_rfc);
	run(names_have_to_be_names);
	run(a_reply_is_read);
	run(hostile_replies_are_refused);
	run(odd_bytes_in_names_are_masked);
	run(types_have_names);
	return done();
}
