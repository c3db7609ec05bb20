/*
 * The mark of a request under way; see row_parts.h. A hint only: without it a launch is as right as before, but
 * for a request that outlives its client.
 */
#include "alloc.h"
#include "buf.h"
#include "fd.h"
#include "row_parts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LINGER_S  20 /* a service that is still busy with it after that would have cut it off */
#define REQUEST_S 60 /* so long we wait for the answer of one: os_session.c */

static char *mark_of(const char *directory)
{
	return xasprintf("%s/pending", directory);
}

/* "SECONDS WHAT", from when it was written on. Who cannot write it goes on without. */
static void leave_mark(const char *directory, const char *what, int seconds)
{
	_free_ char *path = mark_of(directory), *text = xasprintf("%d %s", seconds, what);

	if (mkdir_all(AT_FDCWD, directory, 0700) == 0)
		(void)file_replace(AT_FDCWD, path, text, strlen(text), 0600);
}

void row_pending_begin(const char *directory, const char *what)
{
	leave_mark(directory, what, REQUEST_S + LINGER_S);
}

void row_pending_unsure(const char *directory, const char *what)
{
	leave_mark(directory, what, LINGER_S);
}

void row_pending_end(const char *directory)
{
	_free_ char *path = mark_of(directory);

	(void)unlink(path);
	(void)rmdir(directory); /* where it was made for that alone */
}

int64_t row_pending_ms(const char *directory, const char *what)
{
	_free_ char *path = mark_of(directory);
	_buf_ text = BUF_INIT;
	struct stat st;
	int64_t age;
	long seconds;
	char *word;

	if (stat(path, &st) < 0 || file_read(AT_FDCWD, path, 100, &text) < 0)
		return 0;
	seconds = strtol(buf_str(&text), &word, 10);
	age = (int64_t)time(NULL) - (int64_t)st.st_mtim.tv_sec;
	if (age < 0 || age >= seconds || seconds > REQUEST_S + LINGER_S || *word++ != ' ' ||
		(what && strcmp(word, what) != 0))
		return 0;
	return (seconds - age) * 1000;
}
