/* The start of a child, up to exec, and its forced end; see process_child.h. */
#include "process_child.h"

#include "buf.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void process_child_free(struct child *c)
{
	int *const fds[] = { &c->pidfd, &c->in, &c->out, &c->err, &c->report };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		closep(fds[i]);
	buf_free(&c->line);
	buf_free(&c->tail);
}

static _noreturn_ void child_fail(int fd, int err, const char *what)
{
	struct report r = { .err = err < 0 ? -err : err };

	snprintf(r.what, sizeof r.what, "%s", what);
	if (fd_write(fd, &r, sizeof r) < 0)
		_exit(126);
	_exit(127);
}

/*
 * Dies with kbuild, also when kbuild died before we could ask for it: then nobody reads the report.
 * (getppid() would not do: in a pid namespace of its own the child has no parent.)
 */
static void die_with_parent(int report_reader, int report)
{
	struct pollfd v = { .fd = report };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(report_reader);
	if (poll(&v, 1, 0) > 0)
		_exit(127);
}

static _noreturn_ void child_main(const struct process *p, int in, int out, int err, int report)
{
	const char *what = "preparing";
	sigset_t none;
	int r;

	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	/* Everything is opened O_CLOEXEC; this is for what a library or our parent left open. */
	syscall(SYS_close_range, 3, UINT_MAX, 4 /* CLOSE_RANGE_CLOEXEC */);
	for (const int *k = p->keep_fds; k && *k >= 0; k++)
		fcntl(*k, F_SETFD, 0);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		child_fail(report, errno, "redirecting");
	if (p->setup) {
		r = p->setup(p->setup_arg, &what);
		if (r < 0)
			child_fail(report, r, what);
	}
	if (p->cwd && chdir(p->cwd) < 0)
		child_fail(report, errno, p->cwd);
	if (p->env)
		execvpe(p->argv[0], (char *const *)(uintptr_t)p->argv,
			(char *const *)(uintptr_t)p->env);
	else
		execvp(p->argv[0], (char *const *)(uintptr_t)p->argv);
	child_fail(report, errno, "exec");
}

static int make_pipe(int fds[2])
{
	return pipe2(fds, O_CLOEXEC) < 0 ? -errno : 0;
}

int process_child_start(struct child *c, const struct process *p)
{
	_close_ int in0 = -1;
	_close_ int out1 = -1;
	_close_ int err1 = -1;
	_close_ int rep1 = -1;
	int fds[2];
	pid_t pid;

	if (p->input) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
			return -errno;
		in0 = fds[0];
		c->in = fds[1];
		fcntl(c->in, F_SETFL, O_NONBLOCK);
	} else if (p->in_fd > 0) {
		in0 = fcntl(p->in_fd, F_DUPFD_CLOEXEC, 3);
		if (in0 < 0)
			return -errno;
	} else {
		in0 = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (in0 < 0)
			return -errno;
	}
	if (p->out_fd > 0 && !p->passed) {
		out1 = fcntl(p->out_fd, F_DUPFD_CLOEXEC, 3);
		if (out1 < 0)
			return -errno;
	} else if (p->out || p->passed) {
		if (make_pipe(fds) < 0)
			return -errno;
		c->out = fds[0];
		out1 = fds[1];
	}
	if (make_pipe(fds) < 0)
		return -errno;
	c->err = fds[0];
	err1 = fds[1];
	if (make_pipe(fds) < 0)
		return -errno;
	c->report = fds[0];
	rep1 = fds[1];

	/* fork() repairs the allocator's locks in the child; clone() does not, see setup in process.h. */
	if (p->clone_flags)
		pid = (pid_t)syscall(SYS_clone, p->clone_flags | SIGCHLD, NULL, NULL, NULL, NULL);
	else
		pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		die_with_parent(c->report, rep1);
		child_main(p, in0, out1 >= 0 ? out1 : err1, err1, rep1);
	}
	c->pid = pid;
	setpgid(pid, pid);
	c->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return c->pidfd < 0 ? -errno : 0;
}

void process_child_kill(struct child *c)
{
	siginfo_t info;

	kill(-c->pid, SIGKILL);
	kill(c->pid, SIGKILL);
	while (waitid(P_PID, (id_t)c->pid, &info, WEXITED) < 0 && errno == EINTR)
		;
}
