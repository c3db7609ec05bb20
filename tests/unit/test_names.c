/* Lists of names, and what a directory holds. */
#include "names.h"

#include "check.h"
#include "tmpdir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void touch(const char *name)
{
	close(openat(tmp_fd(), name, O_CREAT | O_WRONLY, 0644));
}

static void a_directory_is_read_sorted_by_bytes_without_its_dots(void)
{
	static const char *const want[] = { ".hidden", "A", "a", "a.b", "b", "link" };
	_cleanup_(names_free) struct names s = NAMES_INIT;

	check_int(mkdirat(tmp_fd(), "d", 0755), 0);
	touch("d/b");
	touch("d/a.b");
	touch("d/.hidden");
	touch("d/A");
	check_int(mkdirat(tmp_fd(), "d/a", 0755), 0);
	check_int(symlinkat("nowhere", tmp_fd(), "d/link"), 0);
	check_int(names_read(&s, tmp_fd(), "d"), 0);
	check_int((int)s.n, 6);
	for (size_t i = 0; i < s.n && i < ARRAY_SIZE(want); i++)
		check_str(s.v[i], want[i]);
}

static void an_fd_can_be_read_twice(void)
{
	_cleanup_(names_free) struct names s = NAMES_INIT;
	_close_ int fd = -1;

	check_int(mkdirat(tmp_fd(), "twice", 0755), 0);
	touch("twice/x");
	fd = openat(tmp_fd(), "twice", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check_int(names_read(&s, fd, "."), 0);
	check_int(names_read(&s, fd, "."), 0);
	check_int((int)s.n, 2);
}

static void what_is_no_directory_is_said(void)
{
	_cleanup_(names_free) struct names s = NAMES_INIT;

	touch("file");
	check_int(mkdirat(tmp_fd(), "real", 0755), 0);
	check_int(symlinkat("real", tmp_fd(), "alias"), 0);
	check_int(names_read(&s, tmp_fd(), "absent"), -ENOENT);
	check_int(names_read(&s, tmp_fd(), "file"), -ENOTDIR);
	check_int(names_read(&s, tmp_fd(), "alias"), -ENOTDIR);
	check_int(names_read(&s, -1, "."), -EBADF);
	check_int((int)s.n, 0);
}

static void added_names_are_sorted_when_asked(void)
{
	_cleanup_(names_free) struct names s = NAMES_INIT;

	names_sort(&s);
	names_add(&s, "z");
	names_add(&s, "a");
	check_str(s.v[0], "z");
	names_sort(&s);
	check_str(s.v[0], "a");
}

int main(void)
{
	run(a_directory_is_read_sorted_by_bytes_without_its_dots);
	run(an_fd_can_be_read_twice);
	run(what_is_no_directory_is_said);
	run(added_names_are_sorted_when_asked);
	return done();
}
