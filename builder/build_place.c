/* See build_place.h. */
#include "build_place.h"

#include "alloc.h"
#include "error.h"
#include "fd.h"
#include "names.h"
#include "record.h"
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define LOG_HEAD "# kbuild build "
#define TMP	 ".tmp-" /* of file_replace() */

static bool is_own(const char *name)
{
	static const char *const own[] = { "disk.raw", "disk.qcow2", "disk.qcow2.part", "user-data",
		"sbom.cdx.json", "manifest.json" };
	const char *tmp = strstr(name, TMP);
	size_t len = tmp ? (size_t)(tmp - name) : strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		if (strlen(own[i]) == len && memcmp(own[i], name, len) == 0)
			return true;
	}
	return false;
}

static int in_the_way(const char *path, const char *why, struct error *e)
{
	return error_set(e, ERR_FAILED,
		"%s is in the way: %s; move it away, or build into another directory with 'kbuild build -o'",
		path, why);
}

int build_place_check_image(const char *directory, struct error *e)
{
	_close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_(names_free) struct names names = NAMES_INIT;
	struct stat st;
	int r;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return in_the_way(directory, "it is no directory", e);
	r = fd < 0 ? -errno : names_read(&names, fd, ".");
	if (r < 0)
		return error_errno(e, r, "reading %s", directory);
	for (size_t i = 0; i < names.n; i++) {
		_free_ char *why = NULL;

		if (is_own(names.v[i]) && fstatat(fd, names.v[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st.st_mode))
			continue;
		why = xasprintf("it holds '%s', which kbuild did not make", names.v[i]);
		return in_the_way(directory, why, e);
	}
	if (names.n > 0 && !record_there(fd))
		return in_the_way(directory, "it holds no manifest.json of kbuild's", e);
	return 0;
}

/* Logs have a first line of ours; those that earlier versions wrote stand beside an image. */
static bool is_log(const char *path, const char *directory)
{
	_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_close_ int image = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char head[sizeof LOG_HEAD - 1];
	ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof head);

	return n == 0 || (n == sizeof head && memcmp(head, LOG_HEAD, sizeof head) == 0) ||
	       (image >= 0 && record_there(image));
}

int build_place_check(const char *output, const char *name, bool image, struct error *e)
{
	_free_ char *directory = xasprintf("%s/%s", output, name);
	_free_ char *log = xasprintf("%s.log", directory);
	struct stat st;
	int r = image ? build_place_check_image(directory, e) : 0;

	if (r < 0)
		return r;
	if (lstat(log, &st) < 0)
		return errno == ENOENT ? 0 : error_errno(e, errno, "reading %s", log);
	if (!S_ISREG(st.st_mode))
		return in_the_way(log, "it is no file", e);
	return is_log(log, directory) ? 0 : in_the_way(log, "it is not the log of a build", e);
}

int build_place_lock(const char *output, const char *name, struct progress *p, struct error *e)
{
	_free_ char *directory = xasprintf("%s/%s", output, name);
	_free_ char *path = xasprintf("%s/.%s.lock", output, name);
	int r = mkdir_all(AT_FDCWD, output, 0755);

	return r < 0 ? error_errno(e, r, "making %s", output) : work_lock(path, directory, p, e);
}

int build_place_log(const char *path, const char *definition, struct error *e)
{
	_close_ int fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644);
	_free_ char *head = xasprintf(LOG_HEAD "%s (kbuild " KBUILD_VERSION ")\n", definition);
	int r = fd < 0 ? -errno : fd_write(fd, head, strlen(head));

	return r < 0 ? error_errno(e, r, "writing %s", path) : TAKE_FD(fd);
}
