/*
 * See filter.h. Lists of system calls by purpose, and which purposes each kind of process has. A list is
 * what glibc 2.35 to 2.41, libcurl, libgit2 and OpenSSL were seen to need, errors and signals included.
 */
#include "filter.h"

#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* Memory, time, itself, and descriptors that it has already. mmap, mprotect, prctl: see below. */
static const char *const basic[] = { "read", "readv", "pread64", "preadv", "write", "writev",
	"pwrite64", "pwritev", "close", "close_range", "lseek", "fstat", "newfstatat", "statx",
	"fcntl", "dup", "dup2", "dup3", "pipe2", "poll", "ppoll", "select", "pselect6", "munmap",
	"mremap", "madvise", "brk", "futex", "set_robust_list", "rseq", "membarrier", "sched_yield",
	"sched_getaffinity", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
	"rt_sigpending", "restart_syscall", "getpid", "getppid", "gettid", "getuid", "geteuid",
	"getgid", "getegid", "getgroups", "getresuid", "getresgid", "getcwd", "uname", "sysinfo",
	"getrlimit", "getrusage", "times", "getrandom", "clock_gettime", "clock_getres",
	"clock_nanosleep", "nanosleep", "gettimeofday", "time", "exit", "exit_group", "tgkill",
	"memfd_create", "umask", "alarm", "setitimer", NULL };

/* Files that it may open; which, is for Landlock. */
static const char *const reading[] = { "open", "openat", "openat2", "access", "faccessat",
	"faccessat2", "stat", "lstat", "readlink", "readlinkat", "getdents64", "statfs", "fstatfs",
	"fadvise64", NULL };

static const char *const writing[] = { "rename", "renameat", "renameat2", "unlink", "unlinkat",
	"mkdir", "mkdirat", "rmdir", "link", "linkat", "symlink", "symlinkat", "ftruncate",
	"truncate", "fallocate", "fsync", "fdatasync", "sync_file_range", "fchmod", "fchmodat",
	"chmod", "utimensat", "flock", "syncfs", "copy_file_range", "sendfile", "splice", NULL };

/* On sockets that it has. */
static const char *const messages[] = { "sendmsg", "recvmsg", "sendto", "recvfrom", "getsockopt",
	"shutdown", NULL };

/* On sockets that it makes, of whichever family it may. */
static const char *const sockets[] = { "connect", "setsockopt", "getsockname", "getpeername",
	NULL };

static const char *const internet[] = { "bind", "sendmmsg", "recvmmsg", "epoll_create1",
	"epoll_ctl", "epoll_wait", "epoll_pwait", "eventfd2", NULL };

/* Ending helpers that are late. (Whom, is for the kernel: it has no rights over others' processes.) */
static const char *const parents[] = { "kill", "wait4", "waitid", "adjtimex", NULL };

/* What nobody needs who is not breaking out. */
static const char *const dangerous[] = { "execve", "execveat", "fork", "vfork", "ptrace",
	"process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp", "bpf",
	"perf_event_open", "keyctl", "add_key", "request_key", "mount", "umount2", "pivot_root",
	"chroot", "unshare", "setns", "fsopen", "fsconfig", "fsmount", "fspick", "open_tree",
	"move_mount", "mount_setattr", "kexec_load", "kexec_file_load", "init_module",
	"finit_module", "delete_module", "io_uring_setup", "io_uring_enter", "io_uring_register",
	"userfaultfd", "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid",
	"setgroups", "setfsuid", "setfsgid", "capset", "reboot", "swapon", "swapoff", "iopl",
	"ioperm", "open_by_handle_at", "name_to_handle_at", "acct", "quotactl", "settimeofday",
	"clock_settime", "personality", "syslog", "sethostname", "setdomainname", "mknod",
	"mknodat", "modify_ldt", "vhangup", "fanotify_init", "lookup_dcookie", "uselib",
	"migrate_pages", "move_pages", "mbind", "set_mempolicy", "listen", "accept", "accept4",
	NULL };

enum { UNIX = 1, INET = 2, NETLINK = 4, THREADS = 8 };

static const struct kind {
	const char *const *lists[7];
	unsigned more;
} kinds[] = {
	/* Unix sockets: to the broker. Whose it may reach, is for the files' owners: it is not root. */
	[CONFINE_CONDUCTOR] = { { basic, reading, writing, messages, sockets, parents },
		UNIX | THREADS },
	[CONFINE_NET] = { { basic, reading, messages, sockets, internet }, INET | THREADS },
	[CONFINE_GIT] = { { basic, reading, writing, messages, sockets, internet }, INET },
	[CONFINE_PARSE] = { { basic, messages }, 0 },
	/* Some NSS modules ask a service of the machine. */
	[CONFINE_RESOLVE] = { { basic, reading, messages, sockets, internet },
		UNIX | INET | NETLINK },
};

static int add(scmp_filter_ctx f, uint32_t action, const char *name, unsigned n,
	const struct scmp_arg_cmp *args)
{
	int nr = seccomp_syscall_resolve_name(name);

	int r;

	/* One that this libseccomp does not know is not allowed either: the default is for it. */
	if (nr == __NR_SCMP_ERROR)
		return 0;
	r = seccomp_rule_add_array(f, action, nr, n, args);
	/* What the filter does anyway needs no rule, it says. */
	return r == -EACCES ? 0 : r;
}

static int add_list(scmp_filter_ctx f, uint32_t action, const char *const *names)
{
	int r = 0;

	for (; *names && r >= 0; names++)
		r = add(f, action, *names, 0, NULL);
	return r;
}

static int add_equal(
	scmp_filter_ctx f, const char *name, unsigned arg, const scmp_datum_t *values, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++)
		r = add(f, SCMP_ACT_ALLOW, name, 1,
			&(struct scmp_arg_cmp){ arg, SCMP_CMP_EQ, values[i], 0 });
	return r;
}

static int add_masked(
	scmp_filter_ctx f, const char *name, unsigned arg, scmp_datum_t mask, scmp_datum_t want)
{
	return add(f, SCMP_ACT_ALLOW, name, 1,
		&(struct scmp_arg_cmp){ arg, SCMP_CMP_MASKED_EQ, mask, want });
}

/* Streams and datagrams only: no raw and no packet sockets. */
static int add_socket(scmp_filter_ctx f, int family)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	const scmp_datum_t flags = ~(scmp_datum_t)(SOCK_CLOEXEC | SOCK_NONBLOCK) & 0xffffffff;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(types) && r >= 0; i++) {
		const struct scmp_arg_cmp args[] = {
			{ 0, SCMP_CMP_EQ, (scmp_datum_t)family, 0 },
			{ 1, SCMP_CMP_MASKED_EQ, flags, (scmp_datum_t)types[i] },
		};

		r = add(f, SCMP_ACT_ALLOW, "socket", 2, args);
	}
	return r;
}

static int add_netlink(scmp_filter_ctx f)
{
	const struct scmp_arg_cmp args[] = {
		{ 0, SCMP_CMP_EQ, AF_NETLINK, 0 },
		{ 2, SCMP_CMP_EQ, 0 /* NETLINK_ROUTE */, 0 },
	};

	return add(f, SCMP_ACT_ALLOW, "socket", 2, args);
}

/* Threads of this process; never a process, never a namespace. clone3 hides its flags from us. */
static int add_threads(scmp_filter_ctx f)
{
	const scmp_datum_t need = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;
	const scmp_datum_t never = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
				   CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE;

	return add_masked(f, "clone", 0, need | never, need);
}

static int add_arguments(scmp_filter_ctx f, const struct kind *k)
{
	static const scmp_datum_t ioctls[] = { FIONREAD, FIONBIO, TCGETS };
	static const scmp_datum_t prctls[] = { PR_SET_NAME, PR_GET_NAME, 0x53564d41 /* SET_VMA */ };
	int r = add_masked(f, "mmap", 2, PROT_EXEC, 0);

	if (r >= 0)
		r = add_masked(f, "mprotect", 2, PROT_EXEC, 0);
	if (r >= 0)
		r = add_equal(f, "ioctl", 1, ioctls, ARRAY_SIZE(ioctls));
	if (r >= 0)
		r = add_equal(f, "prctl", 0, prctls, ARRAY_SIZE(prctls));
	/* Asking for limits, not setting them: the new ones are a pointer that must be none. */
	if (r >= 0)
		r = add_equal(f, "prlimit64", 2, (const scmp_datum_t[]){ 0 }, 1);
	if (r >= 0 && k->more & UNIX)
		r = add_socket(f, AF_UNIX);
	if (r >= 0)
		r = add_equal(f, "socketpair", 0, (const scmp_datum_t[]){ AF_UNIX }, 1);
	if (r >= 0 && k->more & INET)
		r = add_socket(f, AF_INET);
	if (r >= 0 && k->more & INET)
		r = add_socket(f, AF_INET6);
	if (r >= 0 && k->more & NETLINK)
		r = add_netlink(f);
	if (r >= 0 && k->more & THREADS)
		r = add_threads(f);
	/* ENOSYS makes glibc fall back to clone(). */
	if (r >= 0)
		r = add(f, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL);
	return r;
}

static int fill(scmp_filter_ctx f, const struct kind *k)
{
	int r = add_list(f, SCMP_ACT_KILL_PROCESS, dangerous);

	for (size_t i = 0; i < ARRAY_SIZE(k->lists) && k->lists[i] && r >= 0; i++)
		r = add_list(f, SCMP_ACT_ALLOW, k->lists[i]);
	return r < 0 ? r : add_arguments(f, k);
}

int filter_enter(enum confine_kind kind, bool strict, struct error *e)
{
	scmp_filter_ctx f = seccomp_init(strict ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(ENOSYS));
	int r;

	if (!f)
		return error_set(e, ERR_FAILED, "cannot make a seccomp filter");
	/* Another architecture's calls (i386, x32) have other numbers, and none is ours. */
	r = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r >= 0)
		r = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r >= 0)
		r = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r >= 0)
		r = fill(f, &kinds[kind]);
	if (r >= 0)
		r = seccomp_load(f);
	seccomp_release(f);
	return r < 0 ? error_errno(e, r, "cannot load the seccomp filter") : 0;
}
