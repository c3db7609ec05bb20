/*
 * Making a server, in the order that a kill at any instant demands: ask everything first, then the
 * directory with a record that says "creating", then the disks, then "booting", then QEMU. Whoever
 * comes next finds what was begun, and continues or replaces it.
 */
#include "local_launch.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "configdrive.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "kvm_probe.h"
#include "local_qemu.h"
#include "local_state.h"
#include "preflight.h"
#include "process.h"
#include "progress.h"
#include "provider.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#define SPACE_MIN                                                                                  \
	(64 * MIB) /* for the first writes of the guest; what it really takes is its own */

struct launch {
	const struct cloud *c;
	const struct launch_request *q;
	struct arena *a;
	struct local_record rec;
	struct stat image;
	uint64_t disk_size;
};

static bool has_keys(const struct launch_request *q)
{
	return q->ssh_keys && q->ssh_keys[0];
}

/* Requests with equal digests mean the same server. */
static const char *intent_of(const struct launch_request *q, const struct stat *st, struct arena *a)
{
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();
	char *hex = arena_alloc(a, SHA256_HEX);
	const uint64_t numbers[] = { (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec,
		(uint64_t)st->st_ino, q->memory, q->cpus, q->disk_size, q->volume_size };

	sha256_adds(h, q->image_digest ? q->image_digest : q->disk);
	sha256_adds(h, q->user_data ? q->user_data : "");
	sha256_adds(h, q->accel ? q->accel : "");
	sha256_add(h, numbers, sizeof numbers);
	for (size_t i = 0; has_keys(q) && q->ssh_keys[i]; i++)
		sha256_adds(h, q->ssh_keys[i]);
	for (size_t i = 0; i < q->n_forwards; i++) {
		const struct port_forward *f = &q->forwards[i];

		sha256_adds(
			h, arena_printf(a, "%s:%u:%u/%d", f->address, f->host, f->guest, f->udp));
	}
	sha256_end(h, hex);
	return hex;
}

static int check_image(struct launch *l, struct error *e)
{
	const struct launch_request *q = l->q;
	uint64_t size;

	if (stat(q->disk, &l->image) < 0)
		return error_errno(e, errno, "the image '%s'", q->disk);
	if (!S_ISREG(l->image.st_mode) || l->image.st_size == 0 || l->image.st_size % 512 != 0)
		return error_set(e, ERR_FAILED, "the image '%s' is not a raw disk image", q->disk);
	size = (uint64_t)l->image.st_size;
	if (q->disk_size && q->disk_size < size)
		return error_set(e, ERR_USAGE,
			"the root disk cannot be smaller than the image: --disk %" PRIu64
			"M, the image has %" PRIu64 " MiB",
			q->disk_size / MIB, size / MIB);
	l->disk_size = MAX(q->disk_size, size);
	return 0;
}

/*
 * What is there under this name: 0 nothing (any more), CLOUD_CONTINUED an equal launch that still
 * boots; a server that is in use is an error. d is open when something was.
 */
static int check_existing(
	struct launch *l, struct local_dir *d, const char *intent, struct error *e)
{
	const char *name = l->q->name;
	struct local_record old;
	struct error why = {};
	int r = local_dir_open(d, l->c, name, true, e);
	bool readable;

	if (r == CLOUD_ABSENT)
		return 0;
	if (r < 0)
		return r;
	readable = local_record_read(d, l->a, &old, &why) == 0;
	if (!readable)
		return error_set(e, ERR_FAILED,
			"there is a server '%s' already, and its record cannot be read (%s): "
			"'kbuild destroy %s' removes it",
			name, why.msg, name);
	if (old.phase == PHASE_BOOTING && !local_has_answered(d)) {
		if (strcmp(old.intent, intent) == 0 && qemu_alive(d))
			return CLOUD_CONTINUED;
		if (qemu_alive(d))
			return error_set(e, ERR_FAILED,
				"the server '%s' is still starting, from another launch than this: "
				"'kbuild destroy %s' removes it",
				name, name);
	} else if (old.phase != PHASE_CREATING) {
		return error_set(e, ERR_FAILED,
			"there is a server '%s' already (%s): choose another name with --name, or "
			"'kbuild destroy %s' first",
			name, qemu_alive(d) ? "running" : "stopped", name);
	}
	progress_note(
		l->c->progress, "replacing '%s', which an earlier launch left unfinished", name);
	r = qemu_kill(d, old.uuid, e);
	if (r < 0)
		return r;
	r = local_dir_remove(d, l->c, name, e);
	local_dir_close(d);
	return r;
}

/* The ssh ports of all servers, running or not: a stopped one wants its own back. */
static const unsigned *taken_ports(const struct launch *l)
{
	struct error ignored = {};
	const char **names = NULL;
	unsigned *ports;
	size_t n = 0, k = 0;

	if (local_names(l->c, l->a, &names, &ignored) < 0)
		names = NULL;
	while (names && names[n])
		n++;
	ports = arena_alloc(l->a, (n + 1) * sizeof *ports);
	for (size_t i = 0; i < n; i++) {
		_cleanup_(local_dir_close) struct local_dir d = LOCAL_DIR_INIT;
		struct local_record rec = {};

		if (local_dir_open(&d, l->c, names[i], false, &ignored) == 0 &&
			local_record_read(&d, l->a, &rec, &ignored) == 0 && rec.ssh_port)
			ports[k++] = (unsigned)rec.ssh_port;
	}
	return ports;
}

static int random_ids(struct launch *l, struct error *e)
{
	unsigned char b[16], m[3];

	if (getrandom(b, sizeof b, 0) != sizeof b || getrandom(m, sizeof m, 0) != sizeof m)
		return error_errno(e, EIO, "asking for random numbers");
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* RFC 9562: version 4, variant 1 */
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	l->rec.uuid = arena_printf(l->a,
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		b[15]);
	/* QEMU's own prefix, locally administered. */
	l->rec.mac = arena_printf(l->a, "52:54:00:%02x:%02x:%02x", m[0], m[1], m[2]);
	return 0;
}

static int choose_accel(struct launch *l, struct error *e)
{
	unsigned version = 0;
	bool kvm = false;
	int r = qemu_version(&version, e);

	if (r < 0)
		return r;
	if (!l->q->accel)
		r = kvm_works(l->c, l->q->disk, &kvm, e);
	if (r < 0)
		return r;
	l->rec.accel = l->q->accel ? l->q->accel : kvm ? "kvm" : "tcg";
	l->rec.cpu = qemu_cpu(l->rec.accel, version);
	return 0;
}

static int check_host(struct launch *l, struct error *e)
{
	const struct launch_request *q = l->q;
	unsigned ssh_port = 0;
	int r;

	r = need_ports(q->forwards, q->n_forwards, e);
	if (r < 0)
		return r;
	r = free_port(taken_ports(l), q->forwards, q->n_forwards, &ssh_port, e);
	if (r < 0)
		return r;
	l->rec.ssh_port = ssh_port;
	r = need_memory(q->memory, e);
	if (r < 0)
		return r;
	return need_space(l->c->state_dir,
		SPACE_MIN + (q->disk_immutable ? 0 : (uint64_t)l->image.st_blocks * 512), e);
}

static int need_programs(const struct launch_request *q, struct error *e)
{
	int r = need_program(QEMU_SYSTEM, "qemu-system-x86", e);

	if (r == 0)
		r = need_program(QEMU_IMG, "qemu-utils", e);
	if (r == 0 && !has_keys(q))
		r = need_program("ssh-keygen", "openssh-client", e);
	return r;
}

/* The image under its own name here, so that building anew never pulls it away. */
static int pin_image(const struct launch *l, const struct local_dir *d, struct error *e)
{
	_close_ int from = open(l->q->disk, O_RDONLY | O_CLOEXEC);
	_close_ int to = -1;
	int r;

	if (from < 0)
		return error_errno(e, errno, "opening the image '%s'", l->q->disk);
	if (l->q->disk_immutable &&
		linkat(AT_FDCWD, l->q->disk, d->fd, "base.raw", AT_SYMLINK_FOLLOW) == 0)
		return 0;
	to = openat(d->fd, "base.raw", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (to < 0)
		return error_errno(e, errno, "writing '%s/base.raw'", d->path);
	progress_begin(l->c->progress, "copying the image", NULL, 0);
	r = fd_copy(from, to);
	if (r < 0)
		return error_errno(e, r, "copying the image to '%s/base.raw'", d->path);
	progress_end(l->c->progress, NULL);
	return 0;
}

static int make_disks(const struct launch *l, const struct local_dir *d, struct error *e)
{
	const char *size = arena_printf(l->a, "%" PRIu64, l->disk_size);
	struct process p = {
		.argv = (const char *[]){ QEMU_IMG, "create", "-q", "-f", "qcow2", "-F", "raw",
			"-b", "base.raw", "root.qcow2", size, NULL },
		.cwd = d->path,
		.timeout_ms = 60000,
	};
	_close_ int volume = -1;
	int r = process_check(&p, e);

	if (r < 0 || !l->q->volume_size)
		return r;
	volume = openat(d->fd, "volume.raw", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (volume < 0 || ftruncate(volume, (off_t)l->q->volume_size) < 0)
		return error_errno(e, errno, "writing '%s/volume.raw'", d->path);
	return 0;
}

static int make_key(
	const struct launch *l, const struct local_dir *d, const char **ret, struct error *e)
{
	struct process p = {
		.argv = (const char *[]){ "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C",
			arena_printf(l->a, "kbuild-%s", l->q->name), "-f", "id_ed25519", NULL },
		.cwd = d->path,
		.timeout_ms = 60000,
	};
	_buf_ text = BUF_INIT;
	int r = process_check(&p, e);

	if (r < 0)
		return r;
	r = file_read(d->fd, "id_ed25519.pub", 64 * KIB, &text);
	if (r < 0)
		return error_errno(e, r, "reading '%s/id_ed25519.pub'", d->path);
	while (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	*ret = arena_strdup(l->a, buf_str(&text));
	return 0;
}

static int make_config(struct launch *l, const struct local_dir *d, struct error *e)
{
	const char *own[2] = { NULL, NULL };
	struct config_drive drive = {
		.uuid = l->rec.uuid,
		.hostname = l->q->name,
		.ssh_keys = has_keys(l->q) ? (const char *const *)l->q->ssh_keys : own,
		.user_data = l->q->user_data,
		.mac = l->rec.mac,
		.definition = l->q->definition,
		.image = l->q->image_digest,
		.created = l->rec.created,
	};
	_close_ int fd = openat(d->fd, "config.iso", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = 0;

	if (fd < 0)
		return error_errno(e, errno, "writing '%s/config.iso'", d->path);
	if (!has_keys(l->q)) {
		r = make_key(l, d, &own[0], e);
		if (r < 0)
			return r;
		l->rec.identity = arena_printf(l->a, "%s/id_ed25519", d->path);
	}
	return config_drive_write(&drive, fd, e);
}

static int make_server(struct launch *l, struct local_dir *d, struct error *e)
{
	int r = local_record_write(d, &l->rec, e);

	if (r == 0)
		r = pin_image(l, d, e);
	if (r == 0)
		r = make_disks(l, d, e);
	if (r == 0)
		r = make_config(l, d, e);
	if (r < 0)
		return r;
	l->rec.phase = PHASE_BOOTING;
	r = local_record_write(d, &l->rec, e);
	return r < 0 ? r : qemu_start(d, l->q->name, &l->rec, e);
}

static void fill_record(struct launch *l, const char *intent)
{
	const struct launch_request *q = l->q;

	l->rec.phase = PHASE_CREATING;
	l->rec.intent = intent;
	l->rec.definition = q->definition;
	l->rec.image = q->image_digest;
	l->rec.user = q->user;
	l->rec.identity = q->identity;
	l->rec.created = time(NULL);
	l->rec.memory = q->memory;
	l->rec.cpus = q->cpus;
	l->rec.volume_size = q->volume_size;
	l->rec.forwards = (struct port_forward *)(uintptr_t)q->forwards;
	l->rec.n_forwards = q->n_forwards;
}

/* What a failed launch made goes again; its own error is the one that counts. */
static void take_back(const struct launch *l, struct local_dir *d)
{
	struct error ignored = {};

	if (qemu_kill(d, l->rec.uuid, &ignored) == 0)
		(void)local_dir_remove(d, l->c, l->q->name, &ignored);
}

int local_launch(
	const struct cloud *c, const struct launch_request *q, struct arena *a, struct error *e)
{
	_cleanup_(local_dir_close) struct local_dir d = LOCAL_DIR_INIT;
	struct launch l = { .c = c, .q = q, .a = a };
	const char *intent;
	int r;

	r = need_programs(q, e);
	if (r == 0)
		r = check_image(&l, e);
	if (r < 0)
		return r;
	intent = intent_of(q, &l.image, a);
	r = check_existing(&l, &d, intent, e);
	if (r != 0)
		return r;
	r = check_host(&l, e);
	if (r == 0)
		r = choose_accel(&l, e);
	if (r == 0)
		r = random_ids(&l, e);
	if (r < 0)
		return r;
	fill_record(&l, intent);
	r = local_dir_make(&d, c, q->name, e);
	if (r < 0)
		return r;
	r = make_server(&l, &d, e);
	if (r < 0)
		take_back(&l, &d);
	return r;
}
