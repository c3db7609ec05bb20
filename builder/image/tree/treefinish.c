/* What comes after the packages. Each step is a row of the table at the end. */
#include "treefinish.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "chroot.h"
#include "deb822.h"
#include "error.h"
#include "fd.h"
#include "lock.h"
#include "names.h"
#include "progress.h"
#include "rootfd.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct finish {
	const struct tree_request *q;
	const char *root;
	int root_fd;
};

/*
 * Which packages apt may remove when nothing needs them. apt files packages of architecture "all"
 * under the native one.
 */
static int write_marks(const struct finish *f, struct error *e)
{
	const struct lock *l = f->q->lock;
	_buf_ text = BUF_INIT;
	int r;

	for (size_t i = 0; i < l->n; i++) {
		if (l->packages[i].automatic)
			buf_printf(&text, "Package: %s\nArchitecture: %s\nAuto-Installed: 1\n\n",
				l->packages[i].name, l->architecture);
	}
	r = rootfd_write(f->root_fd, "var/lib/apt/extended_states", buf_str(&text), text.len, 0644);
	return r < 0 ? error_errno(e, r, "writing /var/lib/apt/extended_states") : 0;
}

/*
 * A program of the tree, with its output in the log, free to think of an initrd again. Only with a date
 * does mkinitramfs leave the time of making out of it.
 */
static int run_in_tree(const struct finish *f, const char *const *argv, struct error *e)
{
	static const char *const env[] = { "INITRD", CHROOT_DATE, NULL };
	const struct chroot_run run = {
		.root = f->root,
		.argv = argv,
		.env = env,
		.log_fd = f->q->log_fd,
	};
	_free_ char *header = xasprintf("\n==== %s\n", argv[0]);

	if (f->q->log_fd > 0)
		(void)fd_write(f->q->log_fd, header, strlen(header));
	return chroot_check(&run, e);
}

/*
 * During the work INITRD=No kept every hook from making it; now all that goes into it is there.
 * The same word kept the kernel's postinst from making the links /initrd.img and /initrd.img.old.
 */
static int make_initrd(const struct finish *f, const char *version, struct error *e)
{
	_free_ char *image = xasprintf("/boot/vmlinuz-%s", version);
	const char *const make[] = { "update-initramfs", "-c", "-k", version, NULL };
	const char *const link[] = { "linux-update-symlinks", "upgrade", version, image, NULL };
	int r;

	progress_detail(f->q->progress, "initrd of %s", version);
	r = run_in_tree(f, make, e);
	if (r == 0 && rootfd_exists(f->root_fd, "usr/bin/linux-update-symlinks"))
		r = run_in_tree(f, link, e);
	return r;
}

static int make_initrds(const struct finish *f, struct error *e)
{
	_cleanup_(names_free) struct names names = NAMES_INIT;
	int r = 0;

	if (names_read(&names, f->root_fd, "boot") < 0 ||
		!rootfd_exists(f->root_fd, "usr/sbin/update-initramfs"))
		return 0;
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		if (strncmp(names.v[i], "vmlinuz-", 8) == 0)
			r = make_initrd(f, names.v[i] + 8, e);
	}
	return r;
}

/* Traces of the making: of when and how, never of what. The same list as other builders have. */
static const char *const traces[] = {
	"var/log/dpkg.log",
	"var/log/alternatives.log",
	"var/log/apt/history.log",
	"var/log/apt/term.log",
	"var/log/apt/eipp.log.xz",
	"var/cache/ldconfig/aux-cache",
	"var/lib/dbus/machine-id",
};

static int empty_file(const struct finish *f, const char *path, struct error *e)
{
	_close_ int fd = rootfd_open(f->root_fd, path, O_WRONLY | O_TRUNC | O_NOFOLLOW, 0);

	return fd < 0 && fd != -ENOENT ? error_errno(e, fd, "emptying /%s", path) : 0;
}

static int remove_traces(const struct finish *f, struct error *e)
{
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(traces); i++) {
		r = rootfd_remove(f->root_fd, traces[i]);
		if (r < 0 && r != -ENOTDIR)
			return error_errno(e, r, "removing /%s", traces[i]);
	}
	/* dpkg fills it when installing files; apt keeps it empty. */
	r = empty_file(f, "var/lib/dpkg/available", e);
	/* Empty rather than absent: systemd then makes one at each first boot (machine-id(5)). */
	return r < 0 ? r : empty_file(f, "etc/machine-id", e);
}

static const struct lock_package *find_package(const struct lock *l, const char *name)
{
	for (size_t i = 0; name && i < l->n; i++) {
		if (strcmp(l->packages[i].name, name) == 0)
			return &l->packages[i];
	}
	return NULL;
}

/* One stanza of dpkg's status against the lock. */
static int check_stanza(
	const struct lock *l, const struct stanza *s, struct arena *a, struct error *e)
{
	const char *name = stanza_dup(s, "Package", a);
	const char *status = stanza_dup(s, "Status", a);
	const char *version = stanza_dup(s, "Version", a);
	const struct lock_package *p = find_package(l, name);

	if (!name || !status || !version)
		return error_set(e, ERR_FAILED, "dpkg's status file in the tree is damaged");
	if (!p)
		return error_set(e, ERR_FAILED, "%s is in the tree but not in the lock", name);
	if (strcmp(status, "install ok installed") != 0)
		return error_set(
			e, ERR_FAILED, "%s is not installed in the tree but '%s'", name, status);
	if (strcmp(version, p->version) != 0)
		return error_set(e, ERR_FAILED, "%s is %s in the tree but %s in the lock", name,
			version, p->version);
	return 0;
}

/* The tree has the locked packages, all of them, configured, and no other. */
static int check_status(const struct finish *f, struct error *e)
{
	_cleanup_(deb822_freep) struct deb822 *d = NULL;
	_cleanup_(arena_freep) struct arena *a = arena_new();
	int fd = rootfd_open(f->root_fd, "var/lib/dpkg/status", O_RDONLY, 0);
	struct stanza s;
	size_t n = 0;
	int r = fd;

	if (fd >= 0)
		d = deb822_new(fd);
	for (; r >= 0; n++) {
		r = deb822_next(d, &s);
		if (r <= 0)
			break;
		r = check_stanza(f->q->lock, &s, a, e);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return error_errno(e, r, "reading /var/lib/dpkg/status of the tree");
	if (n != f->q->lock->n)
		return error_set(
			e, ERR_FAILED, "the tree has %zu packages, the lock %zu", n, f->q->lock->n);
	return 0;
}

static int (*const steps[])(const struct finish *f, struct error *e) = {
	check_status,
	write_marks,
	make_initrds,
	remove_traces,
};

int treefinish_run(const struct tree_request *q, const char *root, int root_fd, struct error *e)
{
	const struct finish f = { .q = q, .root = root, .root_fd = root_fd };
	int r = 0;

	progress_begin(q->progress, "finish", NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(steps) && r == 0; i++)
		r = steps[i](&f, e);
	if (r == 0)
		progress_end(q->progress, NULL);
	return r;
}
