/* Stanzas from files: any split of blocks, hand-written files, fields by name. */
#include "deb822.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "check.h"
#include "tmpdir.h"

#include <errno.h>

static struct deb822 *open_text(const char *text, size_t len)
{
	struct deb822 *d = NULL;

	check_int(file_replace(tmp_fd(), "in", text, len, 0644), 0);
	check_int(deb822_open(&d, tmp_name("in")), 0);
	return d;
}

static void stanzas_are_separated_by_any_number_of_blank_lines(void)
{
	static const char text[] = "\n  \nA: 1\nB: 2\n\n \t\n\nA: 3\n\r\nA: 4";
	_cleanup_(deb822_freep) struct deb822 *d = open_text(text, strlen(text));
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct stanza s;

	check_int(deb822_next(d, &s), 1);
	check_str(stanza_dup(&s, "A", a), "1");
	check_str(stanza_dup(&s, "B", a), "2");
	check_int(deb822_next(d, &s), 1);
	check_str(stanza_dup(&s, "A", a), "3");
	check_int(deb822_next(d, &s), 1);
	check_str(stanza_dup(&s, "A", a), "4");
	check_int(deb822_next(d, &s), 0);
	check_int(deb822_next(d, &s), 0);
}

static void an_empty_file_has_no_stanza(void)
{
	_cleanup_(deb822_freep) struct deb822 *d = open_text("", 0);
	struct stanza s;

	check_int(deb822_next(d, &s), 0);
}

static void an_absent_file_is_an_error(void)
{
	struct deb822 *d = NULL;

	check_int(deb822_open(&d, tmp_name("absent")), -ENOENT);
}

static void fields_are_found_by_their_whole_name_in_any_case(void)
{
	static const char text[] =
		"Package-List: no\npackage:  tree \nDescription: one\n two\n .\n"
		" Package: inside\nVersion:1\nEmpty:\nLast: x";
	struct stanza s = { text, strlen(text) };
	_cleanup_(arena_freep) struct arena *a = arena_new();

	check_str(stanza_dup(&s, "Package", a), "tree");
	check_str(stanza_dup(&s, "Description", a), "one\n two\n .\n Package: inside");
	check_str(stanza_dup(&s, "VERSION", a), "1");
	check_str(stanza_dup(&s, "Empty", a), "");
	check_str(stanza_dup(&s, "Last", a), "x");
	check_str(stanza_dup(&s, "Pack", a), NULL);
	check_str(stanza_dup(&s, "inside", a), NULL);
	check(stanza_is(&s, "Package", "tree"));
	check(!stanza_is(&s, "Package", "tre"));
	check(!stanza_is(&s, "Absent", ""));
}

/* 3,000 stanzas of growing length cross the reader's blocks at every kind of place. */
static void stanzas_larger_and_smaller_than_a_block_all_arrive(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(deb822_freep) struct deb822 *d = NULL;
	_buf_ b = BUF_INIT;
	struct stanza s;

	for (int i = 0; i < 3000; i++) {
		buf_printf(&b, "N: %d\nFill: ", i);
		for (int k = 0; k < i % 777; k++)
			buf_adds(&b, "x");
		buf_adds(&b, i % 3 ? "\n\n" : "\n\n\n");
		if (i == 1500) {
			buf_adds(&b, "Big: ");
			for (int k = 0; k < 900000; k++)
				buf_addc(&b, 'y');
			buf_adds(&b, "\n\n");
		}
	}
	d = open_text(b.data, b.len);
	for (int i = 0; i < 3000; i++) {
		_free_ char *n = xasprintf("%d", i);

		check_int(deb822_next(d, &s), 1);
		check_str(stanza_dup(&s, "N", a), n);
		if (i == 1500) {
			check_int(deb822_next(d, &s), 1);
			check_int(strlen(stanza_dup(&s, "Big", a)), 900000);
		}
	}
	check_int(deb822_next(d, &s), 0);
}

static void a_stanza_without_end_is_refused(void)
{
	_cleanup_(deb822_freep) struct deb822 *d = NULL;
	_free_ char *text = xmalloc(STANZA_MAX + 2 * MIB);
	struct stanza s;

	memset(text, 'x', STANZA_MAX + 2 * MIB);
	d = open_text(text, STANZA_MAX + 2 * MIB);
	check_int(deb822_next(d, &s), -EFBIG);
}

int main(void)
{
	run(stanzas_are_separated_by_any_number_of_blank_lines);
	run(an_empty_file_has_no_stanza);
	run(an_absent_file_is_an_error);
	run(fields_are_found_by_their_whole_name_in_any_case);
	run(stanzas_larger_and_smaller_than_a_block_all_arrive);
	run(a_stanza_without_end_is_refused);
	return done();
}
