/*
 * See retain.h. Local days come from localtime_r() with TZ set: the C library alone knows the rules of
 * zones. The variable is put back; no thread of ours reads it.
 */
#include "retain.h"

#include "alloc.h"
#include "manifest.h"

#include <string.h>
#include <time.h>

enum { DAYS, WEEKS, MONTHS, SPANS };

/* Days since 1970-01-01 of a date (proleptic Gregorian). */
static int64_t day_number(const struct tm *tm)
{
	struct tm utc = { .tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday };
	int64_t seconds = timegm(&utc);

	return seconds / 86400 - (seconds % 86400 < 0);
}

/* A number for each span that t lies in, different from those of all others. */
static void spans_of(int64_t t, int64_t ret[SPANS])
{
	time_t at = (time_t)t;
	struct tm tm = { 0 };
	int64_t day;

	localtime_r(&at, &tm);
	day = day_number(&tm);
	ret[DAYS] = day;
	/* 1970-01-01 was a Thursday: three days into its week. Rounded down, also before. */
	ret[WEEKS] = (day + 3) / 7 - ((day + 3) % 7 < 0);
	ret[MONTHS] = (int64_t)tm.tm_year * 12 + tm.tm_mon;
}

/* Whether a backup opens a new span: the newest of it. Clocks that went back make spans come again. */
static bool is_new(int64_t span, int64_t *seen, size_t *n)
{
	for (size_t i = 0; i < *n; i++) {
		if (seen[i] == span)
			return false;
	}
	seen[(*n)++] = span;
	return true;
}

static bool is_of(const struct manifest *m, const char *reason)
{
	return m->reason && strcmp(m->reason, reason) == 0;
}

static void choose(
	const struct backup_keep *policy, const struct manifest *const *m, size_t n, bool *keep)
{
	const int64_t limits[SPANS] = { policy->daily, policy->weekly, policy->monthly };
	_free_ int64_t *seen = xcalloc(SPANS * (n + 1), sizeof *seen);
	size_t counts[SPANS] = { 0 }, aside[2] = { 0 }, hand = 0, deploy = 0;
	bool newest = true;

	for (size_t i = 0; i < n; i++) {
		int64_t spans[SPANS];

		if (!manifest_good(m[i])) {
			keep[i] = aside[manifest_before_restore(m[i])]++ < KEEP_ASIDE;
			continue;
		}
		keep[i] = newest;
		newest = false;
		if (is_of(m[i], BACKUP_BY_HAND) && hand++ < KEEP_ASIDE)
			keep[i] = true;
		if (is_of(m[i], BACKUP_BEFORE_DEPLOY)) {
			if (deploy++ < KEEP_ASIDE)
				keep[i] = true;
			continue;
		}
		spans_of(m[i]->started, spans);
		for (size_t k = 0; k < SPANS; k++) {
			if ((int64_t)counts[k] < limits[k] &&
				is_new(spans[k], seen + k * (n + 1), &counts[k]))
				keep[i] = true;
		}
	}
}

void retain_choose(const struct backup_keep *policy, const char *zone, const char *pinned,
	const struct manifest *const *m, size_t n, bool *keep)
{
	const char *before = getenv("TZ");
	_free_ char *saved = before ? xstrdup(before) : NULL;

	setenv("TZ", zone, 1);
	tzset();
	choose(policy, m, n, keep);
	if (saved)
		setenv("TZ", saved, 1);
	else
		unsetenv("TZ");
	tzset();
	for (size_t i = 0; i < n; i++)
		keep[i] = keep[i] || (pinned && strcmp(m[i]->id, pinned) == 0);
}
