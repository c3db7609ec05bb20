/* See settle.h. */
#include "settle.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "ops.h"
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define UNSYNCED_MAX (64 * KIB)
#define RM_SECONDS   120

static char *path_of(const struct broker *b)
{
	return xasprintf("%s/unsynced", b->state);
}

int settle_begin(const struct broker *b, const char *reference, struct error *e)
{
	_free_ char *path = path_of(b);
	_buf_ text = BUF_INIT;
	int r = file_read(AT_FDCWD, path, UNSYNCED_MAX, &text);

	if (r < 0 && r != -ENOENT)
		buf_reset(&text);
	buf_printf(&text, "%s\n", reference);
	r = file_replace(AT_FDCWD, path, buf_str(&text), text.len, 0600);
	return r < 0 ? error_errno(e, r, "cannot write %s", path) : 0;
}

/* Where it is not there is nothing to sync. */
static int sync_below(const char *path, struct error *e)
{
	_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && syncfs(fd) < 0)
		return error_errno(e, errno, "cannot sync %s", path);
	return 0;
}

int settle_sync(const struct broker *b, struct error *e)
{
	_free_ char *other = xasprintf("%s/var/lib/containerd", b->root), *root = NULL;
	int r = docker_root(b, &root, e);

	if (r >= 0)
		r = sync_below(root, e);
	return r < 0 ? r : sync_below(other, e);
}

int settle_end(const struct broker *b, struct error *e)
{
	_free_ char *path = path_of(b);
	int r;

	if (access(path, F_OK) < 0)
		return 0;
	r = settle_sync(b, e);
	if (r == 0 && unlink(path) < 0 && errno != ENOENT)
		r = error_errno(e, errno, "cannot remove %s", path);
	return r;
}

int settle_again(const struct broker *b, struct error *e)
{
	_free_ char *path = path_of(b);
	_buf_ text = BUF_INIT;
	char *save = NULL;
	int r = file_read(AT_FDCWD, path, UNSYNCED_MAX, &text);

	if (r == -ENOENT)
		return 0;
	for (char *one = r < 0 || text.len == 0 ? NULL : strtok_r(text.data, "\n", &save); one;
		one = strtok_r(NULL, "\n", &save)) {
		_free_ struct args *a = xcalloc(1, sizeof *a);
		struct error ignored = { 0 };

		/* Without --force: what a container uses was there before. */
		args_set(a, "docker", "image", "rm", "--", one, NULL);
		(void)docker_run(b, a, "", RM_SECONDS, NULL, &ignored);
	}
	return settle_end(b, e);
}
