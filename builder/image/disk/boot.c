/*
 * What must stand in the tree so that its disk boots: GRUB's configuration, modules and BIOS
 * images, fstab, and the settings with which update-grub later writes an equal configuration. The
 * tree's own grub-mkimage makes core.img, so image and modules are of one version.
 */
#include "disk.h"

#include "alloc.h"
#include "buf.h"
#include "chroot.h"
#include "error.h"
#include "fstab.h"
#include "grub.h"
#include "names.h"
#include "rootfd.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define MODULES_FROM "usr/lib/grub/i386-pc"
#define FILE_MAX     (16 * MIB)
#define FSTAB_MAX    (1 * MIB)

#define MKIMAGE_DIRECTORY "--directory=/usr/lib/grub/i386-pc"
/* Prefix without a disk: the one that the BIOS booted from. */
#define MKIMAGE_PREFIX "--prefix=(,gpt1)/boot/grub"

/* Newest first. */
static int compare_versions(const void *a, const void *b)
{
	return -strverscmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory of the tree that keep() wants, sorted. */
static int list(int root, const char *path, bool (*keep)(const char *), struct names *ret)
{
	_cleanup_(names_free) struct names all = NAMES_INIT;
	_close_ int dir = rootfd_open(root, path, O_RDONLY | O_DIRECTORY, 0);
	int r = dir < 0 ? dir : names_read(&all, dir, ".");

	if (r < 0)
		return r;
	for (size_t i = 0; i < all.n; i++) {
		if (keep(all.v[i]))
			names_add(ret, all.v[i]);
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof *ret->v, compare_versions);
	return 0;
}

static bool is_kernel(const char *name)
{
	return strncmp(name, "vmlinuz-", 8) == 0 && !strstr(name, ".dpkg-");
}

static bool is_module(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (strcmp(dot, ".mod") == 0 || strcmp(dot, ".lst") == 0 ||
			      strcmp(name, "boot.img") == 0);
}

/* Only kernels whose initrd is there: root is found by label, which the kernel alone cannot. */
static int find_kernels(int root, struct names *ret, struct error *e)
{
	_cleanup_(names_free) struct names all = {};
	int r = list(root, "boot", is_kernel, &all);

	if (r < 0)
		return error_errno(e, r, "cannot read /boot of the tree");
	for (size_t i = 0; i < all.n; i++) {
		const char *version = all.v[i] + strlen("vmlinuz-");
		_free_ char *initrd = xasprintf("boot/initrd.img-%s", version);
		_close_ int fd = rootfd_open(root, initrd, O_PATH, 0);

		if (fd < 0)
			continue;
		ret->v = grow(ret->v, ret->n, &ret->cap, sizeof *ret->v);
		ret->v[ret->n++] = xstrdup(version);
	}
	if (ret->n == 0)
		return error_set(e, ERR_FAILED,
			"no kernel with an initrd in /boot of the tree (%zu without): is a kernel "
			"package and initramfs-tools among the packages?",
			all.n);
	return 0;
}

static int put(int root, const char *path, const struct buf *text, struct error *e)
{
	int r = rootfd_write(root, path, text->data, text->len, 0644);

	return r < 0 ? error_errno(e, r, "cannot write /%s of the tree", path) : 0;
}

static int write_config(int root, const char *distribution, struct error *e)
{
	_cleanup_(names_free) struct names kernels = {};
	_free_ char *title = xasprintf("%s", distribution);
	_buf_ config = BUF_INIT;
	_buf_ defaults = BUF_INIT;
	int r = find_kernels(root, &kernels, e);

	if (r < 0)
		return r;
	title[0] = (char)toupper((unsigned char)title[0]);
	grub_config((const char *const *)kernels.v, kernels.n, title, &config);
	grub_defaults(title, &defaults);
	r = put(root, GRUB_DIR "/grub.cfg", &config, e);
	return r < 0 ? r : put(root, "etc/default/grub.d/50-kbuild.cfg", &defaults, e);
}

static int copy_modules(int root, struct error *e)
{
	_cleanup_(names_free) struct names modules = {};
	int r = list(root, MODULES_FROM, is_module, &modules);

	if (r == -ENOENT)
		return error_set(e, ERR_FAILED,
			"the tree has no /" MODULES_FROM ": it needs the package grub-pc-bin");
	for (size_t i = 0; i < modules.n && r == 0; i++) {
		_free_ char *from = xasprintf(MODULES_FROM "/%s", modules.v[i]);
		_free_ char *to = xasprintf(GRUB_BIOS "/%s", modules.v[i]);
		_buf_ data = BUF_INIT;

		r = rootfd_read(root, from, FILE_MAX, &data);
		if (r == 0)
			r = rootfd_write(root, to, data.data, data.len, 0644);
	}
	return r < 0 ? error_errno(e, r, "cannot copy GRUB's modules in the tree") : 0;
}

static int make_core(const char *path, int root, struct error *e)
{
	/* The modules that it takes to read the rest from the disk, and those every boot needs. */
	static const char *const argv[] = { "grub-mkimage", "--format=i386-pc", MKIMAGE_DIRECTORY,
		MKIMAGE_PREFIX, "biosdisk", "part_gpt", "ext2", "normal", "configfile", "search",
		"search_label", "search_fs_uuid", "linux", "serial", "terminal", "test", "echo",
		"ls", "cat", "minicmd", "reboot", "halt", NULL };
	/* The image comes on standard output: no log, which would get a copy. */
	_buf_ core = BUF_INIT;
	struct chroot_run run = { .root = path, .argv = argv, .out = &core };
	int r = chroot_check(&run, e);

	return r < 0 ? r : put(root, GRUB_BIOS "/core.img", &core, e);
}

static int write_fstab(int root, struct error *e)
{
	_buf_ old = BUF_INIT;
	_buf_ new = BUF_INIT;
	int r = rootfd_read(root, "etc/fstab", FSTAB_MAX, &old);

	if (r < 0 && r != -ENOENT)
		return error_errno(e, r, "cannot read /etc/fstab of the tree");
	fstab_complete(buf_str(&old), &new);
	r = rootfd_mkdir(root, "boot/efi", 0700);
	if (r < 0)
		return error_errno(e, r, "cannot make /boot/efi in the tree");
	return put(root, "etc/fstab", &new, e);
}

int boot_prepare(const char *path, int root, const char *distribution, struct error *e)
{
	int r = write_config(root, distribution, e);

	if (r == 0)
		r = copy_modules(root, e);
	if (r == 0)
		r = make_core(path, root, e);
	return r < 0 ? r : write_fstab(root, e);
}
