/* When the backup's timer fires, in systemd's words. */
#pragma once

#include "base.h"

struct buf;

/*
 * "OnCalendar=…" lines, appended: every day at HH:MM of the zone, and the nights on which the clocks go forward over
 * that time, which systemd would leave out, by their dates: for ten years from the day of from (unix seconds).
 * zoneinfo: the directory that has the zone's file; without that file, no dates.
 */
void backup_calendar(
	const char *zoneinfo, const char *zone, const char *at, int64_t from, struct buf *out);
