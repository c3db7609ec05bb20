/*
 * The data volume: finding it, formatting it when it is blank, mounting it.
 *
 * Docker's named volumes live on it: /var/lib/docker/volumes is a bind mount of a directory of the volume,
 * and docker.service requires that mount. A link, or another data-root, would take images and
 * containers along, which belong to the server; a mount in fstab would not keep docker from starting
 * without it, and a database that starts on the wrong disk is empty.
 */
#include "ops.h"

#include "alloc.h"
#include "blockdev.h"
#include "buf.h"
#include "config.h"
#include "error.h"
#include "fd.h"
#include "process.h"
#include "program.h"
#include "schema.h"
#include "volume_units.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* A file system smaller than its disk by more than this is worth growing. */
#define GROW_MIN (64 * MIB)

static int find(const struct call *c, struct volume *ret, struct error *e)
{
	_cleanup_(agent_config_freep) struct agent_config *config = NULL;
	_free_ char *path = xasprintf("%s/etc/kbuild/agent.yaml", c->b->root);
	int r = agent_config_load(&config, path, e);

	return r < 0 ? r : volume_find(ret, c->b->root, config->volume, e);
}

/* Field 5 of mountinfo, proc(5); what it escapes does not occur in our paths. */
static bool is_mounted(const struct call *c, const char *where)
{
	_free_ char *path = xasprintf("%s/proc/self/mountinfo", c->b->root);
	_free_ char *field = xasprintf(" %s ", where);
	_buf_ text = BUF_INIT;
	char *save = NULL;

	if (file_read(AT_FDCWD, path, 4 * MIB, &text) < 0)
		return false;
	for (char *line = strtok_r(text.data, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		char *at = strstr(line, field);
		size_t blanks = 0;

		for (char *p = line; at && p < at; p++)
			blanks += *p == ' ';
		if (at && blanks == 3)
			return true;
	}
	return false;
}

static bool all_mounted(const struct call *c)
{
	return is_mounted(c, DATA) && is_mounted(c, VOLUMES) && is_mounted(c, SECRETS);
}

static bool has_files(int dirfd, const char *path)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	bool found = false;
	struct dirent *d;

	while (dir && !found && (d = readdir(dir)))
		found = strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
	if (dir)
		closedir(dir);
	return found;
}

/* Whether there is something in any of Docker's volumes: a database, for all that we know. */
static bool volumes_used(const struct call *c)
{
	_free_ char *path = xasprintf("%s" VOLUMES, c->b->root);
	DIR *dir = opendir(path);
	bool used = false;
	struct dirent *d;

	while (dir && !used && (d = readdir(dir))) {
		_free_ char *data = xasprintf("%s/_data", d->d_name);

		used = d->d_name[0] != '.' && has_files(dirfd(dir), data);
	}
	if (dir)
		closedir(dir);
	return used;
}

static bool can_grow(const struct volume *v)
{
	return v->state == VOLUME_OURS && v->file_size + GROW_MIN < v->size;
}

static int run_probe(struct call *c, struct error *e)
{
	struct volume v;
	int r = find(c, &v, e);

	if (r < 0)
		return r;
	ipc_add_str(c->reply.json, "state", volume_word(v.state));
	ipc_add_str(c->reply.json, "device", v.device);
	ipc_add_int(c->reply.json, "size", (int64_t)v.size);
	ipc_add_bool(c->reply.json, "begun", v.begun);
	ipc_add_bool(c->reply.json, "grow", can_grow(&v));
	ipc_add_bool(c->reply.json, "mounted", all_mounted(c));
	ipc_add_bool(c->reply.json, "used", volumes_used(c));
	ipc_add_str(c->reply.json, "why", v.why);
	return 0;
}

/* Its exit status; what it wrote stands in text. */
static int run(const struct call *c, struct args *a, struct buf *text, struct error *e)
{
	struct process p = { .out = text, .err = text, .timeout_ms = 0 };

	return program_run(c->b, a, &p, e);
}

static int check(const struct call *c, struct args *a, struct error *e)
{
	_buf_ text = BUF_INIT;
	int r = run(c, a, &text, e);

	return r > 0 ? error_set(e, ERR_FAILED, "%s failed: %s", a->v[0], buf_str(&text)) : r;
}

/* What our own look may have missed: blkid(8) ends with 2 when it finds nothing at all. */
static int nothing_known(const struct call *c, const char *device, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_buf_ text = BUF_INIT;
	int r;

	args_set(a, "blkid", "--probe", device, NULL);
	r = run(c, a, &text, e);
	if (r < 0 || r == 2)
		return r < 0 ? r : 0;
	return error_set(e, ERR_FAILED, "%s is not formatted: it holds %s", device, buf_str(&text));
}

static int mark(const struct call *c, const char *device, struct error *e)
{
	_close_ int fd = open(device, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (*c->b->root ? 0 : O_EXCL));
	int r = fd < 0 ? -errno : disk_mark(fd);

	return r < 0 ? error_errno(e, r, "cannot write to %s", device) : 0;
}

/*
 * In an order that a cut at any point can be told from a finished one: our mark first, the file system
 * under another label, its own label last.
 */
static int run_format(struct call *c, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_free_ char *device = NULL;
	struct volume v;
	int r = find(c, &v, e);

	if (r < 0)
		return r;
	if (v.state != VOLUME_BLANK)
		return error_set(e, ERR_FAILED, "the data volume is not formatted: it is %s%s%s",
			volume_word(v.state), *v.why ? ": " : "", v.why);
	device = xasprintf("%s/dev/%s", c->b->root, v.device);
	r = v.begun ? 0 : nothing_known(c, device, e);
	if (r >= 0)
		r = mark(c, device, e);
	if (r < 0)
		return r;
	args_set(
		a, "mkfs.ext4", "-q", "-F", "-m", "1", "-L", VOLUME_LABEL_UNFINISHED, device, NULL);
	r = check(c, a, e);
	if (r < 0)
		return r;
	args_set(a, "tune2fs", "-L", VOLUME_LABEL, device, NULL);
	return check(c, a, e);
}

/* Volumes on the server's own disk would be there no more, for all that Docker sees. */
static int none_hidden(const struct call *c, struct error *e)
{
	_free_ char *path = xasprintf("%s" VOLUMES, c->b->root);
	DIR *dir = opendir(path);
	struct dirent *d;
	int r = 0;

	while (dir && r == 0 && (d = readdir(dir))) {
		/* Docker's own: its list of volumes, and a device node for quotas. */
		if (d->d_name[0] == '.' || strcmp(d->d_name, "metadata.db") == 0 ||
			strcmp(d->d_name, "backingFsBlockDev") == 0)
			continue;
		r = error_set(e, ERR_FAILED,
			"Docker has volumes on the server's own disk ('%s'), which the data volume "
			"would hide; move them to " STORED " (with Docker stopped), or remove them",
			d->d_name);
	}
	if (dir)
		closedir(dir);
	return r;
}

static int systemctl(const struct call *c, const char *verb, const char *unit, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);

	args_set(a, "systemctl", verb, unit, NULL);
	return check(c, a, e);
}

/*
 * A volume that is kept comes from a server where the agent's user may have had another number. Nothing but
 * the agent's own files is given away: no other name of a file that lies elsewhere on the volume, and
 * nothing behind a link. What is no plain file stays as it is, since the agent reads none.
 */
static int give_file(int dirfd, const char *name, const struct stat *to, struct error *e)
{
	_close_ int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ELOOP || errno == ENXIO || errno == ENOENT
			       ? 0
			       : error_errno(e, errno, "cannot open %s", name);
	if (fstat(fd, &st) < 0)
		return error_errno(e, errno, "cannot look at %s", name);
	if (!S_ISREG(st.st_mode))
		return 0;
	if (st.st_nlink != 1)
		return error_set(e, ERR_FAILED, "%s has more names than one", name);
	if (fchown(fd, to->st_uid, to->st_gid) < 0)
		return error_errno(e, errno, "cannot give %s to the agent", name);
	return 0;
}

static int give_files(int dirfd, const struct stat *to, struct error *e)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;

	if (!dir)
		return error_errno(e, errno, "cannot list it");
	while (r == 0 && (d = readdir(dir)))
		r = give_file(fd, d->d_name, to, e);
	closedir(dir);
	return r;
}

/*
 * One that is the agent's, as its state directory is; which may hold a link in its place. The files first: who
 * owns the directory could put others there meanwhile.
 */
static int make_secrets(const struct call *c, const char *path, struct error *e)
{
	_free_ char *state = xasprintf("%s/var/lib/kbuild", c->b->root);
	_close_ int fd = -1;
	struct stat st;
	int r;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_errno(e, errno, "cannot make %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || stat(state, &st) < 0)
		return error_errno(e, errno, "cannot look at %s", fd < 0 ? path : state);
	r = give_files(fd, &st, e);
	if (r < 0)
		return error_prefix(e, "%s", path);
	if (fchown(fd, st.st_uid, st.st_gid) < 0)
		return error_errno(e, errno, "cannot give %s to the agent", path);
	return 0;
}

/*
 * As Docker closes /var/lib/docker: below are the files of containers, world-readable ones among them. Where
 * they are mounted nobody passes through here.
 */
static int close_to_others(const struct call *c, struct error *e)
{
	_free_ char *path = xasprintf("%s" DATA, c->b->root);
	int r = mkdir_all(AT_FDCWD, path, 0700);

	if (r >= 0 && chmod(path, 0700) < 0)
		r = -errno;
	return r < 0 ? error_errno(e, r, "cannot close %s to others", path) : 0;
}

static int make_directories(const struct call *c, struct error *e)
{
	/* As Docker makes its own: what is inside has its own modes. */
	static const char *const plain[] = { STORED, VOLUMES };
	static const char *const secret[] = { KEPT, SECRETS };
	int r = close_to_others(c, e);

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(plain); i++) {
		_free_ char *path = xasprintf("%s%s", c->b->root, plain[i]);

		r = mkdir_all(AT_FDCWD, path, 0711);
		if (r < 0)
			return error_errno(e, r, "cannot make %s", path);
	}
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(secret); i++) {
		_free_ char *path = xasprintf("%s%s", c->b->root, secret[i]);

		r = make_secrets(c, path, e);
	}
	return r;
}

static int grow_it(const struct call *c, const struct volume *v, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_free_ char *device = xasprintf("%s/dev/%s", c->b->root, v->device);

	if (!can_grow(v))
		return 0;
	args_set(a, "resize2fs", device, NULL);
	return check(c, a, e);
}

/*
 * Docker keeps running while its directory is mounted over (there is nothing in it), and is then
 * restarted by one job: a kill of this process in between leaves no server without Docker.
 */
static int mount_volumes(const struct call *c, struct error *e)
{
	int r = none_hidden(c, e);

	if (r >= 0)
		r = systemctl(c, "start", VOLUMES_UNIT, e);
	if (r >= 0)
		r = systemctl(c, "restart", "docker.service", e);
	return r;
}

#define UDEV_MS 30000 /* a small machine that just booted takes some seconds */
#define LOOK_MS 200

/*
 * systemd mounts by a link that udev makes. When the one by label is there, so are all others. A label that
 * is given while udev still looks at the one before is not seen; udev looks again whenever who had the
 * device open for writing closes it.
 */
static void wait_for_udev(const struct call *c, const char *device)
{
	_free_ char *udev = xasprintf("%s/run/udev/control", c->b->root);
	_free_ char *path = xasprintf("%s/dev/%s", c->b->root, device);
	_free_ char *link = xasprintf("%s/dev/disk/by-label/" VOLUME_LABEL, c->b->root);

	if (access(udev, F_OK) < 0)
		return;
	for (int waited = 0; waited < UDEV_MS && !volume_link_leads(link, device);
		waited += LOOK_MS) {
		const struct timespec pause = { 0, LOOK_MS * 1000000L };

		if (waited % (5 * LOOK_MS) == 0) {
			_close_ int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

			(void)fd;
		}
		nanosleep(&pause, NULL);
	}
}

static int run_mount(struct call *c, struct error *e)
{
	_free_ struct args *reload = xcalloc(1, sizeof *reload);
	struct volume v;
	int r = find(c, &v, e);

	if (r >= 0 && v.state != VOLUME_OURS)
		r = error_set(e, ERR_FAILED, "there is no data volume to mount%s%s",
			*v.why ? ": " : "", v.why);
	if (r < 0)
		return r;
	wait_for_udev(c, v.device);
	r = volume_units_write(c->b->root, v.device, e);
	if (r < 0)
		return r;
	args_set(reload, "systemctl", "daemon-reload", NULL);
	r = check(c, reload, e);
	if (r >= 0)
		r = systemctl(c, "start", DATA_UNIT, e);
	if (r >= 0)
		r = make_directories(c, e);
	if (r >= 0)
		r = systemctl(c, "start", SECRETS_UNIT, e);
	if (r >= 0 && !is_mounted(c, VOLUMES))
		r = mount_volumes(c, e);
	return r < 0 ? r : grow_it(c, &v, e);
}

static const struct field no_fields[] = { { "op" }, {} };

const struct op ops_volume[] = {
	{ "volume-probe", no_fields, 0, 0, 0, 60, run_probe },
	{ "volume-format", no_fields, 0, 0, OP_CHANGES, 900, run_format },
	{ "volume-mount", no_fields, 0, 0, OP_CHANGES, 300, run_mount },
	{},
};
