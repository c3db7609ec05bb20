/*
 * Files put back by the broker, with a cut after each change of a name: the process ends there, and what is
 * asked again ends the work. tar is the real one.
 */
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "node.h"
#include "ops.h"

#include "check.h"
#include "tmpdir.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/wait.h>

#define ID  "20260104T020000Z"
#define CUT 77

static int cut_after; /* this many changes; 0: never */

int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __real_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __real_unlinkat(int fd, const char *name, int flags);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_unlinkat(int fd, const char *name, int flags);

static int changed(int r)
{
	if (cut_after > 0 && --cut_after == 0)
		_exit(CUT);
	return r;
}

int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return changed(__real_renameat(from_fd, from, to_fd, to));
}

int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	return changed(__real_renameat2(from_fd, from, to_fd, to, flags));
}

int __wrap_unlinkat(int fd, const char *name, int flags)
{
	return changed(__real_unlinkat(fd, name, flags));
}

static void sh(const char *command)
{
	_free_ char *line = xasprintf("cd %s && %s", tmp_name("."), command);

	if (system(line) != 0) /* NOLINT(cert-env33-c): a test's own words */
		check_fail("'%s' failed", line);
}

/* One request to a broker below our root, here. answer: what it says, or NULL. */
static int ask_of(const char *op, const char *path, int fd, struct buf *answer, struct error *e)
{
	const struct broker b = { .root = tmp_name("root"), .state = tmp_name("state") };
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_free_ char *text =
		xasprintf("{\"op\":\"%s\",\"path\":\"%s\",\"id\":\"" ID "\"}", op, path);
	struct ipc_message q = { .arena = arena, .fds = { fd }, .n_fds = fd >= 0 };
	_buf_ json = BUF_INIT;
	struct call c = { .b = &b, .q = &q, .sock = -1, .reply.json = &json };
	struct node *doc;
	int r;

	check_int(json_parse(&doc, arena, "q", text, strlen(text), e), 0);
	q.doc = doc;
	ipc_begin(&json);
	r = op_run(&c, e);
	alarm(0);
	if (answer)
		buf_adds(answer, buf_str(&json));
	return r;
}

static int ask(const char *op, int fd, struct error *e)
{
	return ask_of(op, "/srv/x/d", fd, NULL, e);
}

static void must(const char *op, int fd)
{
	struct error e = { 0 };

	if (ask(op, fd, &e) < 0)
		check_fail("%s: %s", op, e.msg);
}

/* Whether it came to its end before the cut. */
static bool ends_before_cut(const char *op, int fd, int cut)
{
	struct error e = { 0 };
	int status;
	pid_t child = fork();

	if (child == 0) {
		cut_after = cut;
		_exit(ask(op, fd, &e) < 0 ? 1 : 0);
	}
	check(waitpid(child, &status, 0) == child && WIFEXITED(status));
	if (WEXITSTATUS(status) != CUT)
		check_int(WEXITSTATUS(status), 0);
	return WEXITSTATUS(status) == 0;
}

static size_t names_in(const char *dir, const char *prefix)
{
	DIR *d = opendir(tmp_name(dir));
	size_t n = 0;

	check(d);
	for (struct dirent *entry; (entry = readdir(d));)
		n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	closedir(d);
	return n;
}

/* The shell's words for what is there, what is in the backup, and what shows them. */
static const struct form {
	const char *there, *saved, *is_old, *is_new;
} forms[] = {
	{ "mkdir d && echo old >d/f", "mkdir d && echo new >d/f", "grep -q old $D/f",
		"grep -q new d/f && test $(stat -c %a d) = 755" },
	{ "echo old >d", "echo new >d", "grep -q old $D", "grep -q new d" },
	{ "mkdir d && echo old >d/f", "mkdir d", "grep -q old $D/f",
		"test -d d && test -z \"$(ls -A d)\"" },
	{ "true", "mkdir d && echo new >d/f", NULL, "grep -q new d/f" },
	{ "true", "echo new >d", NULL, "grep -q new d" },
	/* Names alone do not tell a directory from a file. */
	{ "echo old >d", "mkdir d && echo new >d/d", "grep -q old $D", "grep -q new d/d" },
	{ "mkdir d && echo old >d/d", "echo new >d", "grep -q old $D/d", "grep -q new d" },
};

static void start(const struct form *f)
{
	_free_ char *there = xasprintf("umask 022; cd root/srv/x && %s", f->there);
	_free_ char *saved = xasprintf(
		"umask 022; cd saved && %s && if test -d d; then "
		"tar -C d -cf ../tar .; else tar -cf ../tar d; fi",
		f->saved);

	sh("rm -rf root saved tar state; mkdir -p root/srv/x root/etc/kbuild saved state");
	sh("echo 'name: x\nbackup: {paths: [/srv/x/d]}' >root/etc/kbuild/agent.yaml");
	sh(there);
	sh(saved);
}

static void fill(void)
{
	_close_ int fd = openat(tmp_fd(), "tar", O_RDONLY | O_CLOEXEC);

	must("files-fill", fd);
}

static void check_swapped(const struct form *f)
{
	_free_ char *new = xasprintf("cd root/srv/x && %s", f->is_new);
	_free_ char *old = xasprintf("cd root/srv/x && D=d.before-" ID " && %s", f->is_old);

	sh(new);
	if (f->is_old)
		sh(old);
	check_int(names_in("root/srv/x", "d.before-"), f->is_old != NULL);
	check_int(names_in("root/srv/x", ".kbuild-restore-"), 0);
}

static void a_swap_may_be_cut_anywhere(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		bool ended = false;

		for (int cut = 1; !ended; cut++) {
			check(cut < 50);
			start(&forms[i]);
			fill();
			ended = ends_before_cut("files-swap", -1, cut);
			must("files-swap", -1);
			check_swapped(&forms[i]);
			must("files-swap", -1);
			check_swapped(&forms[i]);
		}
	}
}

static void a_swap_may_be_cut_twice(void)
{
	for (int cut = 1; cut < 4; cut++) {
		start(&forms[0]);
		fill();
		(void)ends_before_cut("files-swap", -1, cut);
		(void)ends_before_cut("files-swap", -1, 1);
		must("files-swap", -1);
		check_swapped(&forms[0]);
	}
}

static void what_was_unpacked_is_dropped_or_begun_again(void)
{
	bool ended = false;

	for (int cut = 1; !ended; cut++) {
		_close_ int fd = -1;

		check(cut < 50);
		start(&forms[0]);
		fd = openat(tmp_fd(), "tar", O_RDONLY | O_CLOEXEC);
		ended = ends_before_cut("files-fill", fd, cut);
		must("files-drop", -1);
		check_int(names_in("root/srv/x", ".kbuild-restore-"), 0);
		sh("grep -q old root/srv/x/d/f");
		fill();
		must("files-swap", -1);
		check_swapped(&forms[0]);
	}
}

static void the_same_backup_twice_keeps_both(void)
{
	start(&forms[0]);
	for (int i = 0; i < 2; i++) {
		fill();
		must("files-swap", -1);
	}
	check_int(names_in("root/srv/x", "d.before-"), 2);
	sh("grep -q old root/srv/x/d.before-" ID "/f && grep -q new root/srv/x/d.before-" ID
	   "-2/f");
}

static void what_held_it_may_be_lost_too(void)
{
	start(&forms[3]);
	sh("rmdir root/srv/x root/srv");
	must("files-drop", -1);
	must("files-swap", -1);
	check_int(faccessat(tmp_fd(), "root/srv", F_OK, 0), -1);
	fill();
	must("files-swap", -1);
	check_swapped(&forms[3]);
}

static void check_look(const char *wanted)
{
	_buf_ answer = BUF_INIT;
	struct error e = { 0 };

	if (ask_of("files-look", "/srv/x/d", -1, &answer, &e) < 0)
		check_fail("files-look: %s", e.msg);
	check(strstr(buf_str(&answer), wanted));
}

static void it_is_known_before_what_can_be_put_back(void)
{
	struct error e = { 0 };

	start(&forms[0]);
	check_look("\"there\":true,\"waits\":false");
	fill();
	check_look("\"there\":true,\"waits\":true");
	sh("rm -rf root/srv/x/d");
	check_look("\"there\":false,\"waits\":true");
	must("files-swap", -1);
	check_look("\"there\":true,\"waits\":false");
	sh("rm -rf root/srv");
	check_look("\"there\":false,\"waits\":false");
	check(ask_of("files-look", "/srv/x/e", -1, NULL, &e) < 0);
	check(strstr(e.msg, "not in kbuild.backup"));
}

/* Who owns a directory on the way could lead root anywhere. */
static void nothing_is_put_back_through_a_link(void)
{
	_close_ int fd = -1;
	struct error e = { 0 };

	start(&forms[0]);
	sh("mv root/srv/x root/srv/real && ln -s real root/srv/x");
	fd = openat(tmp_fd(), "tar", O_RDONLY | O_CLOEXEC);
	check(ask("files-fill", fd, &e) < 0);
	check(strstr(e.msg, "leads through a link"));
	check_int(names_in("root/srv/real", ".kbuild-restore-"), 0);
}

int main(void)
{
	run(a_swap_may_be_cut_anywhere);
	run(a_swap_may_be_cut_twice);
	run(what_was_unpacked_is_dropped_or_begun_again);
	run(the_same_backup_twice_keeps_both);
	run(what_held_it_may_be_lost_too);
	run(it_is_known_before_what_can_be_put_back);
	run(nothing_is_put_back_through_a_link);
	return done();
}
