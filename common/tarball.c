/*
 * The one door to libarchive's reader. It gets exactly one format and the one filter that the
 * member's name promises: no guessing, no external programs, and little code for hostile bytes.
 */
#include "tarball.h"

#include "alloc.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define BLOCK	  (256 * KIB)
#define XATTR_MAX 64 /* far above what any file carries; bounds what a hostile header costs */

struct tar {
	struct archive *a;
	struct tar_source src;
	uint64_t pos; /* read so far of src */
	char *block;
	struct tar_entry entry;
	char *path, *target;
	struct tar_xattr xattrs[XATTR_MAX];
};

static const struct filter {
	const char *suffix;
	int (*support)(struct archive *a);
} filters[] = {
	{ "", archive_read_support_filter_none },
	{ "bz2", archive_read_support_filter_bzip2 },
	{ "gz", archive_read_support_filter_gzip },
	{ "lzma", archive_read_support_filter_lzma },
	{ "xz", archive_read_support_filter_xz },
	{ "zst", archive_read_support_filter_zstd },
};

static const struct filter *find_filter(const char *suffix)
{
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
		if (strcmp(filters[i].suffix, suffix) == 0)
			return &filters[i];
	return NULL;
}

bool tar_suffix_known(const char *suffix)
{
	return find_filter(suffix) != NULL;
}

bool tar_clean_path(char *path)
{
	char *in = path, *out = path;

	while (*in) {
		size_t len = strcspn(in, "/");

		if (len == 2 && in[0] == '.' && in[1] == '.')
			return false;
		if (len > 0 && !(len == 1 && in[0] == '.')) {
			if (out != path)
				*out++ = '/';
			memmove(out, in, len);
			out += len;
		}
		in += len;
		in += *in == '/';
	}
	*out = '\0';
	return true;
}

static la_ssize_t read_source(struct archive *a, void *arg, const void **ret)
{
	struct tar *t = arg;
	size_t want = MIN(t->src.size - t->pos, BLOCK);
	ssize_t n;

	do
		n = pread(t->src.fd, t->block, want, (off_t)(t->src.offset + t->pos));
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		archive_set_error(a, errno, "%s", strerror(errno));
		return ARCHIVE_FATAL;
	}
	t->pos += (uint64_t)n;
	*ret = t->block;
	return n;
}

static int fail(struct tar *t, struct error *e)
{
	const char *why = archive_error_string(t->a);

	return error_set(e, ERR_FAILED, "%s", why ? why : "not a readable archive");
}

void tar_close(struct tar *t)
{
	archive_read_free(t->a);
	free(t->block);
	free(t->path);
	free(t->target);
	free(t);
}

static int open_as(struct tar **ret, const struct tar_source *src, int (*format)(struct archive *a),
	struct error *e)
{
	const struct filter *f = find_filter(src->suffix);
	_cleanup_(tar_closep) struct tar *t = NULL;

	if (!f)
		return error_set(e, ERR_FAILED, "compression '%s' is not known", src->suffix);
	t = xcalloc(1, sizeof *t);
	t->src = *src;
	t->block = xmalloc(BLOCK);
	t->a = archive_read_new();
	if (!t->a)
		abort(); /* out of memory */
	if (format(t->a) != ARCHIVE_OK || f->support(t->a) != ARCHIVE_OK)
		return error_set(e, ERR_FAILED, "this libarchive cannot read '%s'", src->suffix);
	if (archive_read_open(t->a, t, NULL, read_source, NULL) != ARCHIVE_OK)
		return fail(t, e);
	*ret = TAKE(t);
	return 0;
}

int tar_open(struct tar **ret, const struct tar_source *src, struct error *e)
{
	return open_as(ret, src, archive_read_support_format_tar, e);
}

static int read_type(struct tar *t, struct archive_entry *ent, struct error *e)
{
	static const struct {
		mode_t mode;
		enum tar_type type;
	} types[] = {
		{ S_IFDIR, TAR_DIR },
		{ S_IFREG, TAR_FILE },
		{ S_IFLNK, TAR_SYMLINK },
		{ S_IFIFO, TAR_FIFO },
		{ S_IFCHR, TAR_CHAR },
		{ S_IFBLK, TAR_BLOCK },
	};

	if (archive_entry_hardlink(ent)) {
		t->entry.type = TAR_HARDLINK;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].mode == archive_entry_filetype(ent)) {
			t->entry.type = types[i].type;
			return 0;
		}
	return error_set(e, ERR_FAILED, "'%s' is of an unknown type", t->path);
}

static int read_names(struct tar *t, struct archive_entry *ent, struct error *e)
{
	const char *path = archive_entry_pathname(ent), *link = archive_entry_hardlink(ent);

	free(TAKE(t->path));
	free(TAKE(t->target));
	if (!path)
		return error_set(e, ERR_FAILED, "an entry has no name");
	t->path = xstrdup(path);
	if (!tar_clean_path(t->path))
		return error_set(e, ERR_FAILED, "the name '%s' leaves the archive's root", path);
	if (link) {
		t->target = xstrdup(link);
		if (!tar_clean_path(t->target) || !*t->target)
			return error_set(e, ERR_FAILED,
				"'%s' is a hard link to '%s', which is not inside the archive",
				t->path, link);
	} else if (archive_entry_filetype(ent) == S_IFLNK) {
		const char *target = archive_entry_symlink(ent);

		if (!target || !*target)
			return error_set(e, ERR_FAILED, "the symlink '%s' points nowhere", t->path);
		t->target = xstrdup(target);
	}
	return 0;
}

static void read_xattrs(struct tar *t, struct archive_entry *ent)
{
	const char *name;
	const void *value;
	size_t size;

	t->entry.xattrs = t->xattrs;
	archive_entry_xattr_reset(ent);
	while (t->entry.n_xattrs < XATTR_MAX &&
		archive_entry_xattr_next(ent, &name, &value, &size) == ARCHIVE_OK)
		t->xattrs[t->entry.n_xattrs++] = (struct tar_xattr){ name, value, size };
}

int tar_next(struct tar *t, const struct tar_entry **ret, struct error *e)
{
	struct archive_entry *ent;
	int r;

	if (interrupted())
		return error_errno(e, ECANCELED, "reading");
	r = archive_read_next_header(t->a, &ent);
	if (r == ARCHIVE_EOF)
		return TAR_END;
	/* A warning is about names that are not in the locale's character set: no matter to us. */
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		return fail(t, e);
	t->entry = (struct tar_entry){};
	r = read_names(t, ent, e);
	if (r < 0)
		return r;
	r = read_type(t, ent, e);
	if (r < 0)
		return r;
	read_xattrs(t, ent);
	t->entry.path = t->path;
	t->entry.target = t->target;
	t->entry.mode = archive_entry_perm(ent);
	t->entry.uid = (uid_t)archive_entry_uid(ent);
	t->entry.gid = (gid_t)archive_entry_gid(ent);
	t->entry.mtime = archive_entry_mtime(ent);
	t->entry.mtime_nsec = archive_entry_mtime_nsec(ent);
	t->entry.size = t->entry.type == TAR_FILE ? (uint64_t)archive_entry_size(ent) : 0;
	*ret = &t->entry;
	return 0;
}

int tar_block(
	struct tar *t, const void **ret, size_t *ret_len, uint64_t *ret_offset, struct error *e)
{
	la_int64_t offset;
	int r;

	if (interrupted())
		return error_errno(e, ECANCELED, "reading");
	r = archive_read_data_block(t->a, ret, ret_len, &offset);
	if (r == ARCHIVE_EOF)
		return TAR_END;
	if (r != ARCHIVE_OK || offset < 0)
		return fail(t, e);
	*ret_offset = (uint64_t)offset;
	return 0;
}

int tar_decompress(const struct tar_source *src, int to, uint64_t *ret_size, struct error *e)
{
	_cleanup_(tar_closep) struct tar *t = NULL;
	struct archive_entry *ent;
	uint64_t size = 0;
	int r;

	r = open_as(&t, src, archive_read_support_format_raw, e);
	if (r < 0)
		return r;
	if (archive_read_next_header(t->a, &ent) != ARCHIVE_OK)
		return fail(t, e);
	for (;;) {
		const void *data;
		uint64_t offset;
		size_t len;

		r = tar_block(t, &data, &len, &offset, e);
		if (r < 0)
			return r;
		if (r == TAR_END)
			break;
		r = fd_write(to, data, len);
		if (r < 0)
			return error_errno(e, r, "writing");
		size += len;
	}
	*ret_size = size;
	return 0;
}

/* libarchive wants each directory before what is in it. */
static int iso_parents(
	struct archive *a, struct archive_entry *ent, const char *path, char **done, int64_t epoch)
{
	for (const char *p = path; (p = strchr(p, '/')); p++) {
		_free_ char *dir = xstrndup(path, (size_t)(p - path));

		if (*done && strncmp(*done, dir, strlen(dir)) == 0 &&
			strchr("/", (*done)[strlen(dir)]))
			continue; /* it is one that the file before stood in */
		archive_entry_clear(ent);
		archive_entry_set_pathname(ent, dir);
		archive_entry_set_filetype(ent, AE_IFDIR);
		archive_entry_set_perm(ent, 0755);
		archive_entry_set_mtime(ent, epoch, 0);
		archive_entry_set_nlink(ent, 2);
		if (archive_write_header(a, ent) < ARCHIVE_WARN)
			return -1;
	}
	free(*done);
	*done = xstrdup(path);
	return 0;
}

static int iso_files(struct archive *a, struct archive_entry *ent, const struct iso_file *files,
	size_t n, int64_t epoch)
{
	_free_ char *done = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct iso_file *f = &files[i];

		if (iso_parents(a, ent, f->path, &done, epoch) < 0)
			return -1;
		archive_entry_clear(ent);
		archive_entry_set_pathname(ent, f->path);
		archive_entry_set_filetype(ent, AE_IFREG);
		archive_entry_set_perm(ent, 0444);
		archive_entry_set_size(ent, (la_int64_t)f->len);
		archive_entry_set_mtime(ent, epoch, 0);
		archive_entry_set_nlink(ent, 1);
		if (archive_write_header(a, ent) < ARCHIVE_WARN ||
			archive_write_data(a, f->data, f->len) != (la_ssize_t)f->len)
			return -1;
	}
	return 0;
}

/*
 * libarchive makes CONFIG_2 of "config-2", as the standard asks; cloud-init looks for what everybody
 * else writes there. The primary volume descriptor is sector 16, its name is at 40.
 */
static int iso_label(int fd, const char *label)
{
	char text[33];

	snprintf(text, sizeof text, "%-32s", label);
	return pwrite(fd, text, 32, 16 * 2048 + 40) == 32 ? 0 : -EIO;
}

int iso_write(int fd, const char *label, const struct iso_file *files, size_t n, int64_t epoch,
	struct error *e)
{
	struct archive *a = archive_write_new();
	struct archive_entry *ent = archive_entry_new();
	int r = 0;

	if (!a || !ent)
		abort(); /* out of memory */
	if (archive_write_set_format_iso9660(a) != ARCHIVE_OK ||
		archive_write_set_format_option(a, "iso9660", "volume-id", label) != ARCHIVE_OK ||
		archive_write_set_format_option(a, "iso9660", "pad", NULL) != ARCHIVE_OK ||
		archive_write_set_bytes_in_last_block(a, 1) != ARCHIVE_OK ||
		archive_write_open_fd(a, fd) != ARCHIVE_OK ||
		iso_files(a, ent, files, n, epoch) < 0 || archive_write_close(a) != ARCHIVE_OK)
		r = error_set(e, ERR_FAILED, "writing an ISO 9660 image: %s",
			archive_error_string(a) ? archive_error_string(a) : "failed");
	else if (iso_label(fd, label) < 0)
		r = error_errno(e, EIO, "writing an ISO 9660 image");
	archive_entry_free(ent);
	archive_write_free(a);
	return r;
}
