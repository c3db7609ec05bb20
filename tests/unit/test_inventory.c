/* Reading a tree: order, numbers, links, times, room. */
#include "arena.h"
#include "check.h"
#include "error.h"
#include "inventory.h"
#include "tmpdir.h"

#include <errno.h>

#define EPOCH 1000000000

static void put(const char *path, off_t size, time_t mtime)
{
	const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = mtime, .tv_nsec = 7 } };
	_close_ int fd = openat(tmp_fd(), path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	check(fd >= 0);
	check_int(ftruncate(fd, size), 0);
	check_int(futimens(fd, times), 0);
}

static struct inventory read_tree(const char *path, struct arena *a)
{
	_close_ int fd = openat(tmp_fd(), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct inventory_request q = { fd, path, 2, 11, EPOCH };
	struct inventory inv = {};
	struct error e = {};

	check(fd >= 0);
	if (inventory_read(&inv, a, &q, &e) < 0)
		check_fail("%s", e.msg);
	return inv;
}

static void names_are_in_order_and_inodes_follow_them(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	static const char *const names[] = { "B", "a", "b", "lost+found", "z" };
	struct inventory inv;

	check_int(mkdir_all(tmp_fd(), "order/z", 0755), 0);
	put("order/b", 0, 1);
	put("order/B", 0, 1);
	put("order/a", 0, 1);
	inv = read_tree("order", a);
	check_int(inv.root.n, 5);
	for (size_t i = 0; i < 5; i++) {
		check_str(inv.root.child[i].name, names[i]);
		check_int(inv.root.child[i].inode->ino, 11 + i);
	}
	check_int(inv.root.inode->ino, 2);
	check_int(inv.root.inode->links, 4); /* itself twice, z and lost+found */
}

static void names_of_one_file_share_an_inode(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct inventory inv;

	check_int(mkdir_all(tmp_fd(), "links", 0755), 0);
	put("links/one", 5000, 1);
	check_int(linkat(tmp_fd(), "links/one", tmp_fd(), "links/two", 0), 0);
	check_int(linkat(tmp_fd(), "links/one", tmp_fd(), "outside", 0), 0);
	inv = read_tree("links", a);
	check(inv.root.child[1].inode == inv.root.child[2].inode);
	check_int(inv.root.child[1].inode->links, 2); /* not the one outside */
	check_int(inv.inodes, 2);		      /* with lost+found */
}

static void later_times_are_clamped(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	static const struct {
		const char *name;
		time_t mtime;
		int64_t want;
		uint32_t want_ns;
	} cases[] = {
		{ "a", 5, 5, 7 },
		{ "b", EPOCH - 1, EPOCH - 1, 7 },
		{ "c", EPOCH, EPOCH, 0 },
		{ "d", EPOCH + 1, EPOCH, 0 },
	};
	struct inventory inv;

	check_int(mkdir_all(tmp_fd(), "times", 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *path = NULL;

		check(asprintf(&path, "times/%s", cases[i].name) > 0);
		put(path, 0, cases[i].mtime);
	}
	inv = read_tree("times", a);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		check_int(inv.root.child[i].inode->mtime, cases[i].want);
		check_int(inv.root.child[i].inode->mtime_ns, cases[i].want_ns);
	}
}

static void a_sparse_file_needs_little_room(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct inventory inv;

	check_int(mkdir_all(tmp_fd(), "room", 0755), 0);
	put("room/large", (off_t)(100 * GIB), 1);
	inv = read_tree("room", a);
	check(inv.bytes <= 64 * KIB);
	check(inv.blocks < 40);
}

int main(void)
{
	run(names_are_in_order_and_inodes_follow_them);
	run(names_of_one_file_share_an_inode);
	run(later_times_are_clamped);
	run(a_sparse_file_needs_little_room);
	return done();
}
