/*
 * See scrub.h. Works without the document itself: at later boots cloud-init may have fetched the
 * user-data again, when there is nothing left to compare with. So it looks for the first bytes of age
 * files for X25519, in base64; 43 characters that nothing else begins with.
 */
#include "scrub.h"

#include "alloc.h"
#include "error.h"
#include "fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* "age-encryption.org/v1\n-> X25519 "; its last digit depends on what follows. */
static const char begins[] = "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOS";

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

/* cloud-init's own places, and logs: /var/log/cloud-init*.log lie beside others' files. */
static const char *const trees[] = { "var/lib/cloud", "run/cloud-init" };
static const char logs[] = "var/log", log_prefix[] = "cloud-init";

#define BLOCK	  (256 * KIB)
#define DEPTH_MAX 16

/* Overwrites from offset on up to the first byte that is no digit; gives how many there were. */
static int blank_run(int fd, uint64_t offset, uint64_t *ret)
{
	uint64_t start = offset;

	for (;;) {
		char piece[4096];
		ssize_t n = pread(fd, piece, sizeof piece, (off_t)offset);
		size_t run = 0;
		int r;

		if (n < 0)
			return -errno;
		while (run < (size_t)n && piece[run] && strchr(digits, piece[run]))
			run++;
		memset(piece, 'A', run);
		r = fd_write_at(fd, piece, run, offset);
		if (r < 0)
			return r;
		offset += run;
		if (run < sizeof piece) {
			*ret = offset - start;
			return 0;
		}
	}
}

static int scrub_fd(int fd)
{
	_free_ char *block = xmalloc(BLOCK);
	const size_t len = strlen(begins);
	uint64_t offset = 0;
	bool changed = false;

	for (;;) {
		ssize_t n = pread(fd, block, BLOCK, (off_t)offset);
		const char *found;
		uint64_t run = 0;
		int r;

		if (n < 0)
			return -errno;
		found = memmem(block, (size_t)n, begins, len);
		if (found) {
			offset += (uint64_t)(found - block);
			r = blank_run(fd, offset, &run);
			if (r < 0)
				return r;
			offset += run;
			changed = true;
		} else if ((size_t)n < BLOCK) {
			return changed && fsync(fd) < 0 ? -errno : 0;
		} else {
			/* It may begin at the end of this block. */
			offset += (uint64_t)n - (len - 1);
		}
	}
}

int scrub_file(int dirfd, const char *name, struct error *e)
{
	_close_ int fd = openat(dirfd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return errno == ENOENT || errno == ELOOP || errno == ENXIO || errno == EISDIR
			       ? 0
			       : error_errno(
					 e, errno, "cannot open %s to remove the handoff", name);
	if (fstat(fd, &st) < 0)
		return error_errno(e, errno, "cannot read %s", name);
	r = S_ISREG(st.st_mode) ? scrub_fd(fd) : 0;
	return r < 0 ? error_errno(e, r, "cannot remove the handoff from %s", name) : 0;
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* prefix: only names that begin so, and no directories; NULL: all. The first error, after all was tried. */
static int scrub_tree(
	int dirfd, const char *name, const char *prefix, unsigned depth, struct error *e)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r = 0;
	_cleanup_(close_dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *ent;

	if (!d)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			       ? 0
			       : error_errno(
					 e, errno, "cannot open %s to remove the handoff", name);
	while ((ent = readdir(d)) != NULL) {
		struct error other = {};
		struct stat st;
		int n = 0;

		if (strcmp(ent->d_name, ".") == 0 || strcmp(ent->d_name, "..") == 0 ||
			(prefix && strncmp(ent->d_name, prefix, strlen(prefix)) != 0) ||
			fstatat(fd, ent->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISREG(st.st_mode))
			n = scrub_file(fd, ent->d_name, r < 0 ? &other : e);
		else if (S_ISDIR(st.st_mode) && !prefix && depth < DEPTH_MAX)
			n = scrub_tree(fd, ent->d_name, NULL, depth + 1, r < 0 ? &other : e);
		if (r == 0)
			r = n;
	}
	return r;
}

int scrub_trees(int root_fd, struct error *e)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(trees); i++) {
		struct error other = {};
		int n = scrub_tree(root_fd, trees[i], NULL, 0, r < 0 ? &other : e);

		if (r == 0)
			r = n;
	}
	return r < 0 ? r : scrub_tree(root_fd, logs, log_prefix, 0, e);
}
