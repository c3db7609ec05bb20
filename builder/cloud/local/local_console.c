/* The file that QEMU writes a server's console to; see local_console.h. */
#include "local_console.h"

#include "buf.h"
#include "fd.h"
#include "local_state.h"
#include "readiness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define CONSOLE_MAX (4 * MIB) /* a portion; also how far back a status is looked for */

int local_console_read(const struct local_dir *d, uint64_t *offset, struct buf *ret)
{
	_close_ int fd = openat(d->fd, LOCAL_CONSOLE, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	n = pread(fd, buf_reserve(ret, CONSOLE_MAX), CONSOLE_MAX, (off_t)*offset);
	if (n < 0)
		return -errno;
	ret->len += (size_t)n;
	ret->data[ret->len] = '\0';
	*offset += (uint64_t)n;
	return 0;
}

uint64_t local_console_size(const struct local_dir *d)
{
	struct stat st;

	return fstatat(d->fd, LOCAL_CONSOLE, &st, 0) == 0 ? (uint64_t)st.st_size : 0;
}

void local_console_watch(const struct local_dir *d, uint64_t offset, struct readiness_watch *w)
{
	uint64_t size = local_console_size(d);
	_buf_ text = BUF_INIT;

	if (size > CONSOLE_MAX && offset < size - CONSOLE_MAX)
		offset = size - CONSOLE_MAX;
	if (local_console_read(d, &offset, &text) == 0)
		readiness_feed(w, buf_str(&text), text.len);
}

bool local_console_answered(const struct local_dir *d)
{
	_cleanup_(readiness_watch_free) struct readiness_watch w = READINESS_WATCH_INIT;
	uint64_t offset = 0, before;

	/* All of it, however long: the answer is a line of each boot, and months of others may follow. */
	do {
		_buf_ text = BUF_INIT;

		before = offset;
		if (local_console_read(d, &offset, &text) == 0)
			readiness_feed(&w, buf_str(&text), text.len);
	} while (offset > before && !readiness_answered(&w));
	return readiness_answered(&w);
}
