/*
 * What the red team tries, and to which process each is forbidden. Each attempt returns whether it worked; many end the
 * process that makes it. Included once, by red_team.c.
 */
#pragma once

#include "base.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

enum { COND = 1, NET = 2, TIP = 4, GIT = 8, PARSE = 16, RES = 32 };
#define ALL (COND | NET | TIP | GIT | PARSE | RES)

/* Where they try it: set by who includes this. */
static char docker_sock[300], secret[300], victim[300];
static int terminal = -1;

static int opened(const char *path, int flags)
{
	return open(path, flags | O_CLOEXEC, 0600) >= 0;
}

static int connected(int family, int type, const void *to, socklen_t len)
{
	int s = socket(family, type, 0);

	return s >= 0 && connect(s, to, len) == 0;
}

static int to_address(const char *address, int port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	inet_pton(AF_INET, address, &in.sin_addr);
	/* Not to wait for who never answers: begun is as bad as done. */
	int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	return s >= 0 &&
	       (connect(s, (struct sockaddr *)&in, sizeof in) == 0 || errno == EINPROGRESS);
}

/* Each returns whether it worked. */
/* What takes our place says so by the status of an act that worked (WORKED, 10). */
static int try_execve(void)
{
	static char path[] = "/bin/sh", option[] = "-c", script[] = "exit 10";
	char *argv[] = { path, option, script, NULL };

	execve(argv[0], argv, NULL);
	return 0;
}
static int try_execveat(void)
{
	static char name[] = "sh", option[] = "-c", script[] = "exit 10";
	char *argv[] = { name, option, script, NULL };

	syscall(SYS_execveat, AT_FDCWD, "/bin/sh", argv, NULL, 0);
	return 0;
}
static int try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0;
}
static int try_vfork_syscall(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid > 0;
}
static int try_clone_newuser(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid > 0;
}
static int try_ptrace_parent(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}
static int try_vm_readv(void)
{
	char b[8];
	struct iovec l = { b, 8 }, r = { b, 8 };

	return syscall(SYS_process_vm_readv, getppid(), &l, 1, &r, 1, 0) >= 0;
}
static int try_raw_socket(void)
{
	return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0;
}
static int try_packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) >= 0;
}
static int try_netfilter(void)
{
	return socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER) >= 0;
}
static int try_vsock(void)
{
	return socket(AF_VSOCK, SOCK_STREAM, 0) >= 0;
}
static int try_alg(void)
{
	return socket(AF_ALG, SOCK_SEQPACKET, 0) >= 0;
}
static int try_shadow(void)
{
	return opened("/etc/shadow", O_RDONLY);
}
static int try_ssh_keys(void)
{
	return opened("/etc/passwd", O_RDONLY);
}
static int try_secret_outside(void)
{
	return opened(secret, O_RDONLY);
}
static int try_write_outside(void)
{
	return opened("/tmp/kbuild-red-team", O_WRONLY | O_CREAT);
}
static int try_write_etc(void)
{
	return opened("/etc/kbuild-red-team", O_WRONLY | O_CREAT);
}
static int try_dev_mem(void)
{
	return opened("/dev/mem", O_RDONLY) || opened("/dev/kmsg", O_WRONLY);
}
static int try_proc_mem(void)
{
	return opened("/proc/1/mem", O_RDONLY) || opened("/proc/1/environ", O_RDONLY);
}
static int try_sysrq(void)
{
	return opened("/proc/sys/kernel/core_pattern", O_WRONLY);
}
static int try_docker_sock(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	snprintf(un.sun_path, sizeof un.sun_path, "%.100s", docker_sock);
	return connected(AF_UNIX, SOCK_STREAM, &un, sizeof un);
}
static int try_metadata(void)
{
	return to_address("169.254.169.254", 80);
}
static int try_internet(void)
{
	return to_address("127.0.0.1", 9);
}
static int try_listen(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(18999) };
	int s = socket(AF_INET, SOCK_STREAM, 0);

	return s >= 0 && bind(s, (struct sockaddr *)&in, sizeof in) == 0 && listen(s, 1) == 0;
}
static int try_setuid(void)
{
	return setuid(1) == 0;
}
static int try_setgid(void)
{
	return setgid(1) == 0;
}
static int try_mount(void)
{
	return mount("none", "/mnt", "tmpfs", 0, NULL) == 0;
}
static int try_umount(void)
{
	return umount2("/proc", MNT_DETACH) == 0;
}
static int try_chroot(void)
{
	return chroot("/tmp") == 0;
}
static int try_unshare(void)
{
	return unshare(CLONE_NEWNS) == 0;
}
static int try_setns(void)
{
	return setns(0, 0) == 0 || errno == EINVAL;
}
static int try_io_uring(void)
{
	char params[120] = { 0 };

	return syscall(425, 4, params) >= 0;
}
static int try_bpf(void)
{
	char attr[120] = { 0 };

	/* The attributes are no good: a kernel that says so had let us in. */
	return syscall(321, 0, attr, sizeof attr) >= 0 || (errno != EPERM && errno != ENOSYS);
}
static int try_perf(void)
{
	char attr[120] = { 0 };

	return syscall(298, attr, 0, -1, -1, 0) >= 0;
}
static int try_userfaultfd(void)
{
	return syscall(323, 0) >= 0;
}
static int try_keyctl(void)
{
	return syscall(250, 0, -3, 1) >= 0;
}
static int try_module(void)
{
	return syscall(175, "", 0, "") == 0 || (errno != EPERM && errno != ENOSYS);
}
static int try_kexec(void)
{
	return syscall(246, 0, 0, NULL, 0) == 0;
}
static int try_settime(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return clock_settime(CLOCK_REALTIME, &t) == 0;
}
static int try_dmesg(void)
{
	char b[64];

	return klogctl(3, b, sizeof b) >= 0;
}
static int try_exec_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED || mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
}
static int try_kill_parent(void)
{
	return kill(getppid(), SIGCONT) == 0;
}
static int try_mknod(void)
{
	return mknod(victim, S_IFCHR | 0600, makedev(1, 3)) == 0;
}
static int try_raise_limits(void)
{
	struct rlimit l = { 1 << 20, 1 << 20 };

	return setrlimit(RLIMIT_CORE, &l) == 0;
}
static int try_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0;
}
/* Words that its reader takes for typed ones. */
static int try_terminal(void)
{
	return ioctl(terminal, TIOCSTI, "x") == 0;
}
static int try_x32(void)
{
	return syscall(0x40000000 | SYS_getppid) > 0;
}

static const struct act {
	const char *name;
	int (*try)(void);
	unsigned forbidden; /* to these processes */
} acts[] = {
	{ "execve", try_execve, ALL },
	{ "execveat", try_execveat, ALL },
	{ "fork", try_fork, ALL },
	{ "clone without CLONE_THREAD", try_vfork_syscall, ALL },
	{ "clone(CLONE_NEWUSER)", try_clone_newuser, ALL },
	{ "ptrace its parent", try_ptrace_parent, ALL },
	{ "read its parent's memory", try_vm_readv, ALL },
	{ "a raw socket", try_raw_socket, ALL },
	{ "a packet socket", try_packet_socket, ALL },
	{ "netfilter", try_netfilter, ALL },
	{ "a vsock", try_vsock, ALL },
	{ "the kernel's crypto sockets", try_alg, ALL },
	{ "read /etc/shadow", try_shadow, ALL },
	{ "read /etc/passwd", try_ssh_keys, ALL },
	{ "read a file outside its places", try_secret_outside, ALL },
	{ "write to /tmp", try_write_outside, ALL },
	{ "write to /etc", try_write_etc, ALL },
	{ "open /dev/mem", try_dev_mem, ALL },
	{ "open another's /proc/mem", try_proc_mem, ALL & ~COND },
	{ "write a sysctl", try_sysrq, ALL },
	{ "connect to docker.sock", try_docker_sock, ALL },
	{ "connect to the metadata address", try_metadata, PARSE | COND },
	{ "connect to the internet", try_internet, PARSE | COND },
	{ "listen", try_listen, ALL },
	{ "setuid", try_setuid, ALL },
	{ "setgid", try_setgid, ALL },
	{ "mount", try_mount, ALL },
	{ "umount", try_umount, ALL },
	{ "chroot", try_chroot, ALL },
	{ "unshare", try_unshare, ALL },
	{ "setns", try_setns, ALL },
	{ "io_uring", try_io_uring, ALL },
	{ "bpf", try_bpf, ALL },
	{ "perf events", try_perf, ALL },
	{ "userfaultfd", try_userfaultfd, ALL },
	{ "the kernel's keys", try_keyctl, ALL },
	{ "load a module", try_module, ALL },
	{ "kexec", try_kexec, ALL },
	{ "set the clock", try_settime, ALL },
	{ "read the kernel's log", try_dmesg, ALL },
	{ "make memory executable", try_exec_memory, ALL },
	{ "signal another process", try_kill_parent, ALL & ~COND },
	{ "make a device", try_mknod, ALL },
	{ "raise its limits", try_raise_limits, ALL },
	{ "become dumpable again", try_dumpable, ALL },
	{ "type into a terminal", try_terminal, ALL },
	{ "a call of x32", try_x32, ALL },
};
