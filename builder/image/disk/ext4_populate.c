/*
 * Files into ext4: in the order of the inventory, each directory's block, then its files, then
 * its directories. What is a hole is decided by content alone (64 KiB of zeros, aligned), so that
 * the file system of the build machine leaves no trace in the image.
 */
#include "ext4_populate.h"

#include "alloc.h"
#include "blockout.h"
#include "buf.h"
#include "error.h"
#include "ext4.h"
#include "ext4_dir.h"
#include "ext4_extent.h"
#include "interrupt.h"
#include "inventory.h"
#include "le.h"
#include "progress.h"
#include "xattr.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define CHUNK	  (1 * MIB)
#define WINDOW	  (64 * KIB)
#define LINK_FAST 60

struct writer {
	const struct populate *p;
	struct error *e;
	struct buf path;  /* of what is being written, for messages */
	struct buf block; /* of a directory */
	struct extents extents;
	uint8_t *chunk;
};

static int fail(struct writer *w, int err, const char *what)
{
	return error_errno(w->e, err, "cannot %s '%s%s'", what, w->p->path, buf_str(&w->path));
}

static int changed(struct writer *w)
{
	return error_set(w->e, ERR_FAILED,
		"'%s%s' became shorter while it was read: is something "
		"still running in the tree?",
		w->p->path, buf_str(&w->path));
}

static int put_data(struct writer *w, uint64_t logical, const uint8_t *data, size_t len)
{
	while (len > 0) {
		uint32_t want = (uint32_t)((len + EXT4_BLOCK - 1) / EXT4_BLOCK);
		uint64_t start;
		uint32_t got = ext4_alloc(w->p->fs, want, &start);
		size_t take = MIN(len, (size_t)got * EXT4_BLOCK);
		int r;

		if (got == 0)
			return ext4_full(w->e);
		extents_add(&w->extents, (uint32_t)logical, start, got);
		r = blockout_put(w->p->out, start, data, take, w->e);
		if (r < 0)
			return r;
		data += take;
		len -= take;
		logical += got;
	}
	return 0;
}

static bool all_zero(const uint8_t *p, size_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

/* Writes a chunk that begins at an aligned place of the file, leaving out windows of zeros. */
static int put_chunk(struct writer *w, uint64_t at, const uint8_t *data, size_t len)
{
	size_t from = 0, i = 0;

	while (i < len) {
		size_t window = MIN(WINDOW, len - i);
		bool hole = window == WINDOW && all_zero(data + i, window);
		int r;

		if (hole && i > from) {
			r = put_data(w, (at + from) / EXT4_BLOCK, data + from, i - from);
			if (r < 0)
				return r;
		}
		i += window;
		if (hole)
			from = i;
	}
	if (len == from)
		return 0;
	return put_data(w, (at + from) / EXT4_BLOCK, data + from, len - from);
}

/* Reads len bytes at an offset; a file that ends earlier changed under us. */
static int read_at(int fd, uint8_t *data, size_t len, uint64_t at)
{
	while (len > 0) {
		ssize_t n = pread(fd, data, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ESTALE;
		data += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/*
 * Where reading goes on, when the host knows of a hole at this place: the window in which data
 * begins again. The last, partial window is never skipped, so that holes depend on content only.
 */
static uint64_t skip_hole(int fd, uint64_t at, uint64_t size)
{
	uint64_t last = size / WINDOW * WINDOW;
	off_t data = lseek(fd, (off_t)at, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? MAX(at, last) : at;
	return MAX(at, MIN((uint64_t)data / WINDOW * WINDOW, last));
}

static int put_file(struct writer *w, int fd, const struct inv_inode *in)
{
	bool sparse = in->room < in->size;
	uint64_t at = 0;

	while (at < in->size) {
		size_t len;
		int r;

		if (interrupted())
			return fail(w, ECANCELED, "write");
		if (sparse) {
			at = skip_hole(fd, at, in->size);
			if (at >= in->size)
				break;
		}
		len = (size_t)MIN(CHUNK, in->size - at);
		r = read_at(fd, w->chunk, len, at);
		if (r < 0)
			return r == -ESTALE ? changed(w) : fail(w, r, "read");
		r = put_chunk(w, at, w->chunk, len);
		if (r < 0)
			return r;
		progress_advance(w->p->progress, sparse ? 0 : len);
		at += len;
	}
	progress_advance(w->p->progress, sparse ? in->room : 0);
	return 0;
}

static void put_rdev(uint8_t *i_block, uint64_t rdev)
{
	unsigned ma = major(rdev), mi = minor(rdev);

	if (ma < 256 && mi < 256)
		put32(i_block, ma << 8 | mi);
	else
		put32(i_block + 4, (mi & 0xff) | ma << 8 | (mi & ~0xffu) << 12);
}

static int write_inode(struct writer *w, const struct inv_inode *from, struct ext4_inode *in)
{
	in->mode = from->mode;
	in->uid = from->uid;
	in->gid = from->gid;
	in->links = from->links;
	in->mtime = from->mtime;
	in->mtime_ns = from->mtime_ns;
	return ext4_inode_write(w->p->fs, from->ino, in, w->e);
}

/* With what w->extents says. */
static int write_mapped(struct writer *w, const struct inv_inode *from, struct ext4_inode *in)
{
	uint64_t tree;
	int r = extents_write(&w->extents, w->p->fs, w->p->out, from->ino, in->block, &tree, w->e);

	if (r < 0)
		return r;
	in->blocks = w->extents.blocks + tree;
	in->flags |= EXT4_EXTENTS_FL;
	return write_inode(w, from, in);
}

/* Of fd itself, or of what name is in the directory fd. */
static int copy_xattrs(struct writer *w, uint32_t ino, int fd, const char *name)
{
	int r = xattr_copy(fd, name, w->p->fs, ino, w->e);

	return r < 0 ? error_prefix(w->e, "'%s%s'", w->p->path, buf_str(&w->path)) : 0;
}

static int write_regular(
	struct writer *w, const struct inv_inode *from, int dirfd, const char *name)
{
	_close_ int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct ext4_inode in = { .size = from->size };
	int r;

	if (fd < 0)
		return fail(w, errno, "open");
	r = put_file(w, fd, from);
	if (r < 0)
		return r;
	r = write_mapped(w, from, &in);
	if (r < 0)
		return r;
	return copy_xattrs(w, from->ino, fd, NULL);
}

static int write_symlink(
	struct writer *w, const struct inv_inode *from, int dirfd, const char *name)
{
	struct ext4_inode in = {};
	ssize_t n = readlinkat(dirfd, name, (char *)w->chunk, CHUNK);
	int r;

	if (n < 0)
		return fail(w, errno, "read");
	in.size = (uint64_t)n;
	if (n < LINK_FAST) {
		memcpy(in.block, w->chunk, (size_t)n);
		return write_inode(w, from, &in);
	}
	r = put_data(w, 0, w->chunk, (size_t)n);
	return r < 0 ? r : write_mapped(w, from, &in);
}

static int write_special(struct writer *w, const struct inv_inode *from)
{
	struct ext4_inode in = {};

	if (S_ISCHR(from->mode) || S_ISBLK(from->mode))
		put_rdev(in.block, from->rdev);
	return write_inode(w, from, &in);
}

static int write_file(struct writer *w, struct inv_inode *from, int dirfd, const char *name)
{
	int r;

	if (from->written)
		return 0;
	from->written = true;
	w->extents.n = 0;
	w->extents.blocks = 0;
	if (S_ISREG(from->mode))
		return write_regular(w, from, dirfd, name);
	r = S_ISLNK(from->mode) ? write_symlink(w, from, dirfd, name) : write_special(w, from);
	return r < 0 ? r : copy_xattrs(w, from->ino, dirfd, name);
}

static struct dir_entry *entries_of(const struct inv_node *node)
{
	struct dir_entry *v = xcalloc(node->n + 1, sizeof *v);

	for (size_t i = 0; i < node->n; i++) {
		const struct inv_node *c = &node->child[i];

		v[i] = (struct dir_entry){ c->name, c->inode->ino, IFTODT(c->inode->mode) };
	}
	return v;
}

/* fd -1: one that is not in the tree (lost+found). */
static int write_dir_blocks(struct writer *w, const struct inv_node *node, uint32_t parent, int fd)
{
	_free_ struct dir_entry *entries = entries_of(node);
	struct dir d = { node->inode->ino, parent, entries, node->n,
		fd < 0 ? LOST_FOUND_BLOCKS : 1 };
	struct ext4_inode in = {};
	int r;

	buf_reset(&w->block);
	w->extents.n = 0;
	w->extents.blocks = 0;
	if (ext4_dir_build(w->p->fs, &d, &w->block))
		in.flags = EXT4_INDEX_FL;
	in.size = w->block.len;
	r = put_data(w, 0, (const uint8_t *)w->block.data, w->block.len);
	if (r < 0)
		return r;
	r = write_mapped(w, node->inode, &in);
	if (r < 0 || fd < 0)
		return r;
	return copy_xattrs(w, node->inode->ino, fd, NULL);
}

static int write_dir(struct writer *w, const struct inv_node *node, uint32_t parent, int fd);

static int write_child_dir(struct writer *w, const struct inv_node *c, uint32_t parent, int dirfd)
{
	_close_ int fd = -1;

	if (parent == EXT4_ROOT_INO && strcmp(c->name, LOST_FOUND) == 0)
		return write_dir_blocks(w, c, parent, -1);
	fd = openat(dirfd, c->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(w, errno, "open");
	return write_dir(w, c, parent, fd);
}

static int write_dir(struct writer *w, const struct inv_node *node, uint32_t parent, int fd)
{
	int r = write_dir_blocks(w, node, parent, fd);
	size_t len = w->path.len;

	for (int dirs = 0; dirs <= 1 && r >= 0; dirs++) {
		for (size_t i = 0; i < node->n && r >= 0; i++) {
			const struct inv_node *c = &node->child[i];

			if (S_ISDIR(c->inode->mode) != dirs)
				continue;
			buf_printf(&w->path, "/%s", c->name);
			if (interrupted())
				return fail(w, ECANCELED, "write");
			r = dirs ? write_child_dir(w, c, node->inode->ino, fd)
				 : write_file(w, c->inode, fd, c->name);
			if (r < 0)
				return r;
			w->path.len = len;
			w->path.data[len] = '\0';
		}
	}
	return r;
}

int ext4_populate(const struct populate *p, struct error *e)
{
	_free_ uint8_t *chunk = xmalloc(CHUNK);
	struct writer w = { .p = p, .e = e, .chunk = chunk };
	int r = write_dir(&w, &p->inv->root, EXT4_ROOT_INO, p->fd);

	buf_free(&w.path);
	buf_free(&w.block);
	free(w.extents.v);
	return r < 0 ? r : blockout_flush(p->out, e);
}
