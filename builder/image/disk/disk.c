/*
 * The disk, in the order it is made: look at the tree, lay out, table, boot loaders, root. The
 * file has a temporary name until it is whole and synced, so whatever happens on the way, there
 * is nothing half-made at path.
 */
#include "disk.h"

#include "alloc.h"
#include "arena.h"
#include "blockout.h"
#include "error.h"
#include "esp.h"
#include "ext4.h"
#include "ext4_populate.h"
#include "fd.h"
#include "gpt.h"
#include "grub.h"
#include "interrupt.h"
#include "inventory.h"
#include "layout.h"
#include "progress.h"

#include <errno.h>
#include <fcntl.h>

#define ROUND_TO     (64 * MIB)
#define SETTLE_CHUNK (64 * MIB)

struct making {
	const struct disk *d;
	struct layout layout;
	struct inventory inv;
	int root;   /* the tree */
	int fd;	    /* the image */
	char *file; /* its present name, for libext2fs, which opens it itself */
};

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

/* How large the disk must be when so many bytes of it are missing (or a guess at all of it). */
static int too_small(const struct disk *d, uint64_t needed, struct error *e)
{
	needed = round_up(needed, ROUND_TO);
	return error_set(e, ERR_INVALID,
		"the disk of %llu MiB is too small for what is to be on it: kbuild.disk.size must "
		"be at least %lluM, and more for what the server shall store",
		(unsigned long long)(d->size / MIB), (unsigned long long)(needed / MIB));
}

static int lay_out(struct making *m, struct error *e)
{
	const struct disk *d = m->d;
	/* Data, inode tables (1/64), a journal, and as much again for bitmaps and descriptors. */
	uint64_t data = m->inv.blocks * EXT4_BLOCK;
	uint64_t least = LAYOUT_FRONT + LAYOUT_BACK + data + data / 32 + 32 * MIB;

	if (layout_make(&m->layout, d->size) < 0 && d->size % MIB == 0)
		return too_small(d, least, e);
	if (d->size % MIB != 0)
		return error_set(e, ERR_INVALID,
			"the size of the disk, %llu bytes, is no multiple of 1 MiB",
			(unsigned long long)d->size);
	return d->size < least - 32 * MIB ? too_small(d, least, e) : 0;
}

static int write_boot(struct making *m, struct error *e)
{
	const struct disk *d = m->d;
	struct esp esp = {
		.fd = m->fd,
		.layout = &m->layout,
		.root = m->root,
		.distribution = d->distribution,
		.seed = d->seed,
		.epoch = d->epoch,
	};
	int r = gpt_write(m->fd, m->file, &m->layout, d->seed, e);

	if (r == 0)
		r = grub_embed(m->fd, &m->layout, m->root, e);
	return r < 0 ? r : esp_write(&esp, e);
}

static int write_root(struct making *m, struct error *e)
{
	const struct disk *d = m->d;
	const struct partition *part = &m->layout.part[LAYOUT_ROOT];
	struct ext4_options o = {
		.path = m->file,
		.offset = partition_offset(part),
		.size = partition_size(part),
		.distribution = d->distribution,
		.release = d->release,
		.label = LABEL_ROOT,
		.seed = d->seed,
		.epoch = d->epoch,
		.inodes = m->inv.inodes + m->inv.inodes / 4,
	};
	_cleanup_(ext4_freep) struct ext4 *fs = NULL;
	_cleanup_(blockout_free) struct blockout out;
	struct populate p = {
		.out = &out,
		.inv = &m->inv,
		.fd = m->root,
		.path = d->root,
		.progress = d->progress,
	};
	/* Extent trees and attributes are not counted file by file. */
	uint64_t needed = m->inv.blocks + m->inv.blocks / 256 + 64;
	int r;

	blockout_init(&out, m->fd, o.offset);
	r = ext4_format(&fs, &o, e);
	if (r < 0)
		return r;
	if (ext4_free_blocks(fs) < needed)
		return too_small(
			d, d->size + (needed - ext4_free_blocks(fs)) * EXT4_BLOCK * 17 / 16, e);
	p.fs = fs;
	r = ext4_populate(&p, e);
	return r < 0 ? r : ext4_finish(fs, e);
}

static int write_all(struct making *m, struct error *e)
{
	int r;

	if (ftruncate(m->fd, (off_t)m->d->size) < 0)
		return error_errno(e, errno, "cannot make the disk image that large");
	r = write_boot(m, e);
	return r < 0 ? r : write_root(m, e);
}

static int look_at_tree(struct making *m, struct arena *a, struct error *e)
{
	struct inventory_request q = {
		.path = m->d->root,
		.root_ino = EXT4_ROOT_INO,
		.first_ino = EXT4_FIRST_INO,
		.epoch = m->d->epoch,
	};

	m->root = open(m->d->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->root < 0)
		return error_errno(e, errno, "cannot open the tree %s", m->d->root);
	q.fd = m->root;
	return inventory_read(&m->inv, a, &q, e);
}

/* Brings the data to the disk in pieces, because an fsync of it all could not be interrupted. */
static int settle(const struct making *m, struct error *e)
{
	for (uint64_t at = 0; at < m->d->size; at += SETTLE_CHUNK) {
		if (interrupted())
			return error_errno(e, ECANCELED, "cannot write");
		/* A file system that does not know this call leaves it all to the fsync. */
		sync_file_range(m->fd, (off_t)at, SETTLE_CHUNK,
			SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
				SYNC_FILE_RANGE_WAIT_AFTER);
	}
	return 0;
}

static int make(struct making *m, const char *path, struct error *e)
{
	_cleanup_(atomic_abort) struct atomic f = ATOMIC_INIT;
	/* What only root may read on a server, only its maker may read here. */
	int r = atomic_open(&f, AT_FDCWD, path, 0600);

	if (r < 0)
		return error_errno(e, r, "cannot make a file beside %s", path);
	m->fd = f.fd;
	m->file = f.tmp;
	r = write_all(m, e);
	if (r == 0)
		r = settle(m, e);
	if (r < 0)
		return error_prefix(e, "%s", path);
	r = atomic_commit(&f);
	return r < 0 ? error_errno(e, r, "cannot write %s", path) : 0;
}

int disk_write(const struct disk *d, const char *path, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct making m = { .d = d, .root = -1, .fd = -1 };
	int r = look_at_tree(&m, a, e);

	if (r == 0)
		r = lay_out(&m, e);
	if (r == 0) {
		progress_begin(d->progress, "disk", "B", m.inv.bytes);
		r = make(&m, path, e);
	}
	closep(&m.root);
	if (r < 0)
		return r;
	progress_end(d->progress, NULL);
	return 0;
}
