/*
 * What a tree sees of the world. All targets are mounted after pivot_root, so that a symlink in
 * the tree leads nowhere but into the tree. Sources on the host are taken as detached mounts
 * (open_tree) while the host is still in sight.
 */
#include "chroot_mounts.h"

#include "alloc.h"
#include "chroot.h"
#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

/* The header <linux/mount.h> clashes with <sys/mount.h> in some versions of glibc. */
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH 0x4
#endif

struct mount_point {
	const char *type, *to, *data;
	unsigned long flags;
	bool optional;
};

static const struct mount_point mount_points[] = {
	{ "proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
	/* Containers may refuse it, and no maintainer script needs it. */
	{ "sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, true },
	{ "tmpfs", "/dev", "mode=0755", MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
	{ "tmpfs", "/tmp", "mode=1777", MS_NOSUID | MS_NODEV, false },
	{ "tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV, false },
};

/* Below /dev once it is there. gid 5 is tty in every Debian and Ubuntu (base-passwd). */
static const struct mount_point dev_mount_points[] = {
	{ "devpts", "/dev/pts", "newinstance,ptmxmode=0666,mode=0620,gid=5", MS_NOSUID | MS_NOEXEC,
		false },
	{ "tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV, false },
};

/*
 * What root may write to in /proc is the kernel of the host: who made the namespaces is the same
 * root. Absent ones are passed over.
 */
static const char *const read_only[] = {
	"/proc/sys",
	"/proc/sysrq-trigger",
	"/proc/irq",
	"/proc/bus",
	"/proc/fs",
	"/proc/acpi",
	"/proc/scsi",
};

/* Numbers: Documentation/admin-guide/devices.txt of the kernel. */
static const struct {
	const char *path;
	unsigned major, minor;
} devices[] = {
	{ "/dev/null", 1, 3 },
	{ "/dev/zero", 1, 5 },
	{ "/dev/full", 1, 7 },
	{ "/dev/random", 1, 8 },
	{ "/dev/urandom", 1, 9 },
	{ "/dev/tty", 5, 0 },
};

static const struct {
	const char *path, *to;
} dev_links[] = {
	{ "/dev/ptmx", "pts/ptmx" },
	{ "/dev/fd", "/proc/self/fd" },
	{ "/dev/stdin", "/proc/self/fd/0" },
	{ "/dev/stdout", "/proc/self/fd/1" },
	{ "/dev/stderr", "/proc/self/fd/2" },
};

static int mount_all(const struct mount_point *v, size_t n, const char **what)
{
	for (size_t i = 0; i < n; i++) {
		*what = v[i].to;
		if (mkdir(v[i].to, 0755) < 0 && errno != EEXIST)
			return -errno;
		if (mount(v[i].type, v[i].to, v[i].type, v[i].flags, v[i].data) < 0 &&
			!v[i].optional)
			return -errno;
	}
	return 0;
}

static int protect_kernel(const char **what)
{
	const unsigned long flags = MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC;

	for (size_t i = 0; i < ARRAY_SIZE(read_only); i++) {
		const char *path = read_only[i];

		*what = path;
		if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0) {
			if (errno == ENOENT)
				continue;
			return -errno;
		}
		if (mount(NULL, path, NULL, flags | MS_REMOUNT | MS_RDONLY, NULL) < 0)
			return -errno;
	}
	return 0;
}

static int bind_take(int *ret, const char *from)
{
	/* fd < 0 is the error; the mount lives as long as the fd until it is moved into place. */
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, from, OPEN_TREE_CLONE | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret = fd;
	return 0;
}

static int bind_move(int fd, const char *to)
{
	long r = syscall(SYS_move_mount, fd, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH);

	return r < 0 ? -errno : 0;
}

/* The devices on a file system of their own, that nobody reaches but through what is returned. */
static int take_devices(int fds[ARRAY_SIZE(devices)], const char **what)
{
	*what = "the devices' file system";
	if ((mkdir("/dev", 0755) < 0 && errno != EEXIST) ||
		mount("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, NULL) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		int r;

		*what = devices[i].path;
		if (mknod(devices[i].path, S_IFCHR | 0666,
			    makedev(devices[i].major, devices[i].minor)) < 0 ||
			chmod(devices[i].path, 0666) < 0)
			return -errno;
		r = bind_take(&fds[i], devices[i].path);
		if (r < 0)
			return r;
	}
	return umount2("/dev", MNT_DETACH) < 0 ? -errno : 0;
}

/*
 * Whoever may make devices may make the host's disk. So none can be opened that is made in a tree, its /dev
 * included; these here can, each a mount of its own.
 */
static int place_devices(const int fds[ARRAY_SIZE(devices)], const char **what)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		int r;

		*what = devices[i].path;
		if (mknod(devices[i].path, S_IFREG, 0) < 0)
			return -errno;
		r = bind_move(fds[i], devices[i].path);
		if (r < 0)
			return r;
		close(fds[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(dev_links); i++) {
		*what = dev_links[i].path;
		if (symlink(dev_links[i].to, dev_links[i].path) < 0)
			return -errno;
	}
	return 0;
}

int chroot_mounts_cover(const char *from, const char *to)
{
	return mount(from, to, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

/*
 * The host's swap, which no namespace hides: initramfs-tools would have every boot of the image wait
 * for that device. Absent where the kernel has no swap.
 */
static int hide_swap(const char **what)
{
	int r;

	*what = "/proc/swaps";
	r = chroot_mounts_cover("/dev/null", "/proc/swaps");
	return r == -ENOENT ? 0 : r;
}

/* Best effort: without it only 127.0.0.1 is missing, and there is nobody to talk to anyway. */
static void loopback_up(void)
{
	_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	if (fd >= 0)
		(void)ioctl(fd, SIOCSIFFLAGS, &req);
}

static int bind_place(int fd, const char *to, bool writable)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | (writable ? 0 : MS_RDONLY);
	int r;

	r = bind_move(fd, to);
	if (r < 0)
		return r;
	return mount(NULL, to, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0 ? -errno : 0;
}

/* Makes the parents of path and, of the kind of what fd shows, path itself. */
static int bind_target(int fd, const char *path)
{
	char part[PATH_MAX];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (strlen(path) >= sizeof part)
		return -ENAMETOOLONG;
	strcpy(part, path);
	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	if (S_ISDIR(st.st_mode))
		return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
	return mknod(path, S_IFREG | 0644, 0) < 0 && errno != EEXIST ? -errno : 0;
}

static int place_binds(struct chroot_mounts *m, const char **what)
{
	const struct chroot_bind *b = m->run->binds;
	int r = 0;

	for (size_t i = 0; i < m->n_binds && r == 0; i++) {
		*what = b[i].to;
		if (strncmp(b[i].to, "/run/", 5) == 0)
			r = bind_target(m->binds[i], b[i].to);
		if (r == 0)
			r = bind_place(m->binds[i], b[i].to, b[i].writable);
	}
	return r;
}

/* The tree: without devices, and with what else its file system forbids (ST_ and MS_ are the same bits). */
static int mount_tree(const struct chroot_mounts *m)
{
	unsigned long flags = MS_REMOUNT | MS_BIND | MS_NODEV;
	struct statvfs st;
	int r;

	if (m->overlay) {
		r = mount("overlay", m->root_real, "overlay", MS_NODEV, m->overlay);
		return r < 0 ? -errno : 0;
	}
	if (mount(m->root_real, m->root_real, NULL, MS_BIND | MS_REC, NULL) < 0 ||
		statvfs(m->root_real, &st) < 0)
		return -errno;
	flags |= st.f_flag & (ST_RDONLY | ST_NOSUID | ST_NOEXEC);
	return mount(NULL, m->root_real, NULL, flags, NULL) < 0 ? -errno : 0;
}

/* Leaves the tree as the root directory and the host's mounts out of reach. */
static int change_root(struct chroot_mounts *m, const char **what)
{
	const struct chroot_bind *b = m->run->binds;
	int r;

	*what = "making mounts private";
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	*what = m->overlay ? "mounting the overlay" : "mounting the tree";
	r = mount_tree(m);
	if (r < 0)
		return r;
	for (size_t i = 0; i < m->n_binds; i++) {
		*what = b[i].from;
		r = bind_take(&m->binds[i], b[i].from);
		if (r < 0)
			return r;
	}
	*what = "changing the root directory";
	/* The host's root lands on top of ours and is then taken away: no directory is needed for it. */
	if (chdir(m->root_real) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
		umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

int chroot_mounts_enter(struct chroot_mounts *m, const char **what)
{
	int fds[ARRAY_SIZE(devices)] = {}, r;

	r = change_root(m, what);
	if (r < 0)
		return r;
	umask(0);
	r = take_devices(fds, what);
	if (r == 0)
		r = mount_all(mount_points, ARRAY_SIZE(mount_points), what);
	if (r == 0)
		r = protect_kernel(what);
	if (r == 0)
		r = place_devices(fds, what);
	if (r == 0)
		r = hide_swap(what);
	if (r == 0)
		r = mount_all(dev_mount_points, ARRAY_SIZE(dev_mount_points), what);
	if (r == 0)
		r = place_binds(m, what);
	if (r < 0)
		return r;
	*what = "setting the host name";
	if (sethostname("localhost", strlen("localhost")) < 0)
		return -errno;
	loopback_up();
	return 0;
}

/* overlayfs takes a list of options: commas part them, colons part lower directories. */
static int overlay_options(struct chroot_mounts *m, const struct chroot_run *r, struct error *e)
{
	_free_ char *used = xasprintf("%s/work/incompat/volatile", r->work);
	const char *const paths[] = { r->lower, r->upper, r->work };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (strpbrk(paths[i], ",:\\"))
			return error_set(e, ERR_FAILED,
				"'%s' cannot be used: overlayfs takes no path with ',', ':' or '\\'",
				paths[i]);
	}
	/*
	 * volatile: unmounting does not sync the whole disk. It leaves a mark that forbids another
	 * mount, because after a crash the upper directory may be incomplete; after a crash we start
	 * anew, so the mark only stands in our way.
	 */
	unlink(used);
	rmdir(used);
	m->overlay = xasprintf(
		"lowerdir=%s,upperdir=%s,workdir=%s,volatile", r->lower, r->upper, r->work);
	return 0;
}

int chroot_mounts_prepare(struct chroot_mounts *m, const struct chroot_run *r, struct error *e)
{
	m->run = r;
	m->root_real = realpath(r->root, NULL);
	if (!m->root_real)
		return error_errno(e, errno, "%s", r->root);
	for (const struct chroot_bind *b = r->binds; b && b->from; b++)
		m->n_binds++;
	m->binds = xcalloc(m->n_binds + 1, sizeof *m->binds);
	return r->lower ? overlay_options(m, r, e) : 0;
}

void chroot_mounts_free(struct chroot_mounts *m)
{
	free(m->overlay);
	free(m->root_real);
	free(m->binds);
}
