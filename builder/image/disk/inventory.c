/*
 * Reading a tree. Everything is relative to directory fds and follows no symlink, so what is in
 * the tree cannot lead out of it. A file system mounted inside is refused: what it holds would
 * depend on the machine.
 */
#include "inventory.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "interrupt.h"
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define BLOCK	    4096
#define FAST_LINK   60	  /* a shorter target stands in the inode */
#define LINKS_MAX   65000 /* of a file; a directory with more has 1, which means "many" */
#define RECORD_HEAD 12	  /* of a directory entry, and padding */

/* Inodes seen under a first name that have more, by their place on the host. */
struct seen {
	dev_t dev;
	ino_t ino;
	struct inv_inode *inode;
};

struct reader {
	const struct inventory_request *q;
	struct inventory *inv;
	struct arena *a;
	struct error *e;
	struct buf path; /* of what is being read, for messages */
	dev_t dev;
	uint32_t next_ino;
	struct seen *seen; /* open addressing; size a power of two */
	size_t n_seen, size_seen;
};

static struct seen *find(struct seen *v, size_t size, dev_t dev, ino_t ino)
{
	uint64_t h = ((uint64_t)ino ^ (uint64_t)dev << 32) * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(h >> 32) & (size - 1);

	while (v[i].inode && (v[i].dev != dev || v[i].ino != ino))
		i = (i + 1) & (size - 1);
	return &v[i];
}

static void grow_seen(struct reader *r)
{
	size_t size = r->size_seen ? r->size_seen * 2 : 1024;
	struct seen *v = xcalloc(size, sizeof *v);

	for (size_t i = 0; i < r->size_seen; i++)
		if (r->seen[i].inode)
			*find(v, size, r->seen[i].dev, r->seen[i].ino) = r->seen[i];
	free(r->seen);
	r->seen = v;
	r->size_seen = size;
}

static struct inv_inode *remembered(struct reader *r, const struct stat *st)
{
	if (r->size_seen == 0)
		return NULL;
	return find(r->seen, r->size_seen, st->st_dev, st->st_ino)->inode;
}

static void remember(struct reader *r, const struct stat *st, struct inv_inode *inode)
{
	if (2 * (r->n_seen + 1) > r->size_seen)
		grow_seen(r);
	*find(r->seen, r->size_seen, st->st_dev, st->st_ino) =
		(struct seen){ st->st_dev, st->st_ino, inode };
	r->n_seen++;
}

static int fail(struct reader *r, int err)
{
	return error_errno(r->e, err, "cannot read '%s%s'", r->q->path, buf_str(&r->path));
}

/* A file that the host keeps sparse needs only what is there; else all of its size. */
static uint64_t data_room(const struct stat *st)
{
	uint64_t size = (uint64_t)st->st_size, there = (uint64_t)st->st_blocks * 512;

	return there < size ? MIN(size, there + 64 * KIB) : size;
}

static void fill(struct reader *r, struct inv_inode *in, const struct stat *st)
{
	bool later = st->st_mtim.tv_sec >= r->q->epoch;

	in->mode = (uint16_t)st->st_mode;
	in->uid = st->st_uid;
	in->gid = st->st_gid;
	in->rdev = st->st_rdev;
	in->mtime = later ? r->q->epoch : st->st_mtim.tv_sec;
	in->mtime_ns = later ? 0 : (uint32_t)st->st_mtim.tv_nsec;
	if (S_ISREG(st->st_mode)) {
		in->size = (uint64_t)st->st_size;
		in->room = data_room(st);
	} else if (S_ISLNK(st->st_mode)) {
		in->size = (uint64_t)st->st_size;
		in->room = in->size < FAST_LINK ? 0 : in->size;
	}
}

static void count(struct inventory *inv, const struct inv_inode *in)
{
	inv->inodes++;
	inv->blocks += (in->room + BLOCK - 1) / BLOCK;
	inv->bytes += in->room;
}

static struct inv_inode *inode_of(struct reader *r, const struct stat *st)
{
	bool shared = !S_ISDIR(st->st_mode) && st->st_nlink > 1;
	struct inv_inode *in = shared ? remembered(r, st) : NULL;

	if (!in) {
		in = arena_alloc(r->a, sizeof *in);
		fill(r, in, st);
		in->ino = r->next_ino++;
		count(r->inv, in);
		if (shared)
			remember(r, st, in);
	}
	in->links++;
	return in;
}

static bool is_lost_found(const char *name)
{
	return strcmp(name, LOST_FOUND) == 0;
}

/* The names in a directory, sorted; the top one has a lost+found, whether the tree has or not. */
static int list(int fd, bool top, struct names *ret)
{
	bool found = !top;
	int r = names_read(ret, fd, ".");

	for (size_t i = 0; i < ret->n && !found; i++)
		found = is_lost_found(ret->v[i]);
	if (r < 0 || found)
		return r;
	names_add(ret, LOST_FOUND);
	names_sort(ret);
	return 0;
}

static void count_dir(struct reader *r, struct inv_node *node, bool top)
{
	uint64_t size = UINT64_C(2) * RECORD_HEAD, dirs = 0;

	for (size_t i = 0; i < node->n; i++) {
		size += RECORD_HEAD + strlen(node->child[i].name);
		dirs += S_ISDIR(node->child[i].inode->mode);
	}
	/* Leaves of an index are four fifths full, and it has its own blocks. */
	r->inv->blocks += size <= BLOCK - RECORD_HEAD ? 1 : 2 + size * 13 / 10 / BLOCK;
	r->inv->blocks += top ? LOST_FOUND_BLOCKS - 1 : 0;
	node->inode->links = dirs + 2 > LINKS_MAX ? 1 : (uint32_t)dirs + 2;
}

static int lost_found(struct reader *r, struct inv_node *node)
{
	const struct stat st = {
		.st_mode = S_IFDIR | 0700, .st_mtim.tv_sec = r->q->epoch, .st_nlink = 2
	};

	node->inode = inode_of(r, &st);
	count_dir(r, node, false);
	return 0;
}

static int read_dir(struct reader *r, struct inv_node *node, int fd);

static int read_child(struct reader *r, struct inv_node *node, int dirfd)
{
	_close_ int fd = -1;
	struct stat st;

	if (fstatat(dirfd, node->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(r, errno);
	node->inode = inode_of(r, &st);
	if (!S_ISDIR(st.st_mode))
		return node->inode->links > LINKS_MAX ? fail(r, EMLINK) : 0;
	if (st.st_dev != r->dev)
		return error_set(r->e, ERR_FAILED, "'%s%s' is a mount point: unmount it first",
			r->q->path, buf_str(&r->path));
	fd = openat(dirfd, node->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(r, errno);
	return read_dir(r, node, fd);
}

static int read_dir(struct reader *r, struct inv_node *node, int fd)
{
	_cleanup_(names_free) struct names names = NAMES_INIT;
	bool top = node == &r->inv->root;
	size_t len = r->path.len;
	int err;

	if (interrupted())
		return fail(r, ECANCELED);
	err = list(fd, top, &names);
	if (err < 0)
		return fail(r, err);
	node->n = names.n;
	node->child = arena_alloc(r->a, (names.n + 1) * sizeof *node->child);
	for (size_t i = 0; i < names.n; i++) {
		struct inv_node *child = &node->child[i];

		child->name = arena_strdup(r->a, names.v[i]);
		buf_printf(&r->path, "/%s", child->name);
		err = top && is_lost_found(child->name) ? lost_found(r, child)
							: read_child(r, child, fd);
		if (err < 0)
			return err;
		r->path.len = len;
		r->path.data[len] = '\0';
	}
	count_dir(r, node, top);
	return 0;
}

int inventory_read(
	struct inventory *inv, struct arena *a, const struct inventory_request *q, struct error *e)
{
	struct reader r = { .q = q, .inv = inv, .a = a, .e = e, .next_ino = q->first_ino };
	struct stat st;
	int err;

	*inv = (struct inventory){ .root.name = "" };
	if (fstat(q->fd, &st) < 0)
		return fail(&r, errno);
	r.dev = st.st_dev;
	/* The root itself was made by the build, under whatever umask; what is in it came with packages. */
	inv->root.inode = arena_alloc(a, sizeof *inv->root.inode);
	*inv->root.inode =
		(struct inv_inode){ .ino = q->root_ino, .mode = S_IFDIR | 0755, .mtime = q->epoch };
	err = read_dir(&r, &inv->root, q->fd);
	buf_free(&r.path);
	free(r.seen);
	return err;
}
