/* What may be replaced by an image and by its log, and what is not ours to remove. */
#include "build_place.h"

#include "buf.h"
#include "check.h"
#include "error.h"
#include "interrupt.h"
#include "progress.h"
#include "tmpdir.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>

#define MANIFEST                                                                                   \
	"{\"manifest\": 1, \"image\": "                                                            \
	"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"
#define HEAD "# kbuild build web.yaml (kbuild 0)\n"

static const struct {
	const char *name;
	const char *files[4];	/* of out/web; one that ends with '/' is a directory */
	const char *log;	/* NULL: none */
	const char *manifest;	/* NULL: none */
	const char *in_the_way; /* part of what is said; NULL: all may be replaced */
} cases[] = {
	{ "nothing is there", { NULL }, NULL, NULL, NULL },
	{ "an empty directory", { "" }, "", NULL, NULL },
	{ "an image", { "disk.raw", "user-data" }, HEAD, MANIFEST, NULL },
	{ "an image, its qcow2 cut off",
		{ "disk.raw", "disk.qcow2.part", "manifest.json.tmp-0123456789abcdef" }, HEAD,
		MANIFEST, NULL },
	{ "an image, its log of an earlier version", { "disk.raw" }, "dpkg: done\n", MANIFEST,
		NULL },
	{ "an image and notes", { "disk.raw", "notes.txt" }, HEAD, MANIFEST,
		"/web is in the way: it holds 'notes.txt'" },
	{ "an image and a backup of its disk", { "disk.raw", "disk.raw.bak" }, HEAD, MANIFEST,
		"it holds 'disk.raw.bak'" },
	{ "a directory by the name of a disk", { "disk.raw/" }, HEAD, MANIFEST,
		"it holds 'disk.raw'" },
	{ "somebody's tree", { "src/", "Makefile" }, NULL, NULL, "it holds 'Makefile'" },
	{ "a hidden file", { ".git/" }, NULL, NULL, "it holds '.git'" },
	{ "no manifest", { "disk.raw" }, NULL, NULL, "no manifest.json" },
	{ "a manifest of something else", { "disk.raw" }, NULL,
		"{\"manifest_version\": 3, \"image\": \"icon.png\"}", "no manifest.json" },
	{ "no JSON", { NULL }, NULL, "hello", "no manifest.json" },
	{ "somebody's log", { NULL }, "it rained\n", NULL, "/web.log is in the way" },
	{ "somebody's short log", { NULL }, "#", NULL, "/web.log is in the way" },
};

static void write_text(const char *path, const char *text)
{
	check_int(file_replace(tmp_fd(), path, text, strlen(text), 0600), 0);
}

static void lay_out(const char *const *files, const char *log, const char *manifest)
{
	check_int(remove_all(tmp_fd(), "out"), 0);
	check_int(mkdir_all(tmp_fd(), files[0] || manifest ? "out/web" : "out", 0755), 0);
	for (size_t i = 0; i < 4 && files[i] && *files[i]; i++) {
		char path[128];
		size_t len;

		snprintf(path, sizeof path, "out/web/%s", files[i]);
		len = strlen(path);
		if (path[len - 1] == '/')
			check_int(mkdirat(tmp_fd(), path, 0755), 0);
		else
			write_text(path, "mine");
	}
	if (log)
		write_text("out/web.log", log);
	if (manifest)
		write_text("out/web/manifest.json", manifest);
}

static void ctrl_c(_unused_ int alarm)
{
	raise(SIGINT);
}

static void what_is_not_ours_is_in_the_way(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error e = {};
		int r;

		printf("# %s\n", cases[i].name);
		lay_out(cases[i].files, cases[i].log, cases[i].manifest);
		r = build_place_check(tmp_name("out"), "web", true, &e);
		check_int(r, cases[i].in_the_way ? -ERR_FAILED : 0);
		if (r < 0 && !strstr(e.msg, cases[i].in_the_way))
			check_fail("'%s'", e.msg);
	}
}

static void who_leaves_the_directory_alone_asks_for_the_log_only(void)
{
	const char *const files[4] = { "notes.txt" };
	struct error e = {};

	lay_out(files, HEAD, NULL);
	check_int(build_place_check(tmp_name("out"), "web", false, &e), 0);
	lay_out(files, "mine", NULL);
	check_int(build_place_check(tmp_name("out"), "web", false, &e), -ERR_FAILED);
}

/* What they lead to would stay; but that a link was meant, nobody could tell any more. */
static void links_are_in_the_way(void)
{
	const char *const image[4] = { "disk.raw" }, *const none[4] = { NULL };
	struct error e = {};

	lay_out(image, NULL, MANIFEST);
	check_int(symlinkat("web", tmp_fd(), "out/link"), 0);
	check_int(build_place_check(tmp_name("out"), "link", true, &e), -ERR_FAILED);
	check(strstr(e.msg, "it is no directory"));
	lay_out(none, NULL, NULL);
	write_text("out/notes", HEAD);
	check_int(symlinkat("notes", tmp_fd(), "out/web.log"), 0);
	check_int(build_place_check(tmp_name("out"), "web", true, &e), -ERR_FAILED);
	check(strstr(e.msg, "it is no file"));
	check_int(build_place_log(tmp_name("out/web.log"), "web.yaml", &e), -ERR_FAILED);
}

static void a_log_is_known_again(void)
{
	const char *const none[4] = { NULL };
	struct error e = {};

	lay_out(none, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		_close_ int fd = build_place_log(tmp_name("out/web.log"), "web.yaml", &e);
		_buf_ text = BUF_INIT;

		check(fd >= 0);
		check_int(fd_write(fd, "dpkg: done\n", 11), 0);
		check_int(build_place_check(tmp_name("out"), "web", true, &e), 0);
		check_int(file_read(tmp_fd(), "out/web.log", KIB, &text), 0);
		check_str(buf_str(&text),
			"# kbuild build web.yaml (kbuild " KBUILD_VERSION ")\ndpkg: done\n");
	}
}

/* flock() is of an open file, so that one program can play two. */
static void a_second_build_of_a_name_waits_for_the_first(void)
{
	_cleanup_(progress_freep) struct progress *p = NULL;
	_buf_ said = BUF_INIT;
	struct error e = {};
	int first, fd = openat(tmp_fd(), "said", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	check_int(remove_all(tmp_fd(), "out"), 0);
	p = progress_new(PROGRESS_PLAIN, fd, false);
	first = build_place_lock(tmp_name("out/images"), "web", p, &e);
	check(first >= 0);
	/* Another name's is another one. */
	close(build_place_lock(tmp_name("out/images"), "shop", p, &e));
	check_int(faccessat(tmp_fd(), "out/images/.shop.lock", F_OK, 0), 0);
	/* Comes while it waits, after it has said for what. */
	interrupt_install();
	check_int(setitimer(ITIMER_REAL, &(struct itimerval){ .it_value = { .tv_sec = 2 } }, NULL),
		0);
	signal(SIGALRM, ctrl_c);
	check_int(build_place_lock(tmp_name("out/images"), "web", p, &e), -ERR_INTERRUPTED);
	check_int(file_read(tmp_fd(), "said", KIB, &said), 0);
	check(strstr(buf_str(&said), "waiting for another kbuild that uses ") != NULL);
	check(strstr(buf_str(&said), "/out/images/web") != NULL);
	close(first);
	first = build_place_lock(tmp_name("out/images"), "web", p, &e);
	check(first >= 0);
	close(first);
	close(fd);
}

int main(void)
{
	run(a_second_build_of_a_name_waits_for_the_first);
	run(what_is_not_ours_is_in_the_way);
	run(who_leaves_the_directory_alone_asks_for_the_log_only);
	run(links_are_in_the_way);
	run(a_log_is_known_again);
	return done();
}
