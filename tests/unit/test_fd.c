/* Files and directories: durable replacement, removal that stays at home, copies with holes. */
#include "fd.h"

#include "alloc.h"
#include "buf.h"
#include "check.h"
#include "tmpdir.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

static size_t entries(const char *name)
{
	DIR *d = opendir(tmp_name(name));
	size_t n = 0;

	check(d != NULL);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void check_content(const char *name, const char *want)
{
	_buf_ b = BUF_INIT;

	check_int(file_read(tmp_fd(), name, MIB, &b), 0);
	check_str(buf_str(&b), want);
}

static void fresh(const char *name)
{
	check_int(remove_all(tmp_fd(), name), 0);
	check_int(mkdir_all(tmp_fd(), name, 0755), 0);
}

static void reading_more_than_allowed_leaves_the_buffer_alone(void)
{
	_buf_ b = BUF_INIT;

	check_int(file_replace(tmp_fd(), "r", "12345", 5, 0644), 0);
	buf_adds(&b, "old:");
	check_int(file_read(tmp_fd(), "r", 4, &b), -EFBIG);
	check_str(buf_str(&b), "old:");
	check_int(file_read(tmp_fd(), "r", 5, &b), 0);
	check_str(buf_str(&b), "old:12345");
	check_int(file_read(tmp_fd(), "absent", 5, &b), -ENOENT);
	check_int(file_read(tmp_fd(), ".", 5, &b), -EISDIR);
}

static void a_replaced_file_is_whole_with_its_mode_and_no_leftovers(void)
{
	struct stat st;

	fresh("rep");
	umask(077);
	check_int(file_replace(tmp_fd(), "rep/f", "one", 3, 0644), 0);
	umask(022);
	check_int(file_replace(tmp_fd(), "rep/f", "second", 6, 0640), 0);
	check_content("rep/f", "second");
	check_int(fstatat(tmp_fd(), "rep/f", &st, 0), 0);
	check_int(st.st_mode & 07777, 0640);
	check_int(entries("rep"), 1);
}

static void a_replacement_that_cannot_be_leaves_nothing(void)
{
	fresh("rep2");
	check_int(mkdir_all(tmp_fd(), "rep2/dir/sub", 0755), 0);
	check_int(file_replace(tmp_fd(), "rep2/dir", "x", 1, 0644), -EISDIR);
	check_int(file_replace(tmp_fd(), "rep2/absent/x", "x", 1, 0644), -ENOENT);
	check_int(entries("rep2"), 1);
}

static void a_symlink_is_replaced_not_followed(void)
{
	fresh("rep3");
	check_int(file_replace(tmp_fd(), "rep3/target", "safe", 4, 0644), 0);
	check_int(symlinkat("target", tmp_fd(), "rep3/link"), 0);
	check_int(file_replace(tmp_fd(), "rep3/link", "new", 3, 0644), 0);
	check_content("rep3/target", "safe");
	check_content("rep3/link", "new");
}

static void an_aborted_file_leaves_the_old_one(void)
{
	struct atomic f = ATOMIC_INIT;

	fresh("ab");
	check_int(file_replace(tmp_fd(), "ab/f", "old", 3, 0644), 0);
	check_int(atomic_open(&f, tmp_fd(), "ab/f", 0644), 0);
	check_int(fd_write(f.fd, "half", 4), 0);
	check_int(entries("ab"), 2);
	atomic_abort(&f);
	check_content("ab/f", "old");
	check_int(entries("ab"), 1);
	atomic_abort(&f); /* allowed again, and on ATOMIC_INIT */
}

static void after_a_commit_abort_does_nothing(void)
{
	struct atomic f = ATOMIC_INIT;

	fresh("co");
	check_int(atomic_open(&f, tmp_fd(), "co/f", 0644), 0);
	check_int(fd_write(f.fd, "new", 3), 0);
	check_int(atomic_commit(&f), 0);
	atomic_abort(&f);
	check_content("co/f", "new");
}

static void directories_are_made_with_their_parents(void)
{
	check_int(mkdir_all(tmp_fd(), "a/b//c/", 0755), 0);
	check_int(mkdir_all(tmp_fd(), "a/b/c", 0755), 0);
	check_int(mkdir_all(AT_FDCWD, tmp_name("a/d"), 0755), 0);
	check_int(file_replace(tmp_fd(), "a/file", "", 0, 0644), 0);
	check_int(mkdir_all(tmp_fd(), "a/file", 0755), -ENOTDIR);
	check_int(mkdir_all(tmp_fd(), "a/file/x", 0755), -ENOTDIR);
	check_int(symlinkat("b", tmp_fd(), "a/link"), 0);
	check_int(mkdir_all(tmp_fd(), "a/link", 0755), 0);
}

static void a_tree_is_removed_and_its_symlinks_are_not_followed(void)
{
	fresh("keep");
	fresh("rm/deep/er");
	check_int(file_replace(tmp_fd(), "keep/precious", "p", 1, 0644), 0);
	check_int(file_replace(tmp_fd(), "rm/deep/er/f", "x", 1, 0444), 0);
	check_int(symlinkat("../keep", tmp_fd(), "rm/dirlink"), 0);
	check_int(symlinkat("../keep/precious", tmp_fd(), "rm/deep/filelink"), 0);
	check_int(mkfifoat(tmp_fd(), "rm/fifo", 0600), 0);
	check_int(remove_all(tmp_fd(), "rm"), 0);
	check_int(faccessat(tmp_fd(), "rm", F_OK, 0), -1);
	check_content("keep/precious", "p");
	check_int(symlinkat("keep", tmp_fd(), "top"), 0);
	check_int(remove_all(tmp_fd(), "top"), 0);
	check_content("keep/precious", "p");
	check_int(remove_all(tmp_fd(), "absent"), 0);
}

static void many_entries_are_removed(void)
{
	fresh("many");
	for (int i = 0; i < 5000; i++) {
		_free_ char *name = xasprintf("many/%d", i);

		check_int(mkdirat(tmp_fd(), name, 0755), 0);
	}
	check_int(remove_all(tmp_fd(), "many"), 0);
}

/* In a mount namespace of its own; 77 when this machine allows none. */
static int remove_across(const char *type)
{
	int r;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 77;
	if (*type)
		r = mount("none", tmp_name("mnt/x/here"), type, 0, NULL);
	else
		r = mount(tmp_name("mnt-other"), tmp_name("mnt/x/here"), NULL, MS_BIND, NULL);
	if (r < 0)
		return 77;
	/* By path: the directory's fd still sees the mounts from before. */
	close(open(tmp_name("mnt/x/here/precious"), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	if (remove_all(AT_FDCWD, tmp_name("mnt/x")) != -EXDEV)
		return 1;
	if (remove_all(AT_FDCWD, tmp_name("mnt/x/here")) != -EXDEV)
		return 2;
	return access(tmp_name("mnt/x/here/precious"), F_OK) == 0 ? 0 : 3;
}

static void check_stays_out_of(const char *type)
{
	int status;
	pid_t pid;

	fresh("mnt");
	fresh("mnt-other");
	check_int(mkdir_all(tmp_fd(), "mnt/x/here", 0755), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(remove_across(type));
	check(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		printf("# no mount namespaces here: not proved\n");
	else
		check_int(WEXITSTATUS(status), 0);
}

/* As two programs that clear the same up. */
static void two_may_remove_the_same(void)
{
	for (int round = 0; round < 20; round++) {
		pid_t other;
		int status;

		for (int i = 0; i < 40; i++) {
			char name[32];

			snprintf(name, sizeof name, "both/%d/below", i);
			check_int(mkdir_all(tmp_fd(), name, 0755), 0);
		}
		other = fork();
		if (other == 0)
			_exit(remove_all(tmp_fd(), "both") == 0 ? 0 : 1);
		check_int(remove_all(tmp_fd(), "both"), 0);
		check_int(waitpid(other, &status, 0), other);
		check_int(status, 0);
	}
}

static void removal_stays_out_of_other_file_systems(void)
{
	check_stays_out_of("tmpfs");
}

static void removal_stays_out_of_bind_mounts_of_the_same_file_system(void)
{
	check_stays_out_of("");
}

static int copy_of(const char *name, int to)
{
	_close_ int from = openat(tmp_fd(), name, O_RDONLY | O_CLOEXEC);

	check(from >= 0);
	return fd_copy(from, to);
}

static void a_copy_has_the_same_bytes_and_holes(void)
{
	_close_ int from = openat(tmp_fd(), "sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	_close_ int to = openat(tmp_fd(), "copy", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct stat a, b;
	char c[4] = "";

	check_int(pwrite(from, "data", 4, 32 * (off_t)MIB), 4);
	check_int(pwrite(from, "more", 4, 100 * (off_t)MIB + 3), 4);
	check_int(ftruncate(from, 300 * (off_t)MIB), 0);
	check_int(copy_of("sparse", to), 0);
	check_int(fstat(from, &a), 0);
	check_int(fstat(to, &b), 0);
	check_int(b.st_size, a.st_size);
	check(b.st_blocks <= a.st_blocks + 64);
	check_int(pread(to, c, 4, 32 * (off_t)MIB), 4);
	check(memcmp(c, "data", 4) == 0);
	check_int(pread(to, c, 4, 100 * (off_t)MIB + 3), 4);
	check(memcmp(c, "more", 4) == 0);
}

static void a_copy_over_a_file_keeps_nothing_of_it(void)
{
	_close_ int hole = openat(tmp_fd(), "hole", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	_close_ int to = openat(tmp_fd(), "over", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	char c[8192], zero[8192] = "";

	memset(c, 'x', sizeof c);
	check_int(fd_write(to, c, sizeof c), 0);
	check_int(ftruncate(hole, 8192), 0);
	check_int(copy_of("hole", to), 0);
	check_int(pread(to, c, sizeof c, 0), 8192);
	check(memcmp(c, zero, sizeof c) == 0);
	check_int(file_replace(tmp_fd(), "empty", "", 0, 0644), 0);
	check_int(copy_of("empty", to), 0);
	check_int(lseek(to, 0, SEEK_END), 0);
}

static void a_copy_between_file_systems_is_equal(void)
{
	_close_ int to = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char c[6] = "";

	if (to < 0) {
		printf("# no second file system here: not proved\n");
		return;
	}
	check_int(file_replace(tmp_fd(), "small", "small", 5, 0644), 0);
	check_int(copy_of("small", to), 0);
	check_int(pread(to, c, sizeof c, 0), 5);
	check_str(c, "small");
}

static void writing_at_an_offset_leaves_the_position(void)
{
	_close_ int fd = openat(tmp_fd(), "at", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	_buf_ got = BUF_INIT;

	check_int(fd_write_at(fd, "world", 5, 6), 0);
	check_int(fd_write(fd, "hello ", 6), 0);
	check_int(file_read(tmp_fd(), "at", 100, &got), 0);
	check_str(buf_str(&got), "hello world");
}

int main(void)
{
	run(writing_at_an_offset_leaves_the_position);
	run(reading_more_than_allowed_leaves_the_buffer_alone);
	run(a_replaced_file_is_whole_with_its_mode_and_no_leftovers);
	run(a_replacement_that_cannot_be_leaves_nothing);
	run(a_symlink_is_replaced_not_followed);
	run(an_aborted_file_leaves_the_old_one);
	run(after_a_commit_abort_does_nothing);
	run(directories_are_made_with_their_parents);
	run(a_tree_is_removed_and_its_symlinks_are_not_followed);
	run(many_entries_are_removed);
	run(two_may_remove_the_same);
	run(removal_stays_out_of_other_file_systems);
	run(removal_stays_out_of_bind_mounts_of_the_same_file_system);
	run(a_copy_has_the_same_bytes_and_holes);
	run(a_copy_over_a_file_keeps_nothing_of_it);
	run(a_copy_between_file_systems_is_equal);
	return done();
}
