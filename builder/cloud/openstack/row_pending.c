/*
 * The mark of a request under way; see row_parts.h. A hint only: without it a launch is as right as before, but
 * for a request that outlives its client.
 */
#include "alloc.h"
#include "boot_id.h"
#include "buf.h"
#include "clock.h"
#include "fd.h"
#include "row_parts.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define LINGER_S  20 /* a service that is still busy with it after that would have cut it off */
#define REQUEST_S 60 /* so long we wait for the answer of one: os_session.c */

static char *mark_of(const char *directory)
{
	return xasprintf("%s/pending", directory);
}

/* The boot that the clock counts from: its time means nothing in another one. In ret; "-": not known. */
static const char *this_boot(struct buf *ret)
{
	return boot_id(ret) < 0 ? "-" : buf_str(ret);
}

/* "SECONDS SINCE BOOT WHAT"; since: in ms of the clock. Who cannot write it goes on without. */
static void leave_mark(const struct row *r, const char *directory, const char *what, int seconds)
{
	_buf_ boot = BUF_INIT;
	_free_ char *path = mark_of(directory),
		    *text = xasprintf("%d %lld %s %s", seconds,
			    (long long)clock_now_ms(r->cloud.clock), this_boot(&boot), what);

	if (mkdir_all(AT_FDCWD, directory, 0700) == 0)
		(void)file_replace(AT_FDCWD, path, text, strlen(text), 0600);
}

void row_pending_begin(const struct row *r, const char *directory, const char *what)
{
	leave_mark(r, directory, what, REQUEST_S + LINGER_S);
}

void row_pending_unsure(const struct row *r, const char *directory, const char *what)
{
	leave_mark(r, directory, what, LINGER_S);
}

void row_pending_end(const char *directory)
{
	_free_ char *path = mark_of(directory);

	(void)unlink(path);
	(void)rmdir(directory); /* where it was made for that alone */
}

int64_t row_pending_ms(const struct row *r, const char *directory, const char *what)
{
	_free_ char *path = mark_of(directory);
	_buf_ text = BUF_INIT, now = BUF_INIT;
	int64_t age = clock_now_ms(r->cloud.clock);
	long long since;
	char boot[64];
	int seconds, at = 0;

	if (file_read(AT_FDCWD, path, 200, &text) < 0 ||
		sscanf(buf_str(&text), "%d %lld %63s %n", &seconds, &since, boot, &at) != 3 ||
		seconds < 0 || seconds > REQUEST_S + LINGER_S ||
		(what && strcmp(buf_str(&text) + at, what) != 0))
		return 0;
	/* Of an earlier boot: it is at least as old as this one. */
	if (strcmp(boot, this_boot(&now)) == 0 && since <= age)
		age -= since;
	return MAX(seconds * INT64_C(1000) - age, 0);
}
