/* See store.h. */
#include "store.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "manifest.h"
#include "report.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define DIRECTORY "backup"
#define FOREIGN	  "backup-foreign"
#define ROOM_MIN  (64 * MIB)

void backup_list_free(struct backup_list *l)
{
	if (l->arena)
		arena_free(l->arena);
	free(l->v);
	*l = (struct backup_list)BACKUP_LIST_INIT;
}

static int newest_first(const void *a, const void *b)
{
	const struct manifest *x = a, *y = b;

	return strcmp(y->id, x->id);
}

void backup_list_sort(struct backup_list *l)
{
	if (l->n > 0)
		qsort(l->v, l->n, sizeof *l->v, newest_first);
}

const struct manifest *backup_list_good(const struct backup_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (manifest_good(&l->v[i]))
			return &l->v[i];
	}
	return NULL;
}

int backup_list_find(
	const struct backup_list *l, const char *id, const struct manifest **ret, struct error *e)
{
	if (l->n == 0)
		return error_set(e, ERR_FAILED, "there is no backup");
	if (!id || strcmp(id, "latest") == 0) {
		*ret = backup_list_good(l);
		if (!*ret)
			*ret = &l->v[0];
		return 0;
	}
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->v[i].id, id) == 0) {
			*ret = &l->v[i];
			return 0;
		}
	}
	return error_set(e, ERR_FAILED, "there is no backup '%s' (see 'backup list')", id);
}

/* A full disk passes, by hands or by the next sweep. */
static int disk_error(struct error *e, int err, const char *what)
{
	error_errno(e, err, "cannot %s", what);
	return err == -ENOSPC || err == ENOSPC || err == -EDQUOT ? error_transient(e) : -e->code;
}

static int open_directory(const struct agent *a, const char *path, struct error *e)
{
	int fd;

	if (mkdirat(a->state_fd, path, 0700) < 0 && errno != EEXIST)
		return error_errno(e, errno, "cannot make %s/%s", a->state_dir, path);
	fd = openat(a->state_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? error_errno(e, errno, "cannot open %s/%s", a->state_dir, path) : fd;
}

int store_open(const struct agent *a, struct error *e)
{
	return open_directory(a, DIRECTORY, e);
}

int store_open_foreign(const struct agent *a, const char *server, struct error *e)
{
	_free_ char *path = xasprintf(FOREIGN "/%s", server);
	_close_ int top = open_directory(a, FOREIGN, e);

	return top < 0 ? top : open_directory(a, path, e);
}

int store_forget_foreign(const struct agent *a, struct error *e)
{
	int r = remove_all(a->state_fd, FOREIGN);

	return r < 0 ? error_errno(e, r, "cannot remove %s/" FOREIGN, a->state_dir) : 0;
}

static int read_manifest(
	int dir, const char *id, struct arena *arena, struct manifest *ret, struct error *e)
{
	_free_ char *path = xasprintf("%s/" MANIFEST_NAME, id);
	_buf_ text = BUF_INIT;
	int r = file_read(dir, path, MANIFEST_MAX, &text);

	if (r < 0)
		return error_errno(e, r, "cannot read its manifest");
	r = manifest_parse(ret, arena, buf_str(&text), text.len, e);
	if (r >= 0 && strcmp(ret->id, id) != 0)
		return error_set(e, ERR_LOCK, "its manifest is that of %s", ret->id);
	return r;
}

/* Calls each for every name in dir. */
static int for_names(int dir, int (*each)(void *arg, const char *name, struct error *e), void *arg,
	struct error *e)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);

	if (!d) {
		r = error_errno(e, errno, "cannot read the backups");
		closep(&copy);
		return r;
	}
	for (struct dirent *entry; r >= 0 && (entry = readdir(d));)
		r = each(arg, entry->d_name, e);
	closedir(d);
	return r;
}

struct listing {
	int dir;
	struct backup_list *list;
	size_t cap;
};

static int list_one(void *arg, const char *name, _unused_ struct error *e)
{
	struct listing *l = arg;
	struct backup_list *list = l->list;
	struct error broken = { 0 };

	if (!backup_id_valid(name))
		return 0;
	list->v = grow(list->v, list->n, &l->cap, sizeof *list->v);
	if (read_manifest(l->dir, name, list->arena, &list->v[list->n], &broken) < 0)
		report(REPORT_WARNING, "backup %s is not usable: %s", name, broken.msg);
	else
		list->n++;
	return 0;
}

int store_list(int dir, struct backup_list *ret, struct error *e)
{
	struct listing l = { dir, ret, 0 };
	int r;

	*ret = (struct backup_list){ .arena = arena_new() };
	r = for_names(dir, list_one, &l, e);
	backup_list_sort(ret);
	return r;
}

struct sweeping {
	int dir;
};

static bool has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), k = strlen(suffix);

	return n > k && strcmp(name + n - k, suffix) == 0;
}

static int sweep_one(void *arg, const char *name, struct error *e)
{
	const struct sweeping *s = arg;
	int r;

	if (!has_suffix(name, ".part") && !has_suffix(name, ".gone"))
		return 0;
	r = remove_all(s->dir, name);
	return r < 0 ? error_errno(e, r, "cannot remove the half backup %s", name) : 0;
}

int store_sweep(int dir, struct error *e)
{
	struct sweeping s = { dir };

	return for_names(dir, sweep_one, &s, e);
}

int store_begin(int dir, int64_t now, const char *last, char *ret_id, struct error *e)
{
	char part[BACKUP_ID_LEN + 8];
	int64_t at;
	int fd;

	if (last && backup_id_time(last, &at) && at >= now)
		now = at + 1;
	backup_id_format(now, ret_id);
	/* One whose manifest cannot be read has its name all the same. */
	while (faccessat(dir, ret_id, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		backup_id_format(++now, ret_id);
	snprintf(part, sizeof part, "%s.part", ret_id);
	if (mkdirat(dir, part, 0700) < 0)
		return disk_error(e, errno, "make the directory of a backup");
	fd = openat(dir, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? error_errno(e, errno, "cannot open the directory of a backup") : fd;
}

static int write_manifest(int fd, const struct manifest *m, struct error *e)
{
	_buf_ text = BUF_INIT;
	int r = manifest_write_checked(m, &text, e);

	if (r < 0)
		return error_prefix(e, "the manifest of backup %s", m->id);
	r = file_replace(fd, MANIFEST_NAME, text.data, text.len, 0600);
	return r < 0 ? disk_error(e, r, "write the manifest of a backup") : 0;
}

int store_publish(int dir, int part, const struct manifest *m, struct error *e)
{
	char name[BACKUP_ID_LEN + 8];
	int r = write_manifest(part, m, e);

	if (r < 0)
		return r;
	snprintf(name, sizeof name, "%s.part", m->id);
	if (renameat(dir, name, dir, m->id) < 0 || fsync(dir) < 0)
		return disk_error(e, errno, "give the backup its name");
	return 0;
}

int store_update(int dir, const struct manifest *m, struct error *e)
{
	_close_ int fd = openat(dir, m->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return error_errno(e, errno, "cannot open backup %s", m->id);
	return write_manifest(fd, m, e);
}

int store_remove(int dir, const char *id, struct error *e)
{
	char gone[BACKUP_ID_LEN + 8];
	int r;

	snprintf(gone, sizeof gone, "%s.gone", id);
	/* Left there by a removal that was cut off, of one with the same name. */
	(void)remove_all(dir, gone);
	if (renameat(dir, id, dir, gone) < 0 || fsync(dir) < 0)
		return error_errno(e, errno, "cannot remove backup %s", id);
	r = remove_all(dir, gone);
	return r < 0 ? error_errno(e, r, "cannot remove backup %s", id) : 0;
}

int store_file(int dir, const char *id, const char *name, struct error *e)
{
	_free_ char *path = xasprintf("%s/%s", id, name);
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? error_errno(e, errno, "cannot open %s of backup %s", name, id) : fd;
}

int store_check_room(int dir, const struct manifest *last, struct error *e)
{
	uint64_t want = last ? MAX(2 * manifest_size(last), ROOM_MIN) : ROOM_MIN, have;
	struct statvfs v;

	if (fstatvfs(dir, &v) < 0)
		return error_errno(e, errno, "cannot tell how full the disk is");
	have = (uint64_t)v.f_bavail * v.f_frsize;
	if (have >= want)
		return 0;
	error_set(e, ERR_FAILED,
		"the disk is too full for a backup: %" PRIu64 " MiB are free, %" PRIu64
		" MiB are wanted (twice the last one); the old backups were kept",
		have / MIB, want / MIB);
	return error_transient(e);
}
