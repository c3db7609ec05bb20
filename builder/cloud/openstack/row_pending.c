/*
 * The mark of a request under way; see row_parts.h. A hint only: without it a launch is as right as before, but
 * for a request that outlives its client.
 */
#include "alloc.h"
#include "buf.h"
#include "fd.h"
#include "row_parts.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LINGER_S 20 /* a service that is still busy with it after that would have cut it off */

static char *mark_of(const char *directory)
{
	return xasprintf("%s/pending", directory);
}

/* Who cannot write it goes on without. */
void row_pending_begin(const char *directory, const char *what)
{
	_free_ char *path = mark_of(directory);

	if (mkdir_all(AT_FDCWD, directory, 0700) == 0)
		(void)file_replace(AT_FDCWD, path, what, strlen(what), 0600);
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

	if (stat(path, &st) < 0 || file_read(AT_FDCWD, path, 100, &text) < 0)
		return 0;
	age = (int64_t)time(NULL) - (int64_t)st.st_mtim.tv_sec;
	if (age < 0 || age >= LINGER_S || (what && strcmp(buf_str(&text), what) != 0))
		return 0;
	return (LINGER_S - age) * 1000;
}
