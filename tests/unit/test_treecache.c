/* Trees by digest: found when whole, kept while used, swept when old. */
#include "alloc.h"
#include "check.h"
#include "error.h"
#include "fd.h"
#include "treecache.h"
#include "work.h"

#include <fcntl.h>
#include <sys/stat.h>

static char cache[] = "/tmp/kbuild-test-XXXXXX";

static const char *digest(char c)
{
	static char text[65];

	memset(text, c, 64);
	return text;
}

static void publish(char c)
{
	_cleanup_(work_close) struct work w = WORK_INIT;
	_free_ char *dir = xasprintf("%s/work", cache);
	struct error e = {};

	check_int(work_open(&w, dir, &e), 0);
	check_int(mkdirat(w.fd, "entry", 0700), 0);
	check_int(mkdirat(w.fd, "entry/root", 0755), 0);
	check_int(treecache_publish(cache, digest(c), &w, &e), 0);
}

/* Makes c's last use t seconds after the beginning of time. */
static void use_at(char c, time_t t)
{
	_free_ char *path = xasprintf("%s/trees/%s", cache, digest(c));
	const struct timespec times[2] = { { t, 0 }, { t, 0 } };

	check_int(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool is_kept(char c)
{
	_free_ char *path = xasprintf("%s/trees/%s/root", cache, digest(c));

	return access(path, F_OK) == 0;
}

static int find(char c, char **root, int *lock)
{
	struct error e = {};

	return treecache_find(cache, digest(c), root, lock, &e);
}

static void what_was_not_published_is_absent(void)
{
	_free_ char *root = NULL;
	_close_ int lock = -1;
	struct error e = {};
	_close_ int claim = treecache_claim(cache, digest('a'), NULL, &e);

	check(claim >= 0);
	check_int(find('a', &root, &lock), TREECACHE_ABSENT);
	check_int(lock, -1);
}

static void a_published_tree_is_found(void)
{
	_free_ char *root = NULL;
	_close_ int lock = -1;

	publish('a');
	check_int(find('a', &root, &lock), 0);
	check(root && access(root, F_OK) == 0);
	check(lock >= 0);
}

static void the_oldest_go_and_those_in_use_stay(void)
{
	_free_ char *root = NULL;
	_close_ int lock = -1;

	for (char c = 'a'; c <= 'h'; c++) {
		if (!is_kept(c))
			publish(c);
	}
	check_int(find('a', &root, &lock), 0);
	for (char c = 'a'; c <= 'h'; c++)
		use_at(c, 1000 + c);
	treecache_sweep(cache);
	check(is_kept('a')); /* the oldest, but in use */
	check(!is_kept('b') && !is_kept('c'));
	for (char c = 'd'; c <= 'h'; c++)
		check(is_kept(c));
}

static void a_sweep_keeps_what_is_few(void)
{
	treecache_sweep(cache);
	treecache_sweep(cache);
	for (char c = 'd'; c <= 'h'; c++)
		check(is_kept(c));
}

int main(void)
{
	if (!mkdtemp(cache))
		return 1;
	run(what_was_not_published_is_absent);
	run(a_published_tree_is_found);
	run(the_oldest_go_and_those_in_use_stay);
	run(a_sweep_keeps_what_is_few);
	if (remove_all(AT_FDCWD, cache) < 0)
		return 1;
	return done();
}
