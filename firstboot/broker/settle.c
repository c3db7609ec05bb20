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
#define PULL_SECONDS 1500

static char *path_of(const struct broker *b, const char *name)
{
	return xasprintf("%s/%s", b->state, name);
}

/* Adds the lines of such a file. */
static void names_read(const struct broker *b, const char *name, struct buf *ret)
{
	_free_ char *path = path_of(b, name);
	_buf_ text = BUF_INIT;

	if (file_read(AT_FDCWD, path, UNSYNCED_MAX, &text) == 0)
		buf_add(ret, text.data, text.len);
}

static int names_remove(const struct broker *b, const char *name, struct error *e)
{
	_free_ char *path = path_of(b, name);

	return unlink(path) < 0 && errno != ENOENT ? error_errno(e, errno, "cannot remove %s", path)
						   : 0;
}

static int names_write(
	const struct broker *b, const char *name, const struct buf *names, struct error *e)
{
	_free_ char *path = path_of(b, name);
	int r = names->len ? file_replace(AT_FDCWD, path, names->data, names->len, 0600) : 0;

	if (r < 0)
		return error_errno(e, r, "cannot write %s", path);
	return names->len ? 0 : names_remove(b, name, e);
}

static int pull(const struct broker *b, const char *reference, const char *what, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);

	args_set(a, "docker", "image", "pull", "--quiet", "--", reference, NULL);
	return docker_run(b, a, what, PULL_SECONDS, NULL, e);
}

/* Whether one of its lines is that. */
static bool has(const struct buf *names, const char *one)
{
	_free_ char *text = xasprintf("\n%s", buf_str(names)), *line = xasprintf("\n%s\n", one);

	return strstr(text, line) != NULL;
}

int settle_pull(const struct broker *b, const char *reference, const char *what, struct error *e)
{
	_buf_ names = BUF_INIT;
	int r = 0;

	names_read(b, "unsynced", &names);
	if (!has(&names, reference)) {
		buf_printf(&names, "%s\n", reference);
		r = names_write(b, "unsynced", &names, e);
	}
	return r < 0 ? r : pull(b, reference, what, e);
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
	_free_ char *path = path_of(b, "unsynced");
	int r;

	if (access(path, F_OK) < 0)
		return 0;
	r = settle_sync(b, e);
	return r < 0 ? r : names_remove(b, "unsynced", e);
}

static int image_rm(const struct broker *b, const char *reference, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);

	/* Without --force: what a container uses was there before. */
	args_set(a, "docker", "image", "rm", "--", reference, NULL);
	return docker_run(b, a, "", RM_SECONDS, NULL, e);
}

/* Whether nothing is left in the engine that may be damaged and that nobody uses. */
static bool release(const struct broker *b, const char *reference, bool fetch)
{
	struct error e = { 0 };

	if (image_rm(b, reference, &e) == 0 || !strcasestr(e.msg, "no such image"))
		return true;
	if (!fetch)
		return false;
	e = (struct error){ 0 };
	if (pull(b, reference, "", &e) < 0)
		return !e.transient;
	(void)image_rm(b, reference, &e);
	return true;
}

int settle_again(const struct broker *b, bool fetch, struct error *e)
{
	_buf_ names = BUF_INIT, left = BUF_INIT;
	char *save = NULL;
	int r;

	names_read(b, "doubtful", &names);
	names_read(b, "unsynced", &names);
	if (names.len == 0)
		return 0;
	for (char *one = strtok_r(names.data, "\n", &save); one;
		one = strtok_r(NULL, "\n", &save)) {
		if (!release(b, one, fetch))
			buf_printf(&left, "%s\n", one);
	}
	r = names_write(b, "doubtful", &left, e);
	return r < 0 ? r : settle_end(b, e);
}
