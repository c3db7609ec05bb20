/* Packages read, unpacked and written again: whole ones, damaged ones, hostile ones. */
#include "deb.h"

#include "check.h"
#include "debmaker.h"
#include "error.h"
#include "extract.h"
#include "fd.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static const struct tar_make control[] = {
	{ "./", '5', 0755 },
	{ "./control", '0', 0644, .data = "Package: demo\nVersion: 1\n" },
	{ "./postinst", '0', 0755, .data = "#!/bin/sh\n" },
	{},
};

static int memory_file(const struct buf *b)
{
	int fd = memfd_create("deb", MFD_CLOEXEC);

	check(fd >= 0);
	check_int(fd_write(fd, buf_str(b), b->len), 0);
	check_int(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int scratch(void)
{
	char dir[] = "/tmp/kbuild-test-XXXXXX";
	int fd;

	check(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(fd >= 0);
	return fd;
}

/* Removes a scratch directory that was made under a name we did not keep. */
static void drop(int *fd)
{
	char link[64], path[256];
	ssize_t n;

	if (*fd < 0)
		return;
	snprintf(link, sizeof link, "/proc/self/fd/%d", *fd);
	n = readlink(link, path, sizeof path - 1);
	close(*fd);
	if (n <= 0)
		return;
	path[n] = '\0';
	remove_all(AT_FDCWD, path);
}

static int unpack(int root, const struct tar_make *data, struct error *e)
{
	_buf_ b = BUF_INIT;
	_close_ int fd = -1;
	struct extract x = { .root = root, .no_owner = geteuid() != 0 };
	struct deb d;
	int r;

	make_deb(&b, control, data);
	fd = memory_file(&b);
	r = deb_open(&d, fd, "demo.deb", e);
	return r < 0 ? r : extract_deb(&x, &d, e);
}

static void check_file(int root, const char *path, const char *want)
{
	_buf_ b = BUF_INIT;

	check_int(file_read(root, path, MIB, &b), 0);
	check_str(buf_str(&b), want);
}

static void files_come_with_mode_owner_time_and_links(void)
{
	static const struct tar_make data[] = {
		{ "./", '5', 0755 },
		{ "./usr/", '5', 0755 },
		{ "./usr/bin/", '5', 02775, .gid = 8 },
		{ "./usr/bin/tool", '0', 04755, .data = "binary" },
		{ "./usr/bin/same", '1', 04755, .link = "./usr/bin/tool" },
		{ "./usr/bin/short", '2', 0777, .link = "tool" },
		{ "./usr/pipe", '6', 0600 },
		{ "./deep/without/parents", '0', 0640, .uid = 33, .gid = 44, .data = "x" },
		{},
	};
	_cleanup_(drop) int root = scratch();
	struct error e = {};
	struct stat st, st2;
	char text[16] = "";

	check_int(unpack(root, data, &e), 0);
	check_file(root, "usr/bin/tool", "binary");
	check_int(fstatat(root, "usr/bin/tool", &st, 0), 0);
	check_int(st.st_mode, S_IFREG | 04755);
	check_int(st.st_mtime, 1000000000);
	check_int(fstatat(root, "usr/bin/same", &st2, 0), 0);
	check_int(st2.st_ino, st.st_ino);
	check_int(readlinkat(root, "usr/bin/short", text, sizeof text - 1), 4);
	check_str(text, "tool");
	check_int(fstatat(root, "usr/pipe", &st, 0), 0);
	check(S_ISFIFO(st.st_mode));
	check_int(fstatat(root, "deep/without/parents", &st, 0), 0);
	check_int(st.st_mode, S_IFREG | 0640);
	check_int(st.st_uid, geteuid() == 0 ? 33 : geteuid());
	check_int(fstatat(root, "usr/bin", &st, 0), 0);
	check_int(st.st_mode, S_IFDIR | 02775);
	check_int(fstatat(root, "deep", &st, 0), 0);
	check_int(st.st_mode & 0777, 0755);
}

static void symlinks_in_the_tree_lead_inside_it(void)
{
	static const struct tar_make data[] = {
		{ "./bin/", '5', 0755 },
		{ "./bin/a", '0', 0755, .data = "a" },
		{ "./abs/b", '0', 0755, .data = "b" },
		{ "./abs/c", '1', 0755, .link = "bin/a" },
		{ "./up/d", '0', 0755, .data = "d" },
		{},
	};
	_cleanup_(drop) int root = scratch();
	struct error e = {};
	struct stat st;

	check_int(mkdirat(root, "real", 0700), 0);
	check_int(symlinkat("real", root, "bin"), 0);
	check_int(symlinkat("/real", root, "abs"), 0);
	check_int(symlinkat("../../../../real", root, "up"), 0);
	check_int(unpack(root, data, &e), 0);
	check_file(root, "real/a", "a");
	check_file(root, "real/b", "b");
	check_file(root, "real/c", "a");
	check_file(root, "real/d", "d");
	check_int(fstatat(root, "bin", &st, AT_SYMLINK_NOFOLLOW), 0);
	check(S_ISLNK(st.st_mode));
	check_int(fstatat(root, "real", &st, 0), 0);
	check_int(st.st_mode & 07777, 0700); /* an existing directory stays as it is */
}

static void what_stands_in_the_way_is_replaced(void)
{
	static const struct tar_make data[] = {
		{ "./file", '0', 0644, .data = "new" },
		{ "./link", '0', 0644, .data = "file now" },
		{ "./link2", '2', 0777, .link = "elsewhere" },
		{},
	};
	_cleanup_(drop) int root = scratch();
	struct error e = {};
	struct stat st;

	check_int(file_replace(root, "file", "old", 3, 0600), 0);
	check_int(linkat(root, "file", root, "other", 0), 0);
	check_int(symlinkat("other", root, "link"), 0);
	check_int(symlinkat("other", root, "link2"), 0);
	check_int(unpack(root, data, &e), 0);
	check_file(root, "file", "new");
	check_file(root, "other", "old"); /* nothing was written through the link */
	check_file(root, "link", "file now");
	check_int(fstatat(root, "link2", &st, AT_SYMLINK_NOFOLLOW), 0);
	check(S_ISLNK(st.st_mode));
}

static void hostile_packages_are_refused(void)
{
	static const struct {
		struct tar_make entry;
		const char *message;
	} cases[] = {
		{ { "../escape", '0', 0644, .data = "x" },
			"demo.deb: the name '../escape' leaves the archive's root" },
		{ { "./a/../../escape", '0', 0644, .data = "x" },
			"demo.deb: the name './a/../../escape' leaves the archive's root" },
		{ { "./hard", '1', 0644, .link = "../../etc/passwd" },
			"demo.deb: 'hard' is a hard link to '../../etc/passwd', which is not "
			"inside the archive" },
		{ { "./hard", '1', 0644, .link = "/etc/passwd" },
			"demo.deb: unpacking 'hard': linking to 'etc/passwd': No such file or "
			"directory" },
		{ { "./null", '3', 0666 },
			"demo.deb: unpacking 'null': device nodes are not unpacked" },
		{ { ".", '0', 0644, .data = "x" },
			"demo.deb: unpacking '': the root is not a directory" },
		{ { "./dir", '0', 0644, .data = "x" },
			"demo.deb: unpacking 'dir': replacing what is there: Is a directory" },
		{ { "./sym", '2', 0777, .link = "" },
			"demo.deb: the symlink 'sym' points nowhere" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(drop) int root = scratch();
		struct tar_make data[] = { cases[i].entry, {} };
		struct error e = {};

		check_int(mkdirat(root, "dir", 0755), 0);
		check_int(unpack(root, data, &e), -ERR_FAILED);
		check_str(e.msg, cases[i].message);
	}
}

static void absolute_names_are_inside_the_root(void)
{
	static const struct tar_make data[] = {
		{ "/etc//./name", '0', 0644, .data = "x" },
		{ "./way", '2', 0777, .link = "/etc" },
		{ "./way/through", '0', 0644, .data = "y" },
		{},
	};
	_cleanup_(drop) int root = scratch();
	struct error e = {};

	check_int(unpack(root, data, &e), 0);
	check_file(root, "etc/name", "x");
	check_file(root, "etc/through", "y");
}

static void a_bound_on_what_is_written_holds(void)
{
	static const struct tar_make data[] = { { "./f", '0', 0644, .data = "12345678" }, {} };
	_cleanup_(drop) int root = scratch();
	_close_ int fd = -1;
	_buf_ b = BUF_INIT;
	struct extract x = { .root = root, .no_owner = true, .max = 7 };
	struct error e = {};
	struct deb d;

	make_deb(&b, control, data);
	fd = memory_file(&b);
	check_int(deb_open(&d, fd, "demo.deb", &e), 0);
	check_int(extract_deb(&x, &d, &e), -ERR_FAILED);
	check_str(e.msg, "demo.deb: unpacking 'f': writing: File too large");
}

static void control_files_are_read(void)
{
	static const struct tar_make data[] = { { "./", '5', 0755 }, {} };
	_buf_ b = BUF_INIT;
	_buf_ text = BUF_INIT;
	_close_ int fd = -1;
	struct error e = {};
	struct deb d;

	make_deb(&b, control, data);
	fd = memory_file(&b);
	check_int(deb_open(&d, fd, "demo.deb", &e), 0);
	check_int(deb_control(&d, "control", &text, &e), 0);
	check_str(buf_str(&text), "Package: demo\nVersion: 1\n");
	check_int(deb_control(&d, "prerm", &text, &e), DEB_ABSENT);
}

/* The whole package cut at every length, and each byte of its headers turned: an error, never more. */
static void damaged_packages_are_refused(void)
{
	static const struct tar_make data[] = { { "./f", '0', 0644, .data = "12345678" }, {} };
	_buf_ b = BUF_INIT;
	size_t whole;

	make_deb(&b, control, data);
	whole = b.len;
	for (size_t len = 0; len < whole; len++) {
		_close_ int fd = -1;
		struct error e = {};
		struct deb d;

		b.len = len;
		fd = memory_file(&b);
		check_int(deb_open(&d, fd, "cut.deb", &e), -ERR_FAILED);
		check(strstr(e.msg, "cut.deb: not a whole Debian package: ") == e.msg);
	}
}

static void wrong_members_are_named(void)
{
	static const struct {
		const char *first, *second, *third, *message;
	} cases[] = {
		{ "debian-binary", "control.tar", "control.tar.xz", "a member comes twice" },
		{ "debian-binary", "control.tar", "control2", "it has no data.tar" },
		{ "debian-binary", "data.tar", "_signature", "it has no control.tar" },
		{ "control.tar", "data.tar", "debian-binary",
			"its first member is not debian-binary" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_buf_ b = BUF_INIT;
		_close_ int fd = -1;
		struct error e = {};
		struct deb d;

		buf_adds(&b, "!<arch>\n");
		make_ar_member(&b, cases[i].first, "2.0\n", 4);
		make_ar_member(&b, cases[i].second, "x", 1);
		make_ar_member(&b, cases[i].third, "x", 1);
		fd = memory_file(&b);
		check_int(deb_open(&d, fd, "p", &e), -ERR_FAILED);
		check_str(e.msg + strlen("p: not a whole Debian package: "), cases[i].message);
	}
}

/* tests/ may use libarchive to compress; the product never writes these. */
static void compress(const struct buf *in, const char *filter, struct buf *out)
{
	struct archive *a = archive_write_new();
	struct archive_entry *ent = archive_entry_new();
	size_t used = 0;

	buf_reserve(out, in->len + 65536);
	check_int(archive_write_set_format_raw(a), ARCHIVE_OK);
	if (strcmp(filter, "none") != 0)
		check_int(archive_write_add_filter_by_name(a, filter), ARCHIVE_OK);
	archive_write_set_bytes_in_last_block(a, 1);
	check_int(archive_write_open_memory(a, out->data, in->len + 65536, &used), ARCHIVE_OK);
	archive_entry_set_filetype(ent, AE_IFREG);
	check_int(archive_write_header(a, ent), ARCHIVE_OK);
	check_int(archive_write_data(a, in->data, in->len), (la_ssize_t)in->len);
	check_int(archive_write_close(a), ARCHIVE_OK);
	out->len = used;
	archive_entry_free(ent);
	archive_write_free(a);
}

static void every_compression_becomes_the_same_plain_package(void)
{
	static const struct tar_make data[] = {
		{ "./odd", '0', 0644, .data = "123" },
		{},
	};
	static const struct {
		const char *filter, *suffix;
	} cases[] = {
		{ "none", "" },
		{ "gzip", ".gz" },
		{ "xz", ".xz" },
		{ "zstd", ".zst" },
		{ "bzip2", ".bz2" },
		{ "lzma", ".lzma" },
	};
	_buf_ want = BUF_INIT;
	struct buf tars[2] = { BUF_INIT, BUF_INIT };

	make_deb(&want, control, data);
	make_tar(&tars[0], control);
	make_tar(&tars[1], data);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_buf_ b = BUF_INIT;
		_buf_ plain = BUF_INIT;
		_close_ int fd = -1, to = memfd_create("plain", MFD_CLOEXEC);
		struct error e = {};
		struct deb d;

		make_deb_head(&b);
		for (int m = 0; m < 2; m++) {
			_buf_ packed = BUF_INIT;
			_free_ char *name =
				xasprintf("%s.tar%s", m ? "data" : "control", cases[i].suffix);

			compress(&tars[m], cases[i].filter, &packed);
			make_ar_member(&b, name, packed.data, packed.len);
		}
		fd = memory_file(&b);
		check_int(deb_open(&d, fd, "p", &e), 0);
		check_int(deb_is_plain(&d), i == 0);
		check_int(deb_write_plain(&d, to, &e), 0);
		check_int(lseek(to, 0, SEEK_SET), 0);
		check_int(fd_read(to, MIB, &plain), 0);
		check_int(plain.len, want.len);
		check(memcmp(plain.data, want.data, want.len) == 0);
	}
	buf_free(&tars[0]);
	buf_free(&tars[1]);
}

/* A pax archive of one file with these extended attributes. */
static void make_pax(struct buf *b)
{
	static const unsigned char net_bind[20] = { 1, 0, 0, 2, 0, 4 }; /* effective, bit 10 */
	struct archive *a = archive_write_new();
	struct archive_entry *ent = archive_entry_new();
	size_t used = 0;

	buf_reserve(b, 65536);
	check_int(archive_write_set_format_pax(a), ARCHIVE_OK);
	check_int(archive_write_open_memory(a, b->data, 65536, &used), ARCHIVE_OK);
	archive_entry_set_pathname(ent, "./tool");
	archive_entry_set_filetype(ent, AE_IFREG);
	archive_entry_set_perm(ent, 0755);
	archive_entry_set_uid(ent, 33);
	archive_entry_set_gid(ent, 33);
	archive_entry_set_size(ent, 0);
	archive_entry_xattr_add_entry(ent, "security.capability", net_bind, sizeof net_bind);
	archive_entry_xattr_add_entry(ent, "security.selinux", "label", 5);
	check_int(archive_write_header(a, ent), ARCHIVE_OK);
	check_int(archive_write_close(a), ARCHIVE_OK);
	b->len = used;
	archive_entry_free(ent);
	archive_write_free(a);
}

static void capabilities_come_along_and_labels_do_not(void)
{
	_cleanup_(drop) int root = scratch();
	_buf_ tar = BUF_INIT;
	_buf_ b = BUF_INIT;
	_close_ int fd = -1, file = -1;
	struct error e = {};
	char names[256] = "";
	struct deb d;

	if (geteuid() != 0)
		return; /* only root may give capabilities away */
	make_deb_head(&b);
	make_tar(&tar, control);
	make_ar_member(&b, "control.tar", tar.data, tar.len);
	buf_reset(&tar);
	make_pax(&tar);
	make_ar_member(&b, "data.tar", tar.data, tar.len);
	fd = memory_file(&b);
	check_int(deb_open(&d, fd, "demo.deb", &e), 0);
	check_int(extract_deb(&(struct extract){ .root = root }, &d, &e), 0);
	file = openat(root, "tool", O_RDONLY | O_CLOEXEC);
	check_int(flistxattr(file, names, sizeof names), sizeof "security.capability");
	check_str(names, "security.capability");
}

static void only_the_named_compression_is_read(void)
{
	_buf_ tar = BUF_INIT;
	_buf_ packed = BUF_INIT;
	_buf_ b = BUF_INIT;
	_buf_ text = BUF_INIT;
	_close_ int fd = -1;
	struct error e = {};
	struct deb d;

	make_tar(&tar, control);
	compress(&tar, "gzip", &packed);
	make_deb_head(&b);
	make_ar_member(&b, "control.tar.xz", packed.data, packed.len);
	make_ar_member(&b, "data.tar", tar.data, tar.len);
	fd = memory_file(&b);
	check_int(deb_open(&d, fd, "p", &e), 0);
	check_int(deb_control(&d, "control", &text, &e), -ERR_FAILED);
	check_int(text.len, 0);
}

static void paths_are_cleaned(void)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "./", "" },
		{ ".", "" },
		{ "", "" },
		{ "/", "" },
		{ "./a", "a" },
		{ "/a//b/./c/", "a/b/c" },
		{ "..", NULL },
		{ "a/..", NULL },
		{ "../a", NULL },
		{ "a/../b", NULL },
		{ "..a/b..", "..a/b.." },
		{ "...", "..." },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *path = xstrdup(cases[i].in);

		check_str(tar_clean_path(path) ? path : NULL, cases[i].out);
	}
}

static void a_config_drive_has_its_label_and_files(void)
{
	static const struct iso_file files[] = {
		{ "openstack/latest/meta_data.json", "{}", 2 },
		{ "openstack/latest/user_data", "#cloud-config\n", 14 },
		{ "openstack/content/0000", "x", 1 },
	};
	_close_ int fd = memfd_create("iso", MFD_CLOEXEC);
	struct error e = {};
	struct archive_entry *ent;
	struct archive *a = archive_read_new();
	char label[33] = "", found[256] = "";

	check_int(iso_write(fd, "config-2", files, ARRAY_SIZE(files), 0, &e), 0);
	check_int(pread(fd, label, 32, 16 * 2048 + 40), 32);
	check_str(strtok(label, " "), "config-2");
	check_int(lseek(fd, 0, SEEK_SET), 0);
	archive_read_support_format_iso9660(a);
	check_int(archive_read_open_fd(a, fd, 65536), ARCHIVE_OK);
	while (archive_read_next_header(a, &ent) == ARCHIVE_OK) {
		char text[32] = "";

		if (archive_entry_filetype(ent) != AE_IFREG)
			continue;
		check(archive_read_data(a, text, sizeof text - 1) >= 0);
		snprintf(found + strlen(found), sizeof found - strlen(found), "%s=%s ",
			archive_entry_pathname(ent), text);
	}
	archive_read_free(a);
	check(strstr(found, "openstack/latest/meta_data.json={} "));
	check(strstr(found, "openstack/latest/user_data=#cloud-config\n "));
	check(strstr(found, "openstack/content/0000=x "));
}

int main(void)
{
	run(files_come_with_mode_owner_time_and_links);
	run(symlinks_in_the_tree_lead_inside_it);
	run(what_stands_in_the_way_is_replaced);
	run(hostile_packages_are_refused);
	run(absolute_names_are_inside_the_root);
	run(a_bound_on_what_is_written_holds);
	run(control_files_are_read);
	run(damaged_packages_are_refused);
	run(wrong_members_are_named);
	run(every_compression_becomes_the_same_plain_package);
	run(capabilities_come_along_and_labels_do_not);
	run(only_the_named_compression_is_read);
	run(paths_are_cleaned);
	run(a_config_drive_has_its_label_and_files);
	return done();
}
