/* The output directory; see build_output.h. */
#include "build_output.h"

#include "alloc.h"
#include "build_identity.h"
#include "build_place.h"
#include "disk.h"
#include "error.h"
#include "fd.h"
#include "login.h"
#include "process.h"
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int record(const struct build_output *o, const char *directory, struct error *e)
{
	_free_ char *user = login_user(o->def);
	struct record rec = {
		.def = o->def,
		.lock = o->lock,
		.id = o->self->id,
		.recipient = o->self->recipient,
		.user = user,
		.agent = o->agent,
		.directory = directory,
	};

	return record_write(&rec, e);
}

/*
 * Where two names cannot be exchanged (NFS, 9p, some of FUSE). The old image is swept with the staging
 * directory. A power cut between the two leaves no image under the name: the next build makes it.
 */
static int replace_in_steps(const char *staged, const char *directory)
{
	_free_ char *aside = xasprintf("%s.old", staged);
	int r;

	if (rename(directory, aside) < 0)
		return -errno;
	if (rename(staged, directory) == 0)
		return 0;
	r = -errno;
	(void)rename(aside, directory); /* what failed is what is reported */
	return r;
}

static int put_in_place(const char *staged, const char *directory)
{
	if (renameat2(AT_FDCWD, staged, AT_FDCWD, directory, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno == ENOENT)
		return rename(staged, directory) < 0 ? -errno : 0;
	if (errno == EINVAL || errno == ENOSYS)
		return replace_in_steps(staged, directory);
	return -errno;
}

int build_publish(
	const struct build_output *o, const char *staged, const char *directory, struct error *e)
{
	int r = record(o, staged, e);

	if (r == 0)
		r = build_place_check_image(directory, e);
	if (r < 0)
		return r;
	r = put_in_place(staged, directory);
	if (r < 0)
		return error_errno(e, r, "moving the image to %s", directory);
	return fsync_parent(AT_FDCWD, directory) < 0
		       ? error_errno(e, errno, "syncing %s", directory)
		       : 0;
}

int build_add_qcow2(const struct build_output *o, const char *directory, struct error *e)
{
	_free_ char *raw = xasprintf("%s/disk.raw", directory);
	_free_ char *qcow2 = xasprintf("%s/disk.qcow2", directory);
	int r = disk_qcow2(raw, qcow2, true, o->progress, e);

	return r < 0 ? r : record(o, directory, e);
}

/* Whole and on the disk before it has its name. */
static int settle_tree(const char *tmp, const char *to, struct error *e)
{
	_close_ int fd = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || syncfs(fd) < 0 || rename(tmp, to) < 0)
		return error_errno(e, errno, "making %s", to);
	return 0;
}

int build_copy_tree(const char *from, const char *to, int log_fd, struct error *e)
{
	_free_ char *source = xasprintf("%s/.", from);
	_free_ char *tmp = NULL;
	struct process p = { .log_fd = log_fd };
	size_t len = strlen(to);
	int r;

	while (len > 1 && to[len - 1] == '/')
		len--;
	tmp = xasprintf("%.*s.XXXXXX", (int)len, to);
	if (!mkdtemp(tmp))
		return error_errno(e, errno, "making a directory beside %s", to);
	p.argv = (const char *[]){ "cp", "--archive", "--one-file-system", source, tmp, NULL };
	r = process_check(&p, e);
	if (r == 0)
		r = settle_tree(tmp, to, e);
	if (r < 0)
		(void)remove_all(AT_FDCWD, tmp);
	return r;
}
