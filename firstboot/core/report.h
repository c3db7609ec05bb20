/*
 * What the agent says of itself while it works: one line of JSON a change, on the console (for
 * whoever launched the server: no port needs to be open for that) and in the journal.
 *
 *   kbuild-status: {"v":1,"state":"working","step":"images","note":"pulling 3 images"}
 *   kbuild-status: {"v":1,"state":"ready", …}
 */
#pragma once

#include "base.h"

struct agent;
struct buf;
struct error;

/* json: a finished object of at most 8 KiB (the broker's bound). Failing to say something is never an error. */
void report_status(const struct agent *a, const struct buf *json);

/* One plain line for the journal (standard error), with its level as systemd reads it. */
enum report_level { REPORT_ERROR = 3, REPORT_WARNING = 4, REPORT_NOTICE = 5, REPORT_INFO = 6 };
void report(enum report_level level, const char *fmt, ...) _printf_(2, 3);
