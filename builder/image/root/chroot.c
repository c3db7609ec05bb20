/*
 * A program in a tree. Everything that allocates is done before the clone: the child of a program
 * with threads may only make system calls, since another thread may have held malloc's lock. The
 * child becomes process 1 of its namespace and stays there as a small init, so that daemons which
 * a script leaves behind end with the script.
 */
#include "chroot.h"

#include "alloc.h"
#include "buf.h"
#include "chroot_mounts.h"
#include "error.h"
#include "process.h"
#include "suppress_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define NAMESPACES (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET)

/*
 * What maintainer scripts need. Not among them: SYS_ADMIN, so that nothing can be mounted, and DAC_READ_SEARCH,
 * which DAC_OVERRIDE has all of but one call: open_by_handle_at() knows no root directory and opens any file of the
 * file system that the tree lies on, the host's.
 */
static const int kept_capabilities[] = {
	CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID, CAP_SETUID,
	CAP_SETPCAP, CAP_SETFCAP, CAP_MKNOD, CAP_SYS_CHROOT,
	CAP_AUDIT_WRITE, /* passwd and chpasswd report to the audit log or fail */
};

static const char *const base_env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"HOME=/root",
	"LC_ALL=C.UTF-8",
	"DEBIAN_FRONTEND=noninteractive",
	"DEBCONF_NONINTERACTIVE_SEEN=true",
	"INITRD=No",
	"SYSTEMD_OFFLINE=1",
	NULL,
};

#define POLICY "/usr/sbin/policy-rc.d"

/* Asked by invoke-rc.d before it starts a service; 101 is "forbidden". */
static const char policy_text[] = "#!/bin/sh\nexit 101\n";

struct plan {
	const struct chroot_run *run;
	struct chroot_mounts mounts;
	const char **env;
	struct buf filter;
	bool policy_made;
};

static size_t key_len(const char *assignment)
{
	return strcspn(assignment, "=");
}

static bool same_key(const char *a, const char *b)
{
	return key_len(a) == key_len(b) && strncmp(a, b, key_len(a)) == 0;
}

static bool overridden(const char *assignment, const char *const *more)
{
	for (; more && *more; more++) {
		if (same_key(assignment, *more))
			return true;
	}
	return false;
}

/* The whole environment; the array is new, its strings are borrowed. */
static const char **make_env(const char *const *more)
{
	size_t n = ARRAY_SIZE(base_env), k = 0;
	const char **env;

	for (const char *const *m = more; m && *m; m++)
		n++;
	env = xcalloc(n, sizeof *env);
	for (const char *const *b = base_env; *b; b++) {
		if (!overridden(*b, more))
			env[k++] = *b;
	}
	for (const char *const *m = more; m && *m; m++) {
		if (strchr(*m, '='))
			env[k++] = *m;
	}
	return env;
}

static int write_policy(const char *path, int flags)
{
	_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0755);

	if (fd < 0)
		return -errno;
	if (write(fd, policy_text, sizeof policy_text - 1) != sizeof policy_text - 1)
		return -errno;
	return fchmod(fd, 0755) < 0 ? -errno : 0;
}

/*
 * Forbids services. Where the tree has a policy of its own, or that of another run in it, ours
 * covers it; the other run may remove it at that moment, then we try again. No /usr/sbin yet: there
 * is no invoke-rc.d either.
 */
static int forbid_services(struct plan *p)
{
	for (;;) {
		int r = write_policy(POLICY, O_EXCL);

		p->policy_made = r == 0;
		if (r == 0 || r == -ENOENT)
			return 0;
		if (r == -EEXIST)
			r = write_policy("/run/policy-rc.d", O_TRUNC);
		if (r == 0)
			r = chroot_mounts_cover("/run/policy-rc.d", POLICY);
		if (r != -ENOENT)
			return r;
	}
}

static int drop_capabilities(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		bool keep = false;

		for (size_t i = 0; i < ARRAY_SIZE(kept_capabilities); i++)
			keep = keep || kept_capabilities[i] == cap;
		if (!keep && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return -errno;
	}
	return 0;
}

/* Ulimits that programs can see, so that the result does not depend on who started kbuild. */
static int set_limits(void)
{
	struct rlimit files, core = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &core) < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	files.rlim_cur = MIN((rlim_t)1024, files.rlim_max);
	return setrlimit(RLIMIT_NOFILE, &files) < 0 ? -errno : 0;
}

static int load_filter(struct plan *p)
{
	struct sock_fprog prog = {
		.len = (unsigned short)(p->filter.len / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)(void *)p->filter.data,
	};

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) < 0 ? -errno : 0;
}

/* The last steps of the process that becomes the program. */
static int become(struct plan *p, const char **what)
{
	int r;

	*what = "giving up rights";
	/* No terminal to ask questions on, no groups of who started kbuild. */
	if (setsid() < 0 || syscall(SYS_setgroups, 0, NULL) < 0)
		return -errno;
	if (p->run->out_again > 0 && dup2(1, p->run->out_again) < 0)
		return -errno;
	umask(022);
	r = set_limits();
	if (r == 0)
		r = drop_capabilities();
	if (r < 0)
		return r;
	*what = "loading the seccomp filter";
	r = load_filter(p);
	environ = (char **)(uintptr_t)p->env; /* where execvpe() looks for PATH */
	return r;
}

/* Process 1: waits for the program, reaps what others leave, passes the status on. */
static _noreturn_ void serve(struct plan *p, pid_t program)
{
	int status;

	/* Ours of the pipes would keep the program from ever seeing the end of its input. */
	close(0);
	syscall(SYS_close_range, 3, ~0U, 0);
	for (;;) {
		pid_t pid = waitpid(-1, &status, 0);

		if (pid == program)
			break;
		if (pid < 0 && errno != EINTR)
			_exit(126);
	}
	if (p->policy_made)
		unlink(POLICY);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* True when kbuild died between the clone and the request to die with it. */
static bool orphaned(void)
{
	struct pollfd err = { .fd = 2 };

	return poll(&err, 1, 0) > 0 && (err.revents & POLLERR);
}

static int enter(void *arg, const char **what)
{
	struct plan *p = arg;
	pid_t pid;
	int r;

	if (orphaned())
		_exit(126);
	r = chroot_mounts_enter(&p->mounts, what);
	if (r < 0)
		return r;
	*what = "forbidding services";
	r = forbid_services(p);
	if (r < 0)
		return r;
	*what = "cloning";
	/* Not fork(): its handlers would take locks that another thread of kbuild may hold. */
	pid = (pid_t)syscall(SYS_clone, (unsigned long)SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid < 0)
		return -errno;
	if (pid > 0)
		serve(p, pid);
	return become(p, what);
}

static void plan_free(struct plan *p)
{
	chroot_mounts_free(&p->mounts);
	free(p->env);
	buf_free(&p->filter);
}

static int run(const struct chroot_run *r, int (*how)(const struct process *, struct error *),
	struct error *e)
{
	_cleanup_(plan_free) struct plan plan = { .run = r };
	int ret;

	ret = suppress_sync_filter(&plan.filter, e);
	if (ret < 0)
		return ret;
	ret = chroot_mounts_prepare(&plan.mounts, r, e);
	if (ret < 0)
		return ret;
	plan.env = make_env(r->env);
	struct process p = {
		.argv = r->argv,
		.env = plan.env,
		.cwd = "/",
		.input = r->input,
		.input_len = r->input_len,
		.out = r->out,
		.log_fd = r->log_fd,
		.line = r->line,
		.line_arg = r->line_arg,
		.clone_flags = NAMESPACES,
		.setup = enter,
		.setup_arg = &plan,
	};
	return how(&p, e);
}

int chroot_run(const struct chroot_run *r, struct error *e)
{
	return run(r, process_run, e);
}

int chroot_check(const struct chroot_run *r, struct error *e)
{
	return run(r, process_check, e);
}

static int nothing(void *arg _unused_, const char **what _unused_)
{
	return 0;
}

int chroot_possible(struct error *e)
{
	const char *const argv[] = { "true", NULL };
	struct process p = { .argv = argv, .clone_flags = NAMESPACES, .setup = nothing };
	int r;

	if (geteuid() != 0)
		return error_set(e, ERR_FAILED, "building needs root for now: run it with sudo");
	r = process_run(&p, e);
	if (r == 0)
		return 0;
	if (r > 0)
		return error_set(e, ERR_FAILED, "cannot run a program in namespaces of its own");
	error_prefix(e, "this machine does not let root make namespaces");
	return error_append(e, "; in a container, it must be a privileged one (CAP_SYS_ADMIN)");
}
