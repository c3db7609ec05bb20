/* The store without a network: plain forms, damage, workers. Loading is tested in tests/net. */
#include "store.h"

#include "check.h"
#include "deb.h"
#include "debmaker.h"
#include "digest.h"
#include "error.h"
#include "fd.h"

#include <fcntl.h>
#include <sys/stat.h>

struct world {
	char dir[64];
	int fd;
	struct store *store;
};

static struct world world_new(void)
{
	struct world w = { .dir = "/tmp/kbuild-test-XXXXXX", .fd = -1 };
	struct error e = {};

	check(mkdtemp(w.dir));
	check_int(store_open(&w.store, w.dir, &e), 0);
	w.fd = open(w.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return w;
}

static void world_end(struct world *w)
{
	store_close(w->store);
	close(w->fd);
	remove_all(AT_FDCWD, w->dir);
}

/* Puts a package with this one file into the store, as a download would. */
static void put(struct world *w, const char *content, char hex[SHA256_HEX])
{
	const struct tar_make control[] = { { "./control", '0', 0644, .data = "Package: p\n" },
		{} };
	const struct tar_make data[] = { { "./file", '0', 0644, .data = content }, {} };
	_buf_ b = BUF_INIT;
	_free_ char *dir = NULL, *path = NULL;

	make_deb(&b, control, data);
	sha256_bytes(b.data, b.len, hex);
	dir = xasprintf("store/%.2s", hex);
	path = store_path(w->store, hex);
	check_int(mkdir_all(w->fd, dir, 0755), 0);
	check_int(file_replace(AT_FDCWD, path, b.data, b.len, 0644), 0);
}

static ino_t inode(const char *path)
{
	struct stat st;

	check_int(stat(path, &st), 0);
	return st.st_ino;
}

static void check_plain(const char *path)
{
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct error e = {};
	struct deb d;

	check_int(deb_open(&d, fd, path, &e), 0);
	check(deb_is_plain(&d));
}

static void turn_a_bit(const char *path, off_t at)
{
	_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
	char c;

	check_int(pread(fd, &c, 1, at), 1);
	c ^= 4;
	check_int(pwrite(fd, &c, 1, at), 1);
}

static void a_plain_form_is_made_once(void)
{
	_cleanup_(world_end) struct world w = world_new();
	_free_ char *first = NULL, *second = NULL;
	char hex[SHA256_HEX];
	struct error e = {};
	ino_t ino;

	put(&w, "x", hex);
	check_int(store_plain(w.store, hex, &first, &e), 0);
	check_plain(first);
	ino = inode(first);
	check_int(store_plain(w.store, hex, &second, &e), 0);
	check_str(second, first);
	check_int(inode(second), ino);
}

static void bytes(const char *path, struct buf *ret)
{
	check_int(file_read(AT_FDCWD, path, MIB, ret), 0);
}

static void a_rotten_plain_form_is_made_again(void)
{
	/* In the header of ar, in the names of data.tar, in a file's content, in the digest itself. */
	static const struct {
		const char *of, *before;
	} cases[] = { { ".deb", "debian-binary" }, { ".deb", "./file" }, { ".deb", "rotten" },
		{ ".sum", NULL } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(world_end) struct world w = world_new();
		_free_ char *path = NULL, *again = NULL, *spoilt = NULL;
		_buf_ good = BUF_INIT, now = BUF_INIT;
		char hex[SHA256_HEX];
		struct error e = {};
		const char *at;

		put(&w, "rotten", hex);
		check_int(store_plain(w.store, hex, &path, &e), 0);
		bytes(path, &good);
		at = cases[i].before
			     ? memmem(good.data, good.len, cases[i].before, strlen(cases[i].before))
			     : good.data;
		check(at);
		spoilt = xasprintf("%.*s%s", (int)strlen(path) - 4, path, cases[i].of);
		turn_a_bit(spoilt, at - good.data);
		check_int(store_plain(w.store, hex, &again, &e), 0);
		bytes(again, &now);
		check(now.len == good.len && memcmp(now.data, good.data, now.len) == 0);
	}
}

static void a_plain_form_without_its_digest_is_made_again(void)
{
	_cleanup_(world_end) struct world w = world_new();
	_free_ char *path = NULL, *again = NULL, *sum = NULL;
	char hex[SHA256_HEX];
	struct error e = {};
	ino_t ino;

	put(&w, "x", hex);
	check_int(store_plain(w.store, hex, &path, &e), 0);
	ino = inode(path);
	sum = xasprintf("%.*s.sum", (int)strlen(path) - 4, path);
	check_int(unlink(sum), 0);
	/* Held open, its number is not given to the next file. */
	_close_ int held = open(path, O_RDONLY | O_CLOEXEC);
	check_int(store_plain(w.store, hex, &again, &e), 0);
	check(inode(again) != ino);
	check(access(sum, F_OK) == 0);
}

static void a_torn_plain_form_is_made_again(void)
{
	static const struct {
		off_t size; /* 0: zeros of the whole size, as after a power cut */
	} cases[] = { { 10 }, { 1000 }, { 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(world_end) struct world w = world_new();
		_free_ char *path = NULL, *again = NULL;
		char hex[SHA256_HEX];
		struct error e = {};
		struct stat st;

		put(&w, "x", hex);
		check_int(store_plain(w.store, hex, &path, &e), 0);
		check_int(stat(path, &st), 0);
		check_int(truncate(path, cases[i].size), 0);
		if (cases[i].size == 0)
			check_int(truncate(path, st.st_size), 0);
		check_int(store_plain(w.store, hex, &again, &e), 0);
		check_plain(again);
	}
}

static void a_rotten_package_is_removed_before_it_is_read(void)
{
	_cleanup_(world_end) struct world w = world_new();
	_free_ char *path = NULL, *plain = NULL;
	char hex[SHA256_HEX];
	struct error e = {};

	put(&w, "x", hex);
	path = store_path(w.store, hex);
	turn_a_bit(path, 700);
	check_int(store_plain(w.store, hex, &plain, &e), -ERR_LOCK);
	check(strstr(e.msg, "was damaged"));
	check(strstr(e.msg, "run the same command again"));
	check_int(access(path, F_OK), -1);
}

static void the_blame_goes_to_the_disk_only_if_it_is_its_own(void)
{
	_cleanup_(world_end) struct world w = world_new();
	_free_ char *path = NULL;
	char hex[SHA256_HEX];
	struct error e = {};

	put(&w, "x", hex);
	path = store_path(w.store, hex);
	error_set(&e, ERR_FAILED, "strange package");
	check_int(store_blame(w.store, hex, &e), -ERR_FAILED);
	check_str(e.msg, "strange package");
	turn_a_bit(path, 700);
	check_int(store_blame(w.store, hex, &e), -ERR_LOCK);
	check(strstr(e.msg, "was damaged"));
}

static void errors_have_the_names_of_the_packages(void)
{
	_cleanup_(world_end) struct world w = world_new();
	_free_ char *path = NULL, *plain = NULL;
	const char *const no_urls[] = { NULL };
	struct store_item item = { .name = "apt 3.0.3", .urls = no_urls };
	char hex[SHA256_HEX];
	struct error e = {};
	struct stat st;

	put(&w, "x", hex);
	path = store_path(w.store, hex);
	check_int(stat(path, &st), 0);
	item.sha256 = hex;
	item.size = (uint64_t)st.st_size;
	check_int(store_fetch(w.store, &item, 1, true, NULL, &e), 0);
	turn_a_bit(path, 700);
	check_int(store_plain(w.store, hex, &plain, &e), -ERR_LOCK);
	check(strncmp(e.msg, "apt 3.0.3: ", 11) == 0);
}

static void workers_make_all_of_them(void)
{
	enum { N = 60 };
	_cleanup_(world_end) struct world w = world_new();
	static char hex[N][SHA256_HEX];
	const char *all[N];
	struct error e = {};

	for (int i = 0; i < N; i++) {
		_free_ char *content = xasprintf("%d", i);

		put(&w, content, hex[i]);
		all[i] = hex[i];
	}
	check_int(store_plain_start(w.store, all, N, &e), 0);
	for (int i = N - 1; i >= 0; i--) { /* not their order: those not begun are made at once */
		_free_ char *path = NULL;

		check_int(store_plain(w.store, all[i], &path, &e), 0);
		check_plain(path);
	}
	check_int(store_plain_join(w.store, &e), 0);
}

static void the_first_error_of_a_worker_is_told(void)
{
	enum { N = 20 };
	_cleanup_(world_end) struct world w = world_new();
	static char hex[N][SHA256_HEX];
	const char *all[N];
	_free_ char *rotten = NULL, *path = NULL;
	struct error e = {};

	for (int i = 0; i < N; i++) {
		_free_ char *content = xasprintf("%d", i);

		put(&w, content, hex[i]);
		all[i] = hex[i];
	}
	rotten = store_path(w.store, all[7]);
	turn_a_bit(rotten, 700);
	check_int(store_plain_start(w.store, all, N, &e), 0);
	check_int(store_plain(w.store, all[7], &path, &e), -ERR_LOCK);
	e = (struct error){};
	check_int(store_plain_join(w.store, &e), -ERR_LOCK);
	check(strstr(e.msg, "was damaged"));
	check_int(store_plain_join(w.store, &e), 0); /* none are left */
}

static void leftovers_of_killed_runs_are_swept(void)
{
	_cleanup_(world_end) struct world w = world_new();
	struct error e = {};

	check_int(file_replace(w.fd, "plain/tmp/abc.tmp-1", "x", 1, 0644), 0);
	check_int(store_plain_start(w.store, NULL, 0, &e), 0);
	check_int(store_plain_join(w.store, &e), 0);
	check_int(faccessat(w.fd, "plain/tmp/abc.tmp-1", F_OK, 0), -1);
}

static void what_is_not_in_the_store_is_an_error(void)
{
	_cleanup_(world_end) struct world w = world_new();
	_free_ char *path = NULL;
	char hex[SHA256_HEX];
	struct error e = {};

	sha256_bytes("", 0, hex);
	check_int(store_plain(w.store, hex, &path, &e), -ERR_FAILED);
	check(strstr(e.msg, "No such file or directory"));
	check(!path);
}

int main(void)
{
	run(a_plain_form_is_made_once);
	run(a_torn_plain_form_is_made_again);
	run(a_rotten_plain_form_is_made_again);
	run(a_plain_form_without_its_digest_is_made_again);
	run(a_rotten_package_is_removed_before_it_is_read);
	run(the_blame_goes_to_the_disk_only_if_it_is_its_own);
	run(errors_have_the_names_of_the_packages);
	run(workers_make_all_of_them);
	run(the_first_error_of_a_worker_is_told);
	run(leftovers_of_killed_runs_are_swept);
	run(what_is_not_in_the_store_is_an_error);
	return done();
}
