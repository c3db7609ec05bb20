/* Publishing an image: its name leads to the new one or, when anything fails, to the old one. */
#include "build_output.h"

#include "alloc.h"
#include "buf.h"
#include "build_identity.h"
#include "check.h"
#include "error.h"
#include "names.h"
#include "record.h"
#include "tmpdir.h"

#include <errno.h>
#include <string.h>

static int exchange_fails; /* errno of renameat2(), 0: it works */
static unsigned renames;   /* calls of rename() */
static unsigned failing;   /* the one that fails; 0: none */

int __real_rename(const char *from, const char *to);
int __real_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_rename(const char *from, const char *to);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_record_write(const struct record *r, struct error *e);
char *__wrap_login_user(const struct definition *def);

int __wrap_rename(const char *from, const char *to)
{
	if (++renames == failing) {
		errno = EIO;
		return -1;
	}
	return __real_rename(from, to);
}

int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	if (exchange_fails) {
		errno = exchange_fails;
		return -1;
	}
	return __real_renameat2(from_fd, from, to_fd, to, flags);
}

/* The record is another module's. */
int __wrap_record_write(_unused_ const struct record *r, _unused_ struct error *e)
{
	return 0;
}

char *__wrap_login_user(_unused_ const struct definition *def)
{
	return NULL;
}

static void write_file(const char *directory, const char *name, const char *text)
{
	char path[64];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	check_int(mkdir_all(tmp_fd(), directory, 0755), 0);
	check_int(file_replace(tmp_fd(), path, text, strlen(text), 0644), 0);
}

static void make(const char *directory, const char *text)
{
	write_file(directory, "disk.raw", text);
	write_file(directory, "manifest.json",
		"{\"manifest\":1,\"image\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}");
}

static const struct {
	const char *name;
	int exchange;
	unsigned failing;
	bool had;
	int ret;
	const char *left; /* what the name leads to, after */
} cases[] = {
	{ "the first image", 0, 0, false, 0, "new" },
	{ "exchanged", 0, 0, true, 0, "new" },
	{ "no exchange (NFS)", EINVAL, 0, true, 0, "new" },
	{ "no system call", ENOSYS, 0, true, 0, "new" },
	{ "no exchange, the old one stays where it is", EINVAL, 1, true, -ERR_FAILED, "old" },
	{ "no exchange, the old one is put back", EINVAL, 2, true, -ERR_FAILED, "old" },
	{ "another error", EACCES, 0, true, -ERR_FAILED, "old" },
};

static void the_name_leads_to_a_whole_image(void)
{
	const struct build_identity self = {};
	const struct build_output o = { .self = &self };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_buf_ text = BUF_INIT;
		struct error e = {};
		int r;

		printf("# %s\n", cases[i].name);
		check_int(remove_all(tmp_fd(), "work"), 0);
		check_int(remove_all(tmp_fd(), "out"), 0);
		make("work/image", "new");
		check_int(mkdir_all(tmp_fd(), "out", 0755), 0);
		if (cases[i].had)
			make("out/web", "old");
		exchange_fails = cases[i].exchange;
		failing = cases[i].failing;
		renames = 0;
		r = build_publish(&o, tmp_name("work/image"), tmp_name("out/web"), &e);
		exchange_fails = 0;
		failing = 0;
		check_int(r, cases[i].ret);
		check_int(file_read(tmp_fd(), "out/web/disk.raw", KIB, &text), 0);
		check_str(buf_str(&text), cases[i].left);
	}
}

/* Put there while it was built. */
static void what_is_not_ours_stays(void)
{
	const struct build_identity self = {};
	const struct build_output o = { .self = &self };
	_buf_ text = BUF_INIT;
	struct error e = {};

	check_int(remove_all(tmp_fd(), "work"), 0);
	check_int(remove_all(tmp_fd(), "out"), 0);
	make("work/image", "new");
	write_file("out/web", "notes.txt", "mine");
	check_int(build_publish(&o, tmp_name("work/image"), tmp_name("out/web"), &e), -ERR_FAILED);
	check(strstr(e.msg, "it holds 'notes.txt'"));
	check_int(file_read(tmp_fd(), "out/web/notes.txt", KIB, &text), 0);
	check_str(buf_str(&text), "mine");
}

/* A cp that looks whether the name is taken while it works, and fails with half a tree when told to. */
static const char fake_cp[] =
	"#!/bin/sh\n"
	"[ ! -e \"$FINAL\" ] || exit 3\n"
	"for last; do :; done\n"
	"[ -z \"$FAILS\" ] || { echo half >\"$last/half\"; exit 1; }\n"
	"exec /bin/cp \"$@\"\n";

static void a_copied_tree_has_its_name_when_it_is_whole(void)
{
	static const struct {
		const char *name, *to, *fails;
		int ret;
	} rows[] = {
		{ "whole", "copies/tree", "", 0 },
		{ "with a slash", "copies/tree/", "", 0 },
		{ "no space", "copies/tree", "1", -ERR_FAILED },
		{ "a place that is not there", "none/tree", "", -ERR_FAILED },
	};
	_free_ char *path = xasprintf("%s:%s", tmp_name("bin"), getenv("PATH"));

	write_file("bin", "cp", fake_cp);
	check_int(fchmodat(tmp_fd(), "bin/cp", 0755, 0), 0);
	check_int(setenv("PATH", path, 1), 0);
	check_int(setenv("FINAL", tmp_name("copies/tree"), 1), 0);
	write_file("from/etc", "hostname", "web\n");
	check_int(fchmodat(tmp_fd(), "from", 0751, 0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(names_free) struct names left = NAMES_INIT;
		struct error e = {};
		struct stat st;

		printf("# %s\n", rows[i].name);
		check_int(remove_all(tmp_fd(), "copies"), 0);
		check_int(mkdirat(tmp_fd(), "copies", 0755), 0);
		check_int(setenv("FAILS", rows[i].fails, 1), 0);
		check_int(build_copy_tree(tmp_name("from"), tmp_name(rows[i].to), -1, &e),
			rows[i].ret);
		check_int(names_read(&left, tmp_fd(), "copies"), 0);
		check_int(left.n, rows[i].ret == 0);
		if (rows[i].ret < 0)
			continue;
		check_str(left.v[0], "tree");
		check_int(fstatat(tmp_fd(), "copies/tree", &st, 0), 0);
		check_int(st.st_mode & 07777, 0751);
		check_int(faccessat(tmp_fd(), "copies/tree/etc/hostname", F_OK, 0), 0);
	}
}

int main(void)
{
	run(a_copied_tree_has_its_name_when_it_is_whole);
	run(what_is_not_ours_stays);
	run(the_name_leads_to_a_whole_image);
	return done();
}
