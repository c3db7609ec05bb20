/*
 * The trial. "Linux version" is the first line of a kernel that executes; firmware and boot loader
 * prove nothing, they run in real mode which even broken KVMs emulate. Our own status line counts
 * too, for systems that boot in silence.
 */
#include "kvm_probe.h"

#include "alloc.h"
#include "boot_id.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"
#include "local_qemu.h"
#include "process.h"
#include "progress.h"
#include "provider.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define TRIAL_MS 8000 /* firmware, boot menu and kernel take 2 to 4 s where KVM works */

static int open_kvm(void)
{
	return open("/dev/kvm", O_RDWR | O_CLOEXEC);
}

/* What the answer holds for: this boot of this machine, this QEMU. */
static char *verdict_key(void)
{
	_buf_ boot = BUF_INIT;
	struct error ignored = {};
	unsigned version = 0;

	if (boot_id(&boot) < 0 || qemu_version(&version, &ignored) < 0)
		return NULL;
	return xasprintf("%s qemu-%u ", buf_str(&boot), version);
}

static void see_line(void *arg, const char *line)
{
	bool *spoke = arg;

	if (strstr(line, "Linux version ") || strstr(line, "kbuild-status: "))
		*spoke = true;
}

static int trial(const char *disk, bool *ret, struct error *e)
{
	_close_ int fd = open(disk, O_RDONLY | O_CLOEXEC);
	_free_ char *drive = NULL;
	_buf_ out = BUF_INIT;
	bool spoke = false;
	struct error ignored = {};
	struct process p = { .timeout_ms = TRIAL_MS, .line = see_line, .line_arg = &spoke };
	int keep[] = { fd, -1 };

	if (fd < 0)
		return 0;
	drive = xasprintf(
		"driver=raw,node-name=root,read-only=on,file.driver=file,"
		"file.filename=/proc/self/fd/%d",
		fd);
	p.argv = (const char *[]){ QEMU_SYSTEM, "-nodefaults", "-no-user-config", "-no-reboot",
		"-display", "none", "-machine", "q35", "-accel", "kvm", "-cpu", "host", "-m",
		"512M", "-blockdev", drive, "-device", "virtio-blk-pci,drive=root", "-chardev",
		"stdio,id=console,signal=off", "-serial", "chardev:console", NULL };
	p.keep_fds = keep;
	p.out = &out;
	p.enough = &spoke;
	(void)process_run(&p, &ignored);
	if (interrupted())
		return error_set(e, ERR_INTERRUPTED, "interrupted");
	*ret = spoke;
	return 0;
}

/* The verdict of this boot, when there is one. */
static bool read_verdict(const struct cloud *c, const char *key, bool *ret)
{
	_free_ char *path = xasprintf("%s/kvm", c->cache_dir);
	_buf_ known = BUF_INIT;

	if (!key || file_read(AT_FDCWD, path, 256, &known) < 0 ||
		strncmp(buf_str(&known), key, strlen(key)) != 0)
		return false;
	*ret = strcmp(known.data + strlen(key), "works\n") == 0;
	return true;
}

enum kvm_known kvm_known(const struct cloud *c)
{
	_close_ int dev = open_kvm();
	_free_ char *key = NULL;
	bool works;

	if (dev < 0)
		return errno == EACCES || errno == EPERM ? KVM_FORBIDDEN : KVM_ABSENT;
	key = verdict_key();
	if (!read_verdict(c, key, &works))
		return KVM_UNTRIED;
	return works ? KVM_WORKS : KVM_BROKEN;
}

int kvm_works(const struct cloud *c, const char *disk, bool *ret, struct error *e)
{
	_close_ int dev = open_kvm();
	_free_ char *path = xasprintf("%s/kvm", c->cache_dir);
	_free_ char *key = NULL;
	_buf_ known = BUF_INIT;
	bool works = false;
	int r;

	*ret = false;
	if (dev < 0 && errno == EACCES)
		progress_note(c->progress,
			"this user may not use /dev/kvm, so the server is emulated, which is slow: "
			"add the user to the group kvm");
	if (dev < 0)
		return 0;
	key = verdict_key();
	if (read_verdict(c, key, ret))
		return 0;
	progress_begin(c->progress, "trying hardware virtualisation (KVM)", NULL, 0);
	r = trial(disk, &works, e);
	if (r < 0)
		return r;
	progress_end(c->progress, works ? "works" : "does not work here, emulating instead");
	if (key && mkdir_all(AT_FDCWD, c->cache_dir, 0755) == 0) {
		buf_printf(&known, "%s%s\n", key, works ? "works" : "fails");
		/* Not kept: the next launch tries again. */
		(void)file_replace(AT_FDCWD, path, known.data, known.len, 0644);
	}
	*ret = works;
	return 0;
}
