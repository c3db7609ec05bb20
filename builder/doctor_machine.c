/* What `kbuild doctor` asks of this machine: programs, rights, room, virtualisation. */
#include "alloc.h"
#include "arena.h"
#include "ctx.h"
#include "doctor.h"
#include "error.h"
#include "kvm_probe.h"
#include "process.h"
#include "provider.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#define ROOM_WANTED (10 * GIB) /* packages, a tree, its overlay, a disk or two */
#define ROOM_NEEDED (3 * GIB)

static bool is_local(const struct doctor *d)
{
	return strcmp(d->cloud, "local") == 0;
}

static const struct {
	const char *program, *package, *use;
	bool local; /* only there */
} programs[] = {
	{ "apt-get", "apt", "'kbuild lock' resolves packages with it", false },
	{ "gpgv", "gpgv", "'kbuild lock' checks signatures with it", false },
	{ "qemu-img", "qemu-utils", "images become qcow2 with it", false },
	{ "ssh", "openssh-client", "'kbuild ssh'", false },
	{ "ssh-keygen", "openssh-client", "servers without a key of yours get one", false },
	{ "qemu-system-x86_64", "qemu-system-x86", "local servers run in it", true },
};

static int check_programs(struct doctor *d, struct error *e)
{
	size_t missing = 0, there = 0;

	(void)e;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		if (programs[i].local && !is_local(d))
			continue;
		there++;
		if (program_exists(programs[i].program))
			continue;
		missing++;
		doctor_say(d, DOCTOR_FAIL, programs[i].program,
			arena_printf(d->arena, "apt-get install %s", programs[i].package),
			"is not installed: %s", programs[i].use);
	}
	if (missing == 0)
		doctor_say(d, DOCTOR_OK, "programs", NULL, "all %zu are installed", there);
	return 0;
}

/* In a child, because it cannot be undone. 0, or the errno. */
static int try_user_namespace(void)
{
	int status;
	pid_t child = fork();

	if (child < 0)
		return errno;
	if (child == 0)
		_exit(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) == 0 ? 0 : errno & 0xff);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

/* What forbids them is a switch of the kernel; which one, depends on the distribution. */
static const char *namespace_switch(void)
{
	if (access("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", F_OK) == 0)
		return "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
	if (access("/proc/sys/kernel/unprivileged_userns_clone", F_OK) == 0)
		return "sysctl -w kernel.unprivileged_userns_clone=1";
	return "sysctl -w user.max_user_namespaces=15000";
}

static int check_namespaces(struct doctor *d, struct error *e)
{
	int failed = try_user_namespace();

	(void)e;
	if (failed)
		doctor_say(d, geteuid() == 0 ? DOCTOR_WARN : DOCTOR_FAIL, "user namespaces",
			namespace_switch(), "this system forbids them: %s", strerror(failed));
	else
		doctor_say(d, DOCTOR_OK, "user namespaces", NULL, "are allowed");
	if (geteuid() != 0)
		doctor_say(d, DOCTOR_WARN, "root", "sudo kbuild build …",
			"images are built as root; all else works without");
	return 0;
}

static int check_kvm(struct doctor *d, struct error *e)
{
	const struct cloud cloud = { .cache_dir = d->c->cache_dir };

	(void)e;
	switch (kvm_known(&cloud)) {
	case KVM_WORKS:
		doctor_say(d, DOCTOR_OK, "KVM", NULL, "runs guests here");
		break;
	case KVM_UNTRIED:
		doctor_say(d, DOCTOR_OK, "KVM", NULL,
			"is there; the first launch tries whether it runs guests");
		break;
	case KVM_FORBIDDEN:
		doctor_say(d, DOCTOR_WARN, "KVM", "sudo adduser $USER kvm",
			"this user may not use /dev/kvm: local servers are emulated, which is slow");
		break;
	case KVM_BROKEN:
		doctor_say(d, DOCTOR_WARN, "KVM",
			"allow nested virtualisation for this machine, where that is possible",
			"does not run guests here: local servers are emulated, which is slow");
		break;
	case KVM_ABSENT:
		doctor_say(d, DOCTOR_WARN, "KVM",
			"switch virtualisation on in the firmware, or nested virtualisation for this machine",
			"is not there: local servers are emulated, which is slow");
		break;
	}
	return 0;
}

/* Of the nearest parent that exists. */
static int room(const char *dir, uint64_t *ret)
{
	_free_ char *path = xstrdup(dir);
	struct statvfs vfs;
	char *slash;

	while (statvfs(path, &vfs) < 0) {
		slash = strrchr(path, '/');
		if (errno != ENOENT || !slash || slash == path)
			return -errno;
		*slash = '\0';
	}
	*ret = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	return 0;
}

static int check_room(struct doctor *d, struct error *e)
{
	const char *const dirs[][2] = { { "room for the cache", d->c->cache_dir },
		{ "room for local servers", d->c->state_dir } };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		enum doctor_verdict v;
		uint64_t bytes = 0;
		int r;

		if (i == 1 && !is_local(d))
			continue;
		r = room(dirs[i][1], &bytes);
		if (r < 0)
			return error_errno(e, r, "asking for the room in %s", dirs[i][1]);
		v = bytes < ROOM_NEEDED	  ? DOCTOR_FAIL
		    : bytes < ROOM_WANTED ? DOCTOR_WARN
					  : DOCTOR_OK;
		doctor_say(d, v, dirs[i][0],
			i == 0 ? "make room, or give another directory (--cache DIR)"
			       : "make room, or give another directory (--state DIR)",
			"%" PRIu64 " GiB are free in %s", bytes / GIB, dirs[i][1]);
	}
	return 0;
}

const struct doctor_check doctor_machine[] = {
	{ "programs", check_programs, NULL, "see that /usr/bin and /usr/sbin are in PATH" },
	{ "user namespaces", check_namespaces, NULL, "sysctl kernel.unprivileged_userns_clone=1" },
	{ "KVM", check_kvm, is_local, "apt-get install qemu-system-x86" },
	{ "room", check_room, NULL, "give another directory: --cache DIR, --state DIR" },
	{},
};
