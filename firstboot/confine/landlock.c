/*
 * See landlock.h. The rights are written out by number: the header of Debian 12 ends at ABI 2, and a
 * right that a kernel does not know makes the whole ruleset fail, so each has the ABI it came with.
 */
#include "landlock.h"

#include "confine.h"
#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* The same numbers on every architecture (linux/landlock.h, asm-generic/unistd.h). */
#define NR_CREATE    444
#define NR_ADD	     445
#define NR_RESTRICT  446
#define GET_VERSION  1u
#define PATH_BENEATH 1

#define FS_EXECUTE     (UINT64_C(1) << 0)
#define FS_WRITE_FILE  (UINT64_C(1) << 1)
#define FS_READ_FILE   (UINT64_C(1) << 2)
#define FS_READ_DIR    (UINT64_C(1) << 3)
#define FS_REMOVE_DIR  (UINT64_C(1) << 4)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_CHAR   (UINT64_C(1) << 6)
#define FS_MAKE_DIR    (UINT64_C(1) << 7)
#define FS_MAKE_REG    (UINT64_C(1) << 8)
#define FS_MAKE_SOCK   (UINT64_C(1) << 9)
#define FS_MAKE_FIFO   (UINT64_C(1) << 10)
#define FS_MAKE_BLOCK  (UINT64_C(1) << 11)
#define FS_MAKE_SYM    (UINT64_C(1) << 12)
#define FS_REFER       (UINT64_C(1) << 13) /* ABI 2 */
#define FS_TRUNCATE    (UINT64_C(1) << 14) /* ABI 3 */
#define FS_IOCTL_DEV   (UINT64_C(1) << 15) /* ABI 5 */

#define NET_BIND    (UINT64_C(1) << 0) /* ABI 4 */
#define NET_CONNECT (UINT64_C(1) << 1) /* ABI 4 */

#define SCOPE_ABSTRACT (UINT64_C(1) << 0) /* ABI 6 */
#define SCOPE_SIGNAL   (UINT64_C(1) << 1) /* ABI 6 */

#define FS_READ (FS_READ_FILE | FS_READ_DIR)
#define FS_WRITE                                                                                   \
	(FS_READ | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG |    \
		FS_MAKE_SYM | FS_REFER | FS_TRUNCATE)
#define FS_OF_A_FILE (FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

/* What each ABI added to the file rights. */
static const uint64_t fs_of_abi[] = {
	0,
	(UINT64_C(1) << 13) - 1,
	FS_REFER,
	FS_TRUNCATE,
	0,
	FS_IOCTL_DEV,
};

struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

static uint64_t known_fs(int abi)
{
	uint64_t rights = 0;

	for (int i = 1; i <= abi && i < (int)ARRAY_SIZE(fs_of_abi); i++)
		rights |= fs_of_abi[i];
	return rights;
}

/* The size of the structure is what the ABI knows of it. */
static size_t size_of(int abi)
{
	return abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
}

static int allow(int set, const char *path, uint64_t rights, struct error *e)
{
	_close_ int fd = open(path, O_PATH | O_CLOEXEC);
	struct path_beneath rule = { .allowed = rights, .parent = fd };
	struct stat st;

	if (fd < 0)
		return errno == ENOENT || errno == EACCES
			       ? 0
			       : error_errno(e, errno, "cannot open %s", path);
	if (fstat(fd, &st) < 0)
		return error_errno(e, errno, "cannot look at %s", path);
	if (!S_ISDIR(st.st_mode))
		rule.allowed &= FS_OF_A_FILE;
	if (syscall(NR_ADD, set, PATH_BENEATH, &rule, 0) < 0)
		return error_errno(e, errno, "cannot allow %s", path);
	return 0;
}

static int allow_all(int set, const char *const *paths, uint64_t rights, struct error *e)
{
	for (; paths && *paths; paths++) {
		int r = allow(set, *paths, rights, e);

		if (r < 0)
			return r;
	}
	return 0;
}

int landlock_enter(const struct landlock_wish *w, int *ret_abi, struct error *e)
{
	int abi = (int)syscall(NR_CREATE, NULL, 0, GET_VERSION), r;
	struct ruleset rules = { .fs = known_fs(abi) };
	_close_ int set = -1;

	*ret_abi = MAX(abi, 0);
	if (abi < 1)
		return 0;
	rules.net = NET_BIND | (w->connect ? 0 : NET_CONNECT);
	rules.scoped = (w->abstract ? 0 : SCOPE_ABSTRACT) | (w->signals ? 0 : SCOPE_SIGNAL);
	set = (int)syscall(NR_CREATE, &rules, size_of(abi), 0);
	if (set < 0)
		return error_errno(e, errno, "cannot make a Landlock ruleset");
	r = allow_all(set, w->files ? w->files->read : NULL, FS_READ & rules.fs, e);
	if (r >= 0)
		r = allow_all(set, w->files ? w->files->write : NULL, FS_WRITE & rules.fs, e);
	if (r < 0)
		return r;
	if (syscall(NR_RESTRICT, set, 0) < 0)
		return error_errno(e, errno, "cannot restrict this process by Landlock");
	return 0;
}
