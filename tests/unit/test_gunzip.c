/* gzip in memory; the bytes were made by gzip(1). */
#include "buf.h"
#include "check.h"
#include "gunzip.h"

#include <errno.h>

/* printf 'hello\n' | gzip -n */
static const unsigned char hello[] = { 0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0x03, 0xcb, 0x48, 0xcd,
	0xc9, 0xc9, 0xe7, 0x02, 0x00, 0x20, 0x30, 0x3a, 0x36, 0x06, 0x00, 0x00, 0x00 };

static void one_member_is_unpacked(void)
{
	_buf_ out = BUF_INIT;

	check_int(gunzip(hello, sizeof hello, KIB, &out), 0);
	check_str(buf_str(&out), "hello\n");
}

static void members_after_each_other_are_one_file(void)
{
	unsigned char both[2 * sizeof hello];
	_buf_ out = BUF_INIT;

	memcpy(both, hello, sizeof hello);
	memcpy(both + sizeof hello, hello, sizeof hello);
	check_int(gunzip(both, sizeof both, KIB, &out), 0);
	check_str(buf_str(&out), "hello\nhello\n");
}

static void what_is_cut_off_or_changed_is_refused(void)
{
	for (size_t n = 0; n < sizeof hello; n++) {
		_buf_ out = BUF_INIT;

		check_int(gunzip(hello, n, KIB, &out), -EBADMSG);
	}
	for (size_t i = 10; i < sizeof hello; i++) {
		unsigned char bad[sizeof hello];
		_buf_ out = BUF_INIT;

		memcpy(bad, hello, sizeof bad);
		bad[i] ^= 0xff;
		check(gunzip(bad, sizeof bad, KIB, &out) < 0);
	}
}

static void too_much_is_refused(void)
{
	_buf_ out = BUF_INIT;

	check_int(gunzip(hello, sizeof hello, 5, &out), -EFBIG);
}

int main(void)
{
	run(one_member_is_unpacked);
	run(members_after_each_other_are_one_file);
	run(what_is_cut_off_or_changed_is_refused);
	run(too_much_is_refused);
	return done();
}
