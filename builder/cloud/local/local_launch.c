/*
 * Making a server, in the order that a kill at any instant demands: ask everything first, then the
 * directory with a record that says "creating", then the disks, then QEMU, then "booting". Whoever
 * comes next finds what was begun, and continues it, or replaces it where it never ran.
 */
#include "local_launch.h"

#include "arena.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "kvm_probe.h"
#include "local_console.h"
#include "local_qemu.h"
#include "local_state.h"
#include "local_volume.h"
#include "preflight.h"
#include "progress.h"
#include "provider.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#define SPACE_MIN                                                                                  \
	(64 * MIB) /* for the first writes of the guest; what it really takes is its own */
#define SSH_PORT_TRIES 5

/* Requests with equal digests mean the same server. */
static const char *intent_of(const struct launch_request *q, const struct stat *st, struct arena *a)
{
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();
	char *hex = arena_alloc(a, SHA256_HEX);
	bool named = q->image_digest; /* else it is told by its file */
	const uint64_t numbers[] = { (uint64_t)st->st_size,
		named ? 0 : (uint64_t)st->st_mtim.tv_sec, named ? 0 : (uint64_t)st->st_ino,
		q->memory, q->cpus, q->disk_size, q->volume_size };

	sha256_adds(h, q->image_digest ? q->image_digest : q->disk);
	sha256_adds(h, q->user_data_intent ? q->user_data_intent
		       : q->user_data	   ? q->user_data
					   : "");
	sha256_adds(h, q->accel ? q->accel : "");
	sha256_adds(h, q->address ? q->address : "");
	sha256_adds(h, q->config_drive ? q->config_drive : "");
	sha256_add(h, numbers, sizeof numbers);
	for (size_t i = 0; launch_has_keys(q) && q->ssh_keys[i]; i++)
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

/* A server that is in use is nobody's to replace; same: it is as this launch would make it. */
static int in_use(const struct local_dir *d, const char *name, enum local_phase phase, bool same,
	struct error *e)
{
	/* Cut off after the answer, it is on the console for whoever goes on. */
	if (same && qemu_serves(d))
		return phase == PHASE_READY ? CLOUD_SETTLED : CLOUD_CONTINUED;
	if (same && !qemu_alive(d))
		return error_set(e, ERR_FAILED,
			"there is a server '%s' already (stopped): 'kbuild start %s' starts it, "
			"'kbuild destroy %s' removes it",
			name, name, name);
	if (same)
		return error_set(e, ERR_FAILED,
			"the server '%s' runs, but its QEMU does not answer: 'kbuild stop --force "
			"%s' ends it",
			name, name);
	return error_set(e, ERR_FAILED,
		"there is a server '%s' already (%s), from another launch than this: choose "
		"another name with --name, or 'kbuild destroy %s' first",
		name, qemu_alive(d) ? "running" : "stopped", name);
}

int local_launch_began(const struct local_dir *d, struct local_record *rec, struct error *e)
{
	if (rec->phase != PHASE_CREATING || (!qemu_serves(d) && local_console_size(d) == 0))
		return 0;
	rec->phase = PHASE_BOOTING;
	return local_record_write(d, rec, e);
}

/* Nothing of it was ever in use: QEMU did not run, or not as far as to run anything. */
static int replace(struct launch *l, struct local_dir *d, const char *uuid, struct error *e)
{
	const char *name = l->q->name;
	int r;

	progress_note(
		l->c->progress, "replacing '%s', which an earlier launch left unfinished", name);
	r = qemu_kill(d, uuid, e);
	if (r == 0)
		r = local_volume_keep(d, l->c, name, e);
	if (r < 0)
		return r;
	r = local_dir_remove(d, l->c, name, e);
	local_dir_close(d);
	return r;
}

/*
 * What is there under this name: 0 nothing (any more), CLOUD_CONTINUED an equal launch that still
 * boots, CLOUD_SETTLED one that is over; another server is an error. d is open when something was.
 */
static int check_existing(
	struct launch *l, struct local_dir *d, const char *intent, struct error *e)
{
	const char *name = l->q->name;
	struct local_record old;
	struct error why = {};
	int r = local_dir_open(d, l->c, name, true, e);
	bool readable, same;

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
	r = local_launch_began(d, &old, e);
	if (r < 0)
		return r;
	if (old.phase == PHASE_CREATING)
		return replace(l, d, old.uuid, e);
	same = old.intent && strcmp(old.intent, intent) == 0;
	if (old.phase == PHASE_BOOTING && !local_console_answered(d) && qemu_serves(d)) {
		if (same)
			return CLOUD_CONTINUED;
		return error_set(e, ERR_FAILED,
			"the server '%s' is still starting, from another launch than this: "
			"'kbuild destroy %s' removes it",
			name, name);
	}
	return in_use(d, name, old.phase, same, e);
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
	l->rec.mac = l->q->mac ? l->q->mac
			       : arena_printf(l->a, "52:54:00:%02x:%02x:%02x", m[0], m[1], m[2]);
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
	bool link = q->disk_immutable && on_device(l->c->state_dir, l->image.st_dev);
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
	return need_space(
		l->c->state_dir, SPACE_MIN + (link ? 0 : (uint64_t)l->image.st_blocks * 512), e);
}

static int need_programs(const struct launch_request *q, struct error *e)
{
	int r = need_program(QEMU_SYSTEM, "qemu-system-x86", e);

	if (r == 0)
		r = need_program(QEMU_IMG, "qemu-utils", e);
	if (r == 0 && !launch_has_keys(q) && !q->config_drive)
		r = need_program("ssh-keygen", "openssh-client", e);
	return r;
}

/* Between asking for a free port and listening on it somebody else may have taken it. */
static int first_start(struct launch *l, const struct local_dir *d, struct error *e)
{
	struct error again = {};
	unsigned port;
	int r;

	for (int i = 0;; i++) {
		r = local_record_write(d, &l->rec, e);
		if (r == 0)
			r = qemu_start(d, l->q->name, &l->rec, e);
		/* Interrupted, it may live: then the port is in use by itself. */
		if (r == 0 || i == SSH_PORT_TRIES || e->code == ERR_INTERRUPTED || qemu_alive(d) ||
			port_probe("127.0.0.1", (unsigned)l->rec.ssh_port, false) != -EADDRINUSE)
			return r;
		if (free_port(taken_ports(l), l->q->forwards, l->q->n_forwards, &port, &again) < 0)
			return r;
		l->rec.ssh_port = port;
	}
}

static int make_server(struct launch *l, struct local_dir *d, struct error *e)
{
	int r = local_record_write(d, &l->rec, e);

	if (r == 0)
		r = launch_make_files(l, d, e);
	if (r == 0)
		r = first_start(l, d, e);
	if (r < 0)
		return r;
	/* A launch that is killed before this line is made up for by whoever comes next: local_launch_began(). */
	l->rec.phase = PHASE_BOOTING;
	return local_record_write(d, &l->rec, e);
}

static void fill_record(struct launch *l, const char *intent)
{
	const struct launch_request *q = l->q;

	l->rec.phase = PHASE_CREATING;
	l->rec.intent = intent;
	l->rec.definition = q->definition;
	l->rec.image = q->image_digest;
	l->rec.user = q->user;
	l->rec.address = q->address;
	l->rec.identity = q->identity;
	l->rec.created = time(NULL);
	l->rec.memory = q->memory;
	l->rec.cpus = q->cpus;
	l->rec.volume_size = q->volume_size;
	l->rec.forwards = (struct port_forward *)(uintptr_t)q->forwards;
	l->rec.n_forwards = q->n_forwards;
}

/* What a failed launch made goes again; its own error is the one that counts. */
static int take_back(const struct launch *l, struct local_dir *d, struct error *e)
{
	struct error ignored = {};

	if (qemu_kill(d, l->rec.uuid, &ignored) < 0 ||
		local_volume_keep(d, l->c, l->q->name, &ignored) < 0 ||
		local_dir_remove(d, l->c, l->q->name, &ignored) < 0)
		return error_append(
			e, "; what was made of it is left: 'kbuild destroy %s'", l->q->name);
	if (e->code == ERR_INTERRUPTED)
		return error_set(e, ERR_INTERRUPTED,
			"interrupted: the server '%s' was removed again", l->q->name);
	return -e->code;
}

int local_check(const struct cloud *c, const struct launch_request *q, struct error *e)
{
	_cleanup_(local_dir_close) struct local_dir d = LOCAL_DIR_INIT;
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct local_record rec = {};
	struct error later = {};
	int r = need_programs(q, e);

	if (r < 0)
		return r;
	r = q->name ? local_dir_open(&d, c, q->name, false, e) : CLOUD_ABSENT;
	if (r < 0)
		return r;
	if (r == 0) {
		/* One that is not finished may be ours to continue, ports and all. */
		if (local_record_read(&d, a, &rec, &later) < 0 || rec.phase == PHASE_CREATING ||
			(rec.phase == PHASE_BOOTING && !local_console_answered(&d) &&
				qemu_alive(&d)) ||
			launch_may_have_made(q, rec.definition, rec.image))
			return 0;
		return in_use(&d, q->name, rec.phase, false, e);
	}
	r = need_ports(q->forwards, q->n_forwards, e);
	return r < 0 ? r : need_memory(q->memory, e);
}

int local_launch(const struct cloud *c, const struct launch_request *q, struct arena *a,
	bool *ret_volume_made, struct error *e)
{
	_cleanup_(local_dir_close) struct local_dir d = LOCAL_DIR_INIT;
	struct launch l = { .c = c, .q = q, .a = a };
	const char *intent;
	int r;

	*ret_volume_made = false;
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
	*ret_volume_made = l.volume_made;
	return r < 0 ? take_back(&l, &d, e) : 0;
}
