/* Overlay mounts in a mount namespace of our own. */
#include "overlay.h"

#include "alloc.h"
#include "error.h"
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

static int enter_namespace(struct overlay *o)
{
	o->cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	o->outside = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (o->cwd < 0 || o->outside < 0 || unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	return 0;
}

/*
 * Who is started afterwards (a server that outlives kbuild) must not live in our namespace: it
 * would keep everything busy that is unmounted outside.
 */
static void leave_namespace(struct overlay *o)
{
	/* setns() fails only where unshare() failed: then we never left. It moves us to "/". */
	if (o->outside >= 0 && setns(o->outside, CLONE_NEWNS) == 0 && fchdir(o->cwd) < 0)
		abort(); /* its fd is good */
	closep(&o->outside);
	closep(&o->cwd);
}

int overlay_open(struct overlay *o, const char *lower, const struct work *scratch, struct error *e)
{
	static const char *const dirs[] = { "upper", "work", "root" };
	_free_ char *options = xasprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower,
		scratch->path, scratch->path);
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		if (mkdirat(scratch->fd, dirs[i], 0755) < 0)
			return error_errno(e, errno, "making %s/%s", scratch->path, dirs[i]);
	}
	r = enter_namespace(o);
	if (r < 0)
		return error_errno(e, r, "making a mount namespace");
	o->root = xasprintf("%s/root", scratch->path);
	if (mount("overlay", o->root, "overlay", MS_NODEV, options) < 0) {
		free(TAKE(o->root));
		return error_errno(e, errno,
			"mounting an overlay in %s (its file system must allow it: ext4, xfs, btrfs, tmpfs; choose another with --cache)",
			scratch->path);
	}
	o->fd = open(o->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return o->fd < 0 ? error_errno(e, errno, "opening %s", o->root) : 0;
}

void overlay_close(struct overlay *o)
{
	closep(&o->fd);
	if (o->root)
		(void)umount2(o->root, MNT_DETACH);
	leave_namespace(o);
	free(o->root);
	*o = (struct overlay)OVERLAY_INIT;
}
