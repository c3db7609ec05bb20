/* See verdict.h. */
#include "verdict.h"

#include <string.h>

static size_t count(const char *recent, char what)
{
	size_t n = 0;

	for (; *recent; recent++)
		n += *recent == what;
	return n;
}

/* The last ones are all good: what goes up and down is not over. */
static bool settled(const char *recent)
{
	size_t n = strlen(recent);

	return n >= VERDICT_NEEDED && count(recent + n - VERDICT_NEEDED, 'g') == VERDICT_NEEDED;
}

static void remember(struct watch *w, char what)
{
	size_t n = strlen(w->recent);

	if (n == VERDICT_WINDOW) {
		memmove(w->recent, w->recent + 1, VERDICT_WINDOW - 1);
		n--;
	}
	w->recent[n] = what;
	w->recent[n + 1] = '\0';
}

enum event verdict_step(struct watch *w, enum verdict v, int64_t now)
{
	if (w->since == 0 || w->since > now)
		w->since = now; /* new, or the clock was set back */
	if (v != VERDICT_UNKNOWN) {
		remember(w, v == VERDICT_BAD ? 'b' : 'g');
		w->seen = now;
	}
	if (v != VERDICT_UNKNOWN &&
		(w->bad ? settled(w->recent) : count(w->recent, 'b') >= VERDICT_NEEDED)) {
		w->bad = !w->bad;
		w->since = now;
		w->told = now;
		return w->bad ? EVENT_FELL : EVENT_ROSE;
	}
	if (w->bad && (now - w->told >= REMINDER_S || w->told > now)) {
		w->told = now;
		return EVENT_REMINDER;
	}
	return EVENT_NONE;
}
