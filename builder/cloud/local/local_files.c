/* The files of a new server: its disks, its key, its config drive. See local_state.h for their names. */
#include "arena.h"
#include "configdrive.h"
#include "error.h"
#include "fd.h"
#include "local_launch.h"
#include "local_qemu.h"
#include "local_volume.h"
#include "process.h"
#include "progress.h"
#include "provider.h"
#include "ssh_key.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

bool launch_has_keys(const struct launch_request *q)
{
	return q->ssh_keys && q->ssh_keys[0];
}

/* By its fd: under its name there may be another one by now. One that lost all its names has no link any more. */
static bool link_image(const struct launch *l, int from, const struct local_dir *d)
{
	const char *path = arena_printf(l->a, "/proc/self/fd/%d", from);

	return l->q->disk_immutable &&
	       linkat(AT_FDCWD, path, d->fd, "base.raw", AT_SYMLINK_FOLLOW) == 0;
}

/* The image under its own name here, so that building anew never pulls it away. */
static int pin_image(const struct launch *l, const struct local_dir *d, struct error *e)
{
	_close_ int from = open(l->q->disk, O_RDONLY | O_CLOEXEC);
	_close_ int to = -1;
	struct stat st;
	int r;

	if (from < 0 || fstat(from, &st) < 0)
		return error_errno(e, errno, "opening the image '%s'", l->q->disk);
	if (l->q->disk_stat && !stat_same(&st, l->q->disk_stat))
		return error_set(e, ERR_FAILED, "the image '%s' was built anew meanwhile; again",
			l->q->disk);
	if (link_image(l, from, d))
		return 0;
	to = openat(d->fd, "base.raw", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (to < 0)
		return error_errno(e, errno, "writing '%s/base.raw'", d->path);
	progress_begin(l->c->progress, "copying the image", NULL, 0);
	r = fd_copy(from, to);
	if (r < 0)
		return error_errno(e, r, "copying the image to '%s/base.raw'", d->path);
	progress_end(l->c->progress, NULL);
	return 0;
}

/* The one that an earlier server of this name has left, else a new one. */
static int make_volume(struct launch *l, const struct local_dir *d, struct error *e)
{
	_close_ int volume = -1;
	uint64_t old;
	int r = local_volume_take(d, l->c, l->q->name, l->q->volume_size, &old, e);

	if (r < 0)
		return r;
	if (old) {
		l->rec.volume_size = old;
		return 0;
	}
	volume = openat(d->fd, "volume.raw", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (volume < 0 || ftruncate(volume, (off_t)l->q->volume_size) < 0)
		return error_errno(e, errno, "writing '%s/volume.raw'", d->path);
	l->volume_made = true;
	return 0;
}

static int make_disks(struct launch *l, const struct local_dir *d, struct error *e)
{
	const char *size = arena_printf(l->a, "%" PRIu64, l->disk_size);
	struct process p = {
		.argv = (const char *[]){ QEMU_IMG, "create", "-q", "-f", "qcow2", "-F", "raw",
			"-b", "base.raw", "root.qcow2", size, NULL },
		.cwd = d->path,
		.timeout_ms = 60000,
	};
	int r = process_check(&p, e);

	return r < 0 || !l->q->volume_size ? r : make_volume(l, d, e);
}

static int copy_config(const struct launch *l, int to, struct error *e)
{
	_close_ int from = open(l->q->config_drive, O_RDONLY | O_CLOEXEC);
	int r = from < 0 ? -errno : fd_copy(from, to);

	return r < 0 ? error_errno(e, r, "copying the config drive '%s'", l->q->config_drive) : 0;
}

static int make_config(struct launch *l, const struct local_dir *d, struct error *e)
{
	const char *own[2] = { NULL, NULL };
	struct config_drive drive = {
		.uuid = l->rec.uuid,
		.hostname = l->q->name,
		.ssh_keys = launch_has_keys(l->q) ? (const char *const *)l->q->ssh_keys : own,
		.user_data = l->q->user_data,
		.mac = l->rec.mac,
		.definition = l->q->definition,
		.image = l->q->image_digest,
		.created = l->rec.created,
	};
	_close_ int fd = openat(d->fd, "config.iso", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = 0;

	if (fd < 0)
		return error_errno(e, errno, "writing '%s/config.iso'", d->path);
	if (l->q->config_drive)
		return copy_config(l, fd, e);
	if (!launch_has_keys(l->q)) {
		r = ssh_key_make(
			d->path, arena_printf(l->a, "kbuild-%s", l->q->name), l->a, &own[0], e);
		if (r < 0)
			return r;
		l->rec.identity = arena_printf(l->a, "%s/id_ed25519", d->path);
	}
	return config_drive_write(&drive, fd, e);
}

int launch_make_files(struct launch *l, const struct local_dir *d, struct error *e)
{
	int r = pin_image(l, d, e);

	if (r == 0)
		r = make_disks(l, d, e);
	return r < 0 ? r : make_config(l, d, e);
}
