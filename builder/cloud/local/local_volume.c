/* Kept data volumes; see local_volume.h. */
#include "local_volume.h"

#include "alloc.h"
#include "arena.h"
#include "error.h"
#include "fd.h"
#include "progress.h"
#include "provider.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define VOLUME "volume.raw"
#define SUFFIX ".raw"

static char *kept_path(const struct cloud *c, const char *name)
{
	return xasprintf("%s/volumes/%s" SUFFIX, c->state_dir, name);
}

int local_volume_keep(
	const struct local_dir *d, const struct cloud *c, const char *name, struct error *e)
{
	_free_ char *volumes = xasprintf("%s/volumes", c->state_dir);
	_free_ char *path = kept_path(c, name);
	struct stat st;
	int r;

	if (fstatat(d->fd, VOLUME, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_blocks == 0)
		return 0;
	r = mkdir_all(AT_FDCWD, volumes, 0700);
	if (r == 0 && access(path, F_OK) == 0)
		return error_set(e, ERR_FAILED,
			"'%s' is there already, so the data volume of '%s' cannot be kept: move it "
			"away, or give --with-data",
			path, name);
	if (r == 0 && renameat(d->fd, VOLUME, AT_FDCWD, path) < 0)
		r = -errno;
	return r < 0 ? error_errno(e, r, "keeping the data volume as '%s'", path) : 0;
}

int local_volume_take(const struct local_dir *d, const struct cloud *c, const char *name,
	uint64_t size, uint64_t *ret, struct error *e)
{
	_free_ char *path = kept_path(c, name);
	struct stat st;

	*ret = 0;
	if (renameat(AT_FDCWD, path, d->fd, VOLUME) < 0)
		return errno == ENOENT ? 0 : error_errno(e, errno, "using the volume '%s'", path);
	if (fstatat(d->fd, VOLUME, &st, 0) < 0)
		return error_errno(e, errno, "using the volume '%s'", path);
	*ret = (uint64_t)st.st_size;
	if (*ret < size)
		progress_note(
			c->progress, "the data volume of '%s' stays as large as it was kept", name);
	progress_note(c->progress, "'%s' gets its data volume back", name);
	return 0;
}

uint64_t local_volume_kept(const struct cloud *c, const char *name)
{
	_free_ char *path = kept_path(c, name);
	struct stat st;

	return server_name_valid(name) && stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static int is_kept(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return d->d_name[0] != '.' && len > strlen(SUFFIX) &&
	       strcmp(d->d_name + len - strlen(SUFFIX), SUFFIX) == 0;
}

int local_volumes(const struct cloud *c, struct arena *a, struct kept_volume **ret, size_t *ret_n,
	struct error *e)
{
	_free_ char *volumes = xasprintf("%s/volumes", c->state_dir);
	_cleanup_(freep) struct dirent **v = NULL;
	int n = scandir(volumes, &v, is_kept, alphasort);
	struct kept_volume *kept;
	size_t k = 0;

	if (n < 0 && errno != ENOENT)
		return error_errno(e, errno, "reading '%s'", volumes);
	kept = arena_alloc(a, (size_t)(MAX(n, 0) + 1) * sizeof *kept);
	for (int i = 0; i < n; i++) {
		_free_ struct dirent *d = v[i];
		const char *name = arena_strndup(a, d->d_name, strlen(d->d_name) - strlen(SUFFIX));
		uint64_t size = local_volume_kept(c, name);

		if (size)
			kept[k++] = (struct kept_volume){ .server = name,
				.size = size,
				.path = arena_printf(a, "%s/%s", volumes, d->d_name) };
	}
	*ret = kept;
	*ret_n = k;
	return 0;
}

int local_volume_remove(const struct cloud *c, const char *name, struct error *e)
{
	_free_ char *path = kept_path(c, name);

	if (unlink(path) < 0 && errno != ENOENT)
		return error_errno(e, errno, "removing the volume '%s'", path);
	return 0;
}
