/* See report.h. */
#include "report.h"

#include "agent.h"
#include "broker.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "ipc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CONSOLE_MS 10000 /* a serial console at 9600 baud takes a second for a long line */

void report_status(const struct agent *a, const struct buf *json)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ request = BUF_INIT;
	struct error e = { 0 };

	report(REPORT_INFO, "kbuild-status: %s", buf_str(json));
	ipc_begin_op(&request, "console");
	ipc_add_str(&request, "line", buf_str(json));
	ipc_end(&request);
	if (broker_call(a, &request, NULL, 0, CONSOLE_MS, &m, &e) < 0)
		report(REPORT_WARNING, "the console was not told: %s", e.msg);
}

void report(enum report_level level, const char *fmt, ...)
{
	_buf_ line = BUF_INIT;
	char text[4096];
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
