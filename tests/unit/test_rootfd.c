/* Files below a root fd: links and dots in a tree lead anywhere inside it and nowhere outside. */
#include "alloc.h"
#include "buf.h"
#include "check.h"
#include "rootfd.h"
#include "tmpdir.h"
#include "walk.h"

#include <errno.h>

static int root(void)
{
	static int fd = -1;

	if (fd < 0) {
		mkdirat(tmp_fd(), "root", 0755);
		fd = openat(tmp_fd(), "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return fd;
}

static void check_content(int dir, const char *path, const char *want)
{
	_buf_ text = BUF_INIT;

	check_int(file_read(dir, path, KIB, &text), 0);
	check_str(buf_str(&text), want);
}

static void writing_makes_parents_and_sets_the_exact_mode(void)
{
	struct stat st;
	mode_t old = umask(0077);

	check_int(rootfd_puts(root(), "/etc/deep/er/file", "text\n", 0664), 0);
	umask(old);
	check_content(root(), "etc/deep/er/file", "text\n");
	check_int(rootfd_stat(root(), "etc/deep/er/file", &st), 0);
	check_int(st.st_mode & 07777, 0664);
	check_int(rootfd_stat(root(), "/etc/deep", &st), 0);
	check_int(st.st_mode & 07777, 0755);
}

static void absolute_links_stay_inside(void)
{
	check_int(rootfd_mkdir(root(), "/inside", 0755), 0);
	check_int(symlinkat("/inside", root(), "absolute"), 0);
	check_int(rootfd_puts(root(), "/absolute/file", "in", 0644), 0);
	check_content(root(), "inside/file", "in");
}

static void dots_stop_at_the_root(void)
{
	check_int(symlinkat("../../../../../../../../dots", root(), "up"), 0);
	check_int(rootfd_mkdir(root(), "/dots", 0755), 0);
	check_int(rootfd_puts(root(), "/up/file", "in", 0644), 0);
	check_content(root(), "dots/file", "in");
	check_int(rootfd_puts(root(), "/../../../above", "in", 0644), 0);
	check_content(root(), "above", "in");
}

static void a_link_as_the_file_itself_stays_inside(void)
{
	_free_ char *target = xasprintf("%s/outside", tmp_path);

	check_int(symlinkat(target, root(), "leak"), 0);
	check_int(rootfd_puts(root(), "leak", "x", 0644), -ENOENT);
	check_int(faccessat(tmp_fd(), "outside", F_OK, 0), -1);
}

static void appending_keeps_what_was_there(void)
{
	check_int(rootfd_puts(root(), "log", "one\n", 0644), 0);
	check_int(rootfd_append(root(), "log", "two\n", 4, 0600), 0);
	check_content(root(), "log", "one\ntwo\n");
}

static void a_fifo_is_not_opened(void)
{
	check_int(mkfifoat(root(), "fifo", 0644), 0);
	check(rootfd_puts(root(), "fifo", "x", 0644) < 0);
	check_int(rootfd_open(root(), "fifo", O_RDONLY, 0), -EINVAL);
}

static void linking_replaces_links_and_files(void)
{
	char target[16] = "";

	check_int(rootfd_symlink(root(), "one", "/link/here"), 0);
	check_int(rootfd_symlink(root(), "two", "/link/here"), 0);
	check_int(readlinkat(root(), "link/here", target, sizeof target), 3);
	check_str(target, "two");
}

static void removing_a_link_spares_its_target(void)
{
	check_int(rootfd_puts(root(), "/kept/file", "x", 0644), 0);
	check_int(symlinkat("kept", root(), "gone"), 0);
	check_int(rootfd_remove(root(), "/gone"), 0);
	check(rootfd_exists(root(), "/kept/file"));
	check_int(rootfd_remove(root(), "/kept"), 0);
	check(!rootfd_exists(root(), "/kept"));
	check_int(rootfd_remove(root(), "/never/was"), 0);
}

static void paths_without_a_name_are_refused(void)
{
	check_int(rootfd_puts(root(), "/", "x", 0644), -EINVAL);
	check_int(rootfd_puts(root(), "dir/..", "x", 0644), -EINVAL);
	check_int(rootfd_remove(root(), "."), -EINVAL);
}

static int collect(void *arg, const struct walk_entry *e)
{
	buf_printf(arg, "%s%s\n", e->path, S_ISDIR(e->st->st_mode) ? "/" : "");
	return 0;
}

static void walking_does_not_follow_links_and_ends_with_the_directory(void)
{
	_buf_ seen = BUF_INIT;

	check_int(rootfd_puts(root(), "/walk/a/file", "x", 0644), 0);
	check_int(rootfd_symlink(root(), "/", "/walk/a/loop"), 0);
	check_int(walk_below(root(), "/walk", collect, &seen), 0);
	check(strstr(buf_str(&seen), "/walk/a/file\n"));
	check(strstr(buf_str(&seen), "/walk/a/loop\n"));
	check(!strstr(buf_str(&seen), "loop/"));
	check_str(strrchr(buf_str(&seen), 'k'), "k/a/\n");
	buf_reset(&seen);
	check_int(walk_below(root(), "/absent", collect, &seen), 0);
	check_int(seen.len, 0);
}

int main(void)
{
	run(writing_makes_parents_and_sets_the_exact_mode);
	run(absolute_links_stay_inside);
	run(dots_stop_at_the_root);
	run(a_link_as_the_file_itself_stays_inside);
	run(appending_keeps_what_was_there);
	run(a_fifo_is_not_opened);
	run(linking_replaces_links_and_files);
	run(removing_a_link_spares_its_target);
	run(paths_without_a_name_are_refused);
	run(walking_does_not_follow_links_and_ends_with_the_directory);
	return done();
}
