/* See report.h. */
#include "report.h"

#include "agent.h"
#include "broker.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "ipc.h"
#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CONSOLE_MS 10000 /* a serial console at 9600 baud takes a second for a long line */

/*
 * JSON in ASCII: a console may have any coding, and the broker takes nothing else. Outside of strings
 * JSON has no other characters, so that each becomes an escape.
 */
static void to_ascii(const struct buf *json, struct buf *out)
{
	uint32_t c;
	size_t n;

	for (size_t i = 0; i < json->len; i += n) {
		n = utf8_next(json->data + i, json->len - i, &c);
		if (n == 0) {
			n = 1;
			buf_addc(out, '?');
		} else if (c >= 0x10000) {
			buf_printf(out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
				0xdc00 + ((c - 0x10000) & 0x3ff));
		} else if (c >= 0x7f) {
			buf_printf(out, "\\u%04x", c);
		} else {
			buf_addc(out, (char)c);
		}
	}
}

void report_status(const struct agent *a, const struct buf *json)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ request = BUF_INIT;
	_buf_ line = BUF_INIT;
	struct error e = { 0 };

	to_ascii(json, &line);
	report(REPORT_INFO, "kbuild-status: %s", buf_str(&line));
	ipc_begin_op(&request, "console");
	ipc_add_str(&request, "line", buf_str(&line));
	ipc_end(&request);
	if (broker_call(a, &request, NULL, 0, CONSOLE_MS, &m, &e) < 0)
		report(REPORT_WARNING, "the console was not told: %s", e.msg);
}

void report(enum report_level level, const char *fmt, ...)
{
	_buf_ line = BUF_INIT;
	char text[16384];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	/* The prefix is for the journal (sd-daemon(3)); on a terminal it would be noise. */
	if (getenv("JOURNAL_STREAM"))
		buf_printf(&line, "<%d>", (int)level);
	buf_adds(&line, text);
	buf_addc(&line, '\n');
	(void)fd_write(2, line.data, line.len);
}
