/*
 * The ar layer of Debian packages, read and written by hand: it is sixty bytes a member, and by
 * hand every number is checked against the file before it is believed. deb(5) is the format.
 */
#include "deb.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define AR_MAGIC     "!<arch>\n"
#define AR_MAGIC_LEN 8
#define AR_HEADER    60
#define MEMBERS_MAX  32 /* real packages have three; signed ones four */
#define CONTROL_MAX  (16 * MIB)

struct member {
	char name[17]; /* as written, without padding and without a closing '/' */
	uint64_t offset, size;
};

static int damaged(const struct deb *d, const char *why, struct error *e)
{
	return error_set(e, ERR_FAILED, "%s: not a whole Debian package: %s", d->name, why);
}

static bool parse_decimal(const char *s, size_t len, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i = 0;

	for (; i < len && s[i] >= '0' && s[i] <= '9'; i++)
		v = v * 10 + (uint64_t)(s[i] - '0'); /* ten digits at most: no overflow */
	if (i == 0)
		return false;
	for (; i < len; i++)
		if (s[i] != ' ')
			return false;
	*ret = v;
	return true;
}

/* The member whose header stands at offset. end: of the file. */
static int read_member(
	const struct deb *d, uint64_t offset, uint64_t end, struct member *m, struct error *e)
{
	char h[AR_HEADER];
	ssize_t n = pread(d->fd, h, sizeof h, (off_t)offset);
	size_t len = 16;

	if (n < 0)
		return error_errno(e, errno, "reading %s", d->name);
	if (n != sizeof h)
		return damaged(d, "it ends inside a header", e);
	if (h[58] != '`' || h[59] != '\n' || !parse_decimal(h + 48, 10, &m->size))
		return damaged(d, "a member's header is wrong", e);
	m->offset = offset + AR_HEADER;
	if (m->size > end - m->offset)
		return damaged(d, "it ends inside a member", e);
	while (len > 0 && h[len - 1] == ' ')
		len--;
	if (len > 1 && h[len - 1] == '/')
		len--;
	memcpy(m->name, h, len);
	m->name[len] = '\0';
	return 0;
}

static int check_format(const struct deb *d, const struct member *m, struct error *e)
{
	char text[4] = "";

	if (strcmp(m->name, "debian-binary") != 0)
		return damaged(d, "its first member is not debian-binary", e);
	if (pread(d->fd, text, 2, (off_t)m->offset) != 2 || m->size < 4 || strcmp(text, "2.") != 0)
		return damaged(d, "its format is not 2.x", e);
	return 0;
}

/* "control.tar.xz" with prefix "control.tar" gives "xz"; NULL when it is another member. */
static const char *suffix_after(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);
	const char *rest = name + len;

	if (strncmp(name, prefix, len) != 0)
		return NULL;
	return *rest == '\0' ? rest : *rest == '.' ? rest + 1 : NULL;
}

/* The suffix as a string that outlives the header it was read from; NULL: unknown. */
static const char *known_suffix(const char *suffix)
{
	static const char *const all[] = { "", "bz2", "gz", "lzma", "xz", "zst" };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (strcmp(all[i], suffix) == 0 && tar_suffix_known(suffix))
			return all[i];
	return NULL;
}

static int take_member(struct deb *d, const struct member *m, struct error *e)
{
	const struct {
		const char *prefix;
		struct tar_source *to;
	} wanted[] = { { "control.tar", &d->control }, { "data.tar", &d->data } };

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		const char *suffix = suffix_after(m->name, wanted[i].prefix);

		if (!suffix)
			continue;
		if (wanted[i].to->suffix)
			return damaged(d, "a member comes twice", e);
		if (!known_suffix(suffix))
			return error_set(e, ERR_FAILED, "%s: compression '%s' is not known",
				d->name, suffix);
		*wanted[i].to = (struct tar_source){ .fd = d->fd,
			.offset = m->offset,
			.size = m->size,
			.suffix = known_suffix(suffix) };
	}
	return 0;
}

int deb_open(struct deb *ret, int fd, const char *name, struct error *e)
{
	struct deb d = { .fd = fd, .name = name };
	char magic[AR_MAGIC_LEN];
	uint64_t offset = AR_MAGIC_LEN;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return error_errno(e, errno, "reading %s", name);
	if (pread(fd, magic, sizeof magic, 0) != sizeof magic ||
		memcmp(magic, AR_MAGIC, sizeof magic) != 0)
		return damaged(&d, "it does not begin as one", e);
	for (int i = 0; offset < (uint64_t)st.st_size; i++) {
		struct member m;

		if (i == MEMBERS_MAX)
			return damaged(&d, "it has too many members", e);
		r = read_member(&d, offset, (uint64_t)st.st_size, &m, e);
		if (r == 0)
			r = i == 0 ? check_format(&d, &m, e) : take_member(&d, &m, e);
		if (r < 0)
			return r;
		offset = m.offset + m.size + m.size % 2;
	}
	if (!d.control.suffix || !d.data.suffix)
		return damaged(
			&d, d.control.suffix ? "it has no data.tar" : "it has no control.tar", e);
	*ret = d;
	return 0;
}

bool deb_is_plain(const struct deb *d)
{
	return d->control.suffix[0] == '\0' && d->data.suffix[0] == '\0';
}

/* All bytes of the entry that tar_next() just gave. */
static int read_entry(struct tar *t, struct buf *ret, struct error *e)
{
	for (;;) {
		const void *data;
		uint64_t offset;
		size_t len;
		int r = tar_block(t, &data, &len, &offset, e);

		if (r < 0)
			return r;
		if (r == TAR_END)
			return 0;
		if (offset + len > CONTROL_MAX)
			return error_set(e, ERR_FAILED, "a control file is larger than %d MiB",
				(int)(CONTROL_MAX / MIB));
		while (ret->len < offset) /* a hole; no package has one */
			buf_addc(ret, '\0');
		buf_add(ret, data, len);
	}
}

int deb_control_each(const struct deb *d,
	void (*each)(void *arg, const char *file, mode_t mode, const void *data, size_t len),
	void *arg, struct error *e)
{
	_cleanup_(tar_closep) struct tar *t = NULL;
	int r = tar_open(&t, &d->control, e);

	while (r == 0) {
		const struct tar_entry *ent;
		_buf_ content = BUF_INIT;

		r = tar_next(t, &ent, e);
		if (r != 0 || ent->type != TAR_FILE)
			continue;
		if (strchr(ent->path, '/'))
			r = error_set(e, ERR_FAILED, "its control files are not in one directory");
		else
			r = read_entry(t, &content, e);
		if (r == 0)
			each(arg, ent->path, ent->mode, buf_str(&content), content.len);
	}
	return r < 0 ? error_prefix(e, "%s", d->name) : 0;
}

struct one_file {
	const char *file;
	struct buf *ret;
	bool found;
};

static void take_file(
	void *arg, const char *file, _unused_ mode_t mode, const void *data, size_t len)
{
	struct one_file *o = arg;

	if (o->found || strcmp(file, o->file) != 0)
		return;
	o->found = true;
	buf_add(o->ret, data, len);
}

int deb_control(const struct deb *d, const char *file, struct buf *ret, struct error *e)
{
	struct one_file o = { .file = file, .ret = ret };
	int r = deb_control_each(d, take_file, &o, e);

	if (r < 0)
		return r;
	return o.found ? 0 : DEB_ABSENT;
}

/* A header as dpkg-deb writes it, but with the time 0: the same package, the same bytes. */
static int write_header(int to, off_t at, const char *name, uint64_t size)
{
	char h[AR_HEADER + 1];

	if (size > 9999999999)
		return -EFBIG; /* ar has ten digits */
	snprintf(h, sizeof h, "%-16s%-12d%-6d%-6d%-8o%-10llu`\n", name, 0, 0, 0, 0100644U,
		(unsigned long long)size);
	return pwrite(to, h, AR_HEADER, at) == AR_HEADER ? 0 : -EIO;
}

static int write_member(const struct tar_source *src, const char *name, int to, struct error *e)
{
	off_t at = lseek(to, AR_HEADER, SEEK_CUR);
	uint64_t size;
	int r;

	if (at < 0)
		return error_errno(e, errno, "writing");
	r = tar_decompress(src, to, &size, e);
	if (r < 0)
		return r;
	if (size % 2) {
		r = fd_write(to, "\n", 1);
		if (r < 0)
			return error_errno(e, r, "writing");
	}
	r = write_header(to, at - AR_HEADER, name, size);
	return r < 0 ? error_errno(e, r, "writing") : 0;
}

int deb_write_plain(const struct deb *d, int to, struct error *e)
{
	static const char head[] = AR_MAGIC
		"debian-binary   0           0     0     100644  "
		"4         `\n2.0\n";
	int r = fd_write(to, head, sizeof head - 1);

	if (r < 0)
		return error_errno(e, r, "writing");
	r = write_member(&d->control, "control.tar", to, e);
	if (r == 0)
		r = write_member(&d->data, "data.tar", to, e);
	return r < 0 ? error_prefix(e, "%s", d->name) : 0;
}
