/* See backup_calendar.h. */
#include "backup_calendar.h"

#include "alloc.h"
#include "buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define DAYS	    3653 /* ten years; a server is replaced long before */
#define DAY_SECONDS 86400

/* libc's zone for this process; NULL: as it was without one. */
static void set_zone(const char *zone)
{
	if (zone)
		setenv("TZ", zone, 1);
	else
		unsetenv("TZ");
	tzset();
}

/* Whether there is no such time on that day; then *ret is what the clocks show when it would have been. */
static bool is_skipped(struct tm day, int hour, int minute, struct tm *ret)
{
	time_t t;

	day.tm_hour = hour;
	day.tm_min = minute;
	day.tm_sec = 0;
	day.tm_isdst = 0; /* as before the change */
	t = mktime(&day);
	localtime_r(&t, ret);
	if (ret->tm_hour == hour && ret->tm_min == minute)
		return false;
	/* In summer every time read as winter's is another; what counts is whether summer's exists. */
	day.tm_hour = hour;
	day.tm_min = minute;
	day.tm_isdst = -1;
	t = mktime(&day);
	localtime_r(&t, &day);
	return day.tm_hour != hour || day.tm_min != minute;
}

static void add_dates(const char *zone, int hour, int minute, time_t from, struct buf *out)
{
	for (int i = 0; i < DAYS; i++) {
		time_t noon = from - from % DAY_SECONDS + (time_t)i * DAY_SECONDS + DAY_SECONDS / 2;
		struct tm day, then;

		gmtime_r(&noon, &day);
		if (is_skipped(day, hour, minute, &then))
			buf_printf(out, "OnCalendar=%04d-%02d-%02d %02d:%02d:00 %s\n",
				then.tm_year + 1900, then.tm_mon + 1, then.tm_mday, then.tm_hour,
				then.tm_min, zone);
	}
}

void backup_calendar(
	const char *zoneinfo, const char *zone, const char *at, int64_t from, struct buf *out)
{
	_free_ char *file = xasprintf("%s/%s", zoneinfo, zone);
	_free_ char *name = xasprintf(":%s", file);
	const char *now = getenv("TZ");
	_free_ char *before = now ? xstrdup(now) : NULL;
	int hour, minute;

	buf_printf(out, "OnCalendar=*-*-* %s:00 %s\n", at, zone);
	if (access(file, R_OK) < 0 || sscanf(at, "%d:%d", &hour, &minute) != 2)
		return;
	set_zone(name);
	add_dates(zone, hour, minute, (time_t)from, out);
	set_zone(before);
}
