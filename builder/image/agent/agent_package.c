/*
 * From sources to a .deb, with the programs of the release: meson and ninja compile, dpkg-shlibdeps
 * says which packages the program needs in which version, dpkg-deb packs. Everything happens below
 * one directory that is bound into the tree at the same place each time, so that no path of the
 * builder gets into the package.
 */
#include "agent_package.h"

#include "agent_sources.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "chroot.h"
#include "error.h"
#include "fd.h"
#include "progress.h"
#include "rootfd.h"
#include "walk.h"
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define JOB	"/run/kbuild" /* SCRATCH/job as the tree sees it */
#define PROGRAM JOB "/package/usr/lib/kbuild/kbuild-agent"
#define LOADED	JOB "/build/firstboot/libagent_loads.so" /* what it needs and loads itself */

#define FILES_MAX 256 /* in the package; it has two dozen */

/* The program itself and, where a package holds them, what it is told by units. */
static const char *const compile[][12] = {
	{ "meson", "setup", "--prefix=/usr", "--buildtype=plain", "--wrap-mode=nodownload",
		"-Dbuilder=false", "-Dstrip=true", JOB "/build", JOB "/sources" },
	{ "ninja", "-C", JOB "/build" },
	{ "meson", "install", "--no-rebuild", "--quiet", "-C", JOB "/build",
		"--destdir=" JOB "/package" },
};

static const char control[] =
	"Package: kbuild-agent\n"
	"Version: " KBUILD_VERSION
	"\n"
	"Architecture: amd64\n"
	"Section: admin\n"
	"Priority: optional\n"
	"Maintainer: The kbuild authors <kbuild@localhost>\n"
	"Installed-Size: %llu\n"
	"Depends: %s, systemd (>= 249)\n"
	"Description: first boot, deploys, backups and checks of a kbuild server\n"
	" Finishes on a server what an image cannot know (secrets, DNS records, the\n"
	" application) and then keeps it: follows the application's repository, takes\n"
	" backups, looks after its health. Made by kbuild for one release.\n";

static const char postinst[] =
	"#!/bin/sh\n"
	"set -e\n"
	"if [ \"$1\" = configure ]; then\n"
	"\tsystemd-sysusers kbuild-agent.conf\n"
	"fi\n";

static const char prerm[] =
	"#!/bin/sh\n"
	"set -e\n"
	"if [ \"$1\" = remove ] && [ -d /run/systemd/system ]; then\n"
	"\tsystemctl stop 'kbuild-*.timer' kbuild-broker.socket || true\n"
	"fi\n";

struct files {
	struct arena *arena;
	const char *argv[FILES_MAX + 4]; /* of md5sum */
	size_t n;
	uint64_t size;
};

/* What a program changes in the tree is thrown away; an overlay of chroot_run() mounts only once. */
static int new_overlay(const struct agent_package *p, struct error *e)
{
	static const char *const dirs[] = { "root", "upper", "work" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		int r = remove_all(p->scratch->fd, dirs[i]);

		if (r < 0 || mkdirat(p->scratch->fd, dirs[i], 0755) < 0)
			return error_errno(
				e, r < 0 ? r : errno, "making %s/%s", p->scratch->path, dirs[i]);
	}
	return 0;
}

static int run(
	const struct agent_package *p, const char *const *argv, struct buf *out, struct error *e)
{
	static const char *const env[] = { CHROOT_DATE, "PYTHONDONTWRITEBYTECODE=1", NULL };
	_free_ char *job = xasprintf("%s/job", p->scratch->path);
	_free_ char *root = xasprintf("%s/root", p->scratch->path);
	_free_ char *upper = xasprintf("%s/upper", p->scratch->path);
	_free_ char *work = xasprintf("%s/work", p->scratch->path);
	const struct chroot_bind binds[] = { { job, JOB, true }, {} };
	const struct chroot_run r = {
		.root = root,
		.lower = p->tree,
		.upper = upper,
		.work = work,
		.argv = argv,
		.env = env,
		.binds = binds,
		.out = out,
		.log_fd = p->log_fd,
	};

	int x = new_overlay(p, e);

	progress_detail(p->progress, "%s", argv[0]);
	return x < 0 ? x : chroot_check(&r, e);
}

static int make_dirs(const struct agent_package *p, struct error *e)
{
	static const char *const dirs[] = { "job/sources", "job/package/DEBIAN",
		"job/about/debian" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		int r = mkdir_all(p->scratch->fd, dirs[i], 0755);

		if (r < 0)
			return error_errno(e, r, "making %s/%s", p->scratch->path, dirs[i]);
	}
	return 0;
}

static int unpack(const struct agent_package *p, struct error *e)
{
	_close_ int fd = openat(p->scratch->fd, "job/sources", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_errno(e, errno, "opening %s/job/sources", p->scratch->path);
	return agent_sources_unpack(fd, e);
}

static int put(const struct agent_package *p, const char *path, const char *text, mode_t mode,
	struct error *e)
{
	/* Programs of the tree have written there, too: no link of theirs leads out. */
	int r = rootfd_puts(p->scratch->fd, path, text, mode);

	return r < 0 ? error_errno(e, r, "writing %s/%s", p->scratch->path, path) : 0;
}

/* "shlibs:Depends=libc6 (>= 2.38), …" of the program's own libraries, as packages of Debian get it. */
static int find_depends(const struct agent_package *p, char **ret, struct error *e)
{
	/* It reads this file, and finds it in the directory it is started in. */
	static const char *const argv[] = { "env", "--chdir=" JOB "/about", "dpkg-shlibdeps", "-O",
		PROGRAM, LOADED, NULL };
	static const char key[] = "shlibs:Depends=";
	_buf_ out = BUF_INIT;
	const char *line;
	int r;

	r = put(p, "job/about/debian/control",
		"Source: kbuild\n\nPackage: kbuild-agent\nArchitecture: any\n", 0644, e);
	if (r == 0)
		r = run(p, argv, &out, e);
	if (r < 0)
		return r;
	line = strstr(buf_str(&out), key);
	if (!line)
		return error_set(e, ERR_FAILED, "dpkg-shlibdeps found no libraries of the agent");
	line += strlen(key);
	*ret = xasprintf("%.*s", (int)strcspn(line, "\n"), line);
	return 0;
}

static int add_file(void *arg, const struct walk_entry *f)
{
	struct files *files = arg;

	if (!S_ISREG(f->st->st_mode) || strncmp(f->path, "/DEBIAN/", 8) == 0)
		return 0;
	if (files->n == FILES_MAX + 3)
		return -E2BIG;
	files->argv[files->n++] = arena_strdup(files->arena, f->path + 1);
	files->size += (uint64_t)f->st->st_size;
	return 0;
}

static int by_text(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* DEBIAN/md5sums, which dpkg --verify compares with, and the size of it all. */
static int sum_files(const struct agent_package *p, uint64_t *ret_size, struct error *e)
{
	_close_ int fd = rootfd_open(p->scratch->fd, "job/package", O_RDONLY | O_DIRECTORY, 0);
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct files files = {
		.arena = a, .argv = { "env", "--chdir=" JOB "/package", "md5sum" }, .n = 3
	};
	_buf_ sums = BUF_INIT;
	int r = fd < 0 ? fd : walk_below(fd, "/", add_file, &files);

	if (r < 0)
		return error_errno(e, r, "reading %s/job/package", p->scratch->path);
	qsort(files.argv + 3, files.n - 3, sizeof *files.argv, by_text);
	r = run(p, files.argv, &sums, e);
	if (r < 0)
		return r;
	*ret_size = files.size;
	return put(p, "job/package/DEBIAN/md5sums", buf_str(&sums), 0644, e);
}

static int write_control(const struct agent_package *p, struct error *e)
{
	_free_ char *depends = NULL, *text = NULL;
	uint64_t size = 0;
	int r;

	r = find_depends(p, &depends, e);
	if (r == 0)
		r = sum_files(p, &size, e);
	if (r < 0)
		return r;
	text = xasprintf(control, (unsigned long long)(size + KIB - 1) / KIB, depends);
	r = put(p, "job/package/DEBIAN/control", text, 0644, e);
	if (r == 0)
		r = put(p, "job/package/DEBIAN/postinst", postinst, 0755, e);
	return r == 0 ? put(p, "job/package/DEBIAN/prerm", prerm, 0755, e) : r;
}

static int make(const struct agent_package *p, struct error *e)
{
	_free_ char *file = xasprintf(JOB "/%s", p->name);
	static const char package[] = JOB "/package";
	const char *const pack[] = { "dpkg-deb", "--root-owner-group", "-Zxz", "--build", package,
		file, NULL };
	int r = make_dirs(p, e);

	if (r == 0)
		r = unpack(p, e);
	for (size_t i = 0; i < ARRAY_SIZE(compile) && r == 0; i++)
		r = run(p, compile[i], NULL, e);
	if (r == 0)
		r = write_control(p, e);
	return r == 0 ? run(p, pack, NULL, e) : r;
}

int agent_package_make(const struct agent_package *p, struct error *e)
{
	mode_t mask = umask(022); /* the same package for everybody */
	int r = make(p, e);

	umask(mask);
	return r;
}
