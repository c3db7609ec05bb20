/* The command line of QEMU, and its start. Its life and end are local_process.c's. */
#include "local_qemu.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "local_state.h"
#include "process.h"
#include "provider.h"
#include "qmp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#define START_MS 60000 /* QEMU opens its files and ports; a second on an idle machine */

unsigned qemu_version_parse(const char *text)
{
	unsigned major = 0;

	return sscanf(text, "QEMU emulator version %3u.", &major) == 1 ? major : 0;
}

int qemu_version(unsigned *ret, struct error *e)
{
	static const char *const argv[] = { QEMU_SYSTEM, "--version", NULL };
	_buf_ out = BUF_INIT;
	int r;

	if (!program_exists(QEMU_SYSTEM))
		return error_set(e, ERR_FAILED,
			"the program '" QEMU_SYSTEM
			"' is not installed: install the package qemu-system-x86");
	r = process_check(&(struct process){ .argv = argv, .out = &out, .timeout_ms = 20000 }, e);
	if (r < 0)
		return r;
	*ret = qemu_version_parse(buf_str(&out));
	return 0;
}

/*
 * Before QEMU 8 its cmpxchg16b spoils flags now and then, which panics the guest: hide it.
 * rdrand spares the guest waiting for entropy. Later versions need no care.
 */
const char *qemu_cpu(const char *accel, unsigned version)
{
	if (strcmp(accel, "kvm") == 0)
		return "host";
	return version < 8 ? "qemu64,-cx16,+rdrand" : "max";
}

struct argv {
	struct arena *a;
	const char **v;
	size_t n, cap;
};

static void add(struct argv *v, const char *word)
{
	if (v->n + 1 >= v->cap) {
		const char **bigger = arena_alloc(v->a, (v->cap * 2 + 64) * sizeof *bigger);

		if (v->n)
			memcpy(bigger, v->v, v->n * sizeof *bigger);
		v->v = bigger;
		v->cap = v->cap * 2 + 64;
	}
	v->v[v->n++] = word;
	v->v[v->n] = NULL;
}

static void add2(struct argv *v, const char *option, const char *value)
{
	add(v, option);
	add(v, value);
}

/* One disk. serial is what the guest finds it by, below /dev/disk/by-id/virtio-SERIAL. */
static void add_disk(
	struct argv *v, const char *id, const char *format, const char *file, const char *more)
{
	bool read_only = strcmp(id, "config-2") == 0;

	add2(v, "-blockdev",
		arena_printf(v->a,
			"driver=%s,node-name=%s,file.driver=file,file.filename=%s,read-only=%s,"
			"discard=unmap,file.discard=unmap",
			format, id, file, read_only ? "on" : "off"));
	add2(v, "-device",
		arena_printf(v->a, "virtio-blk-pci,drive=%s,serial=kbuild-%s%s", id, id, more));
}

static const char *netdev(struct argv *v, const struct local_record *r)
{
	const char *s = arena_printf(
		v->a, "user,id=net0,hostfwd=tcp:127.0.0.1:%u-:22", (unsigned)r->ssh_port);

	/* The first address that QEMU's DHCP gives is also where forwarded ports lead. */
	if (r->address)
		s = arena_printf(v->a, "%s,net=%s,dhcpstart=%.*s", s, r->address,
			(int)strcspn(r->address, "/"), r->address);
	for (size_t i = 0; i < r->n_forwards; i++) {
		const struct port_forward *f = &r->forwards[i];

		s = arena_printf(v->a, "%s,hostfwd=%s:%s:%u-:%u", s, f->udp ? "udp" : "tcp",
			f->address, f->host, f->guest);
	}
	return s;
}

const char **qemu_argv(const char *name, const struct local_record *r, const char *pidfile,
	int qmp_fd, struct arena *a)
{
	struct argv v = { .a = a };
	bool kvm = strcmp(r->accel, "kvm") == 0;

	add(&v, QEMU_SYSTEM);
	add2(&v, "-name", arena_printf(a, "kbuild-%s", name));
	add2(&v, "-uuid", r->uuid);
	add(&v, "-nodefaults");
	add(&v, "-no-user-config");
	add2(&v, "-display", "none");
	add2(&v, "-machine", "q35");
	add2(&v, "-accel", kvm ? "kvm" : "tcg,thread=multi");
	add2(&v, "-cpu", r->cpu);
	add2(&v, "-smp", arena_printf(a, "%" PRId64, r->cpus));
	add2(&v, "-m", arena_printf(a, "%" PRIu64 "M", r->memory / MIB));
	/* What OpenStack's servers say of themselves; cloud-init looks at it. */
	add2(&v, "-smbios", "type=1,manufacturer=kbuild,product=OpenStack Nova");
	add2(&v, "-device", "virtio-rng-pci");
	add_disk(&v, "root", "qcow2", "root.qcow2", ",bootindex=1");
	if (r->volume_size)
		add_disk(&v, "volume", "raw", "volume.raw", "");
	add_disk(&v, "config-2", "raw", "config.iso", "");
	/* Empty: where disks can be plugged in while it runs, which PCI's root does not take. */
	add2(&v, "-device", "virtio-scsi-pci,id=plug");
	add2(&v, "-netdev", netdev(&v, r));
	add2(&v, "-device", arena_printf(a, "virtio-net-pci,netdev=net0,romfile=,mac=%s", r->mac));
	add2(&v, "-chardev", "file,id=console,path=console.log,append=on");
	add2(&v, "-serial", "chardev:console");
	add2(&v, "-chardev", arena_printf(a, "socket,id=qmp,fd=%d,server=on,wait=off", qmp_fd));
	add2(&v, "-mon", "chardev=qmp,mode=control");
	add2(&v, "-pidfile", pidfile);
	add(&v, "-daemonize");
	return v.v;
}

/* Who only asks whether it lives holds a shared lock for an instant: wait that instant. */
static int take_life_lock(const struct local_dir *d)
{
	_close_ int fd = openat(d->fd, "qemu.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK || i == 50)
			return -errno;
		poll(NULL, 0, 20);
	}
	return TAKE_FD(fd);
}

int qemu_start(const struct local_dir *d, const char *name, const struct local_record *rec,
	struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_close_ int life = take_life_lock(d);
	_close_ int qmp = -1;
	struct process p = { .cwd = d->path, .timeout_ms = START_MS };
	int keep[3];
	int r;

	if (life < 0)
		return error_errno(e, life, "starting '%s': locking '%s/qemu.lock'", name, d->path);
	if (unlinkat(d->fd, "qemu.pid", 0) < 0 && errno != ENOENT)
		return error_errno(
			e, errno, "starting '%s': removing '%s/qemu.pid'", name, d->path);
	qmp = qmp_listen(d->fd, "qmp.sock");
	if (qmp < 0)
		return error_errno(e, qmp, "starting '%s': making '%s/qmp.sock'", name, d->path);
	keep[0] = life;
	keep[1] = qmp;
	keep[2] = -1;
	p.keep_fds = keep;
	p.argv = qemu_argv(name, rec, arena_printf(a, "%s/qemu.pid", d->path), qmp, a);
	r = process_check(&p, e);
	if (r < 0)
		return error_prefix(e, "starting '%s'", name);
	return 0;
}
