/* The growable buffer: always a string, whatever was put in. */
#include "buf.h"

#include "check.h"

static void an_empty_buffer_is_the_empty_string(void)
{
	_buf_ b = BUF_INIT;
	_free_ char *s = NULL;

	check_str(buf_str(&b), "");
	s = buf_detach(&b);
	check_str(s, "");
}

static void what_is_added_stands_in_order(void)
{
	_buf_ b = BUF_INIT;

	buf_adds(&b, "one");
	buf_addc(&b, ' ');
	buf_add(&b, "two", 3);
	buf_printf(&b, " %d", 3);
	check_str(b.data, "one two 3");
	check_int(b.len, 9);
}

static void it_grows_and_stays_terminated(void)
{
	_buf_ b = BUF_INIT;

	for (int i = 0; i < 100000; i++) {
		buf_addc(&b, 'x');
		check(b.data[b.len] == '\0');
	}
	check_int(b.len, 100000);
	check_int(strlen(b.data), 100000);
}

static void nul_bytes_are_kept(void)
{
	_buf_ b = BUF_INIT;

	buf_add(&b, "a\0b", 3);
	check_int(b.len, 3);
	check(memcmp(b.data, "a\0b", 4) == 0);
}

static void nothing_can_be_added_to_nothing(void)
{
	_buf_ b = BUF_INIT;

	buf_add(&b, NULL, 0);
	check_int(b.len, 0);
	check_str(b.data, "");
}

static void reserved_room_is_there_and_counts_only_when_used(void)
{
	_buf_ b = BUF_INIT;
	char *p;

	buf_adds(&b, "ab");
	p = buf_reserve(&b, 1000);
	memset(p, 'z', 1000);
	check_int(b.len, 2);
	b.len += 1000;
	buf_addc(&b, '!');
	check_int(b.len, 1003);
	check(b.data[1001] == 'z' && b.data[1002] == '!');
}

static void reset_empties_and_detach_hands_over(void)
{
	_buf_ b = BUF_INIT;
	_free_ char *s = NULL;

	buf_adds(&b, "old");
	buf_reset(&b);
	check_str(buf_str(&b), "");
	buf_adds(&b, "new");
	s = buf_detach(&b);
	check_str(s, "new");
	check(b.data == NULL && b.len == 0 && b.cap == 0);
}

int main(void)
{
	run(an_empty_buffer_is_the_empty_string);
	run(what_is_added_stands_in_order);
	run(it_grows_and_stays_terminated);
	run(nul_bytes_are_kept);
	run(nothing_can_be_added_to_nothing);
	run(reserved_room_is_there_and_counts_only_when_used);
	run(reset_empties_and_detach_hands_over);
	return done();
}
