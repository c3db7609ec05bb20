/* Console bytes made fit for people: sequences, controls, and what is cut at either end. */
#include "check.h"

#include "buf.h"
#include "console_text.h"

static void escape_codes_and_control_characters_go(void)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "\033[0;1;31m*\033[0m test", "* test" },
		{ "\033[38;5;185m-\033[?25h", "-" },
		{ "\033]0;title\atext", "text" },
		{ "\033]0;title\033\\text", "text" },
		{ "\033P+q6E616D65\033\\text", "text" },
		{ "\033_application\033\\\033^privacy\033\\text", "text" },
		{ "\033(Bplain\033c\033%G\033#8 text\0337\0338\033=", "plain text" },
		{ "  a\tb\001\177  ", "a b" },
		{ "grüße", "grüße" },
		/* Cut off by the end of the line. */
		{ "text\033", "text" },
		{ "text\033[", "text" },
		{ "text\033[0;3", "text" },
		{ "text\033]never ends", "text" },
		{ "text\033]8;;\033", "text" },
		/* No sequences: what does not fit is text again. */
		{ "\033[0é", "é" },
		{ "\033[1\033[0mtext", "text" },
		{ "\033]0;title\033[0mtext", "text" },
		/* What some terminals take for controls: CSI and OSC as one character. */
		{ "a\302\233"
		  "31mb",
			"ab" },
		{ "a\302\235"
		  "0;title\ab",
			"ab" },
		/* Half a character at either end; bytes that are no text. */
		{ "\234\223text", "text" },
		{ "text\342\200", "text" },
		{ "text\360\237\230", "text" },
		{ "a\233b\377", "a?b?" },
		{ "a\342\200b", "a??b" },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_buf_ out = BUF_INIT;

		console_clean(rows[i].in, strlen(rows[i].in), &out);
		check_str(buf_str(&out), rows[i].out);
	}
}

static void what_has_only_begun_is_left_to_the_next_portion(void)
{
	static const struct {
		const char *text;
		size_t unfinished;
	} rows[] = {
		{ "", 0 },
		{ "text\n", 0 },
		{ "grüße", 0 },
		{ "\033[0mtext\033[0m", 0 },
		{ "text\033", 1 },
		{ "text\033[", 2 },
		{ "text\033[0;3", 5 },
		{ "text\033]0;title", 9 },
		{ "text\033]0;title\033", 10 },
		{ "text\033]0;title\033\\", 0 },
		{ "text\033]0;title\n", 0 },
		{ "text\033(", 2 },
		{ "text\303", 1 },
		{ "text\342\200", 2 },
		{ "text\360\237\230", 3 },
		{ "text\360\237\230\200", 0 },
		/* What a service makes of half a character: it replaces it. */
		{ "text\357\277\275", 3 },
		{ "text\357\277\275\357\277\275", 6 },
		{ "\357\277\275text", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_int(strlen(rows[i].text) - console_whole(rows[i].text, strlen(rows[i].text)),
			rows[i].unfinished);
}

static void no_sequence_is_waited_for_without_end(void)
{
	char text[1000];

	memset(text, 'x', sizeof text);
	memcpy(text + 500, "\033]", 2);
	check_int(console_whole(text, sizeof text), sizeof text);
}

int main(void)
{
	run(escape_codes_and_control_characters_go);
	run(what_has_only_begun_is_left_to_the_next_portion);
	run(no_sequence_is_waited_for_without_end);
	return done();
}
