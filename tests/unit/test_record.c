/* manifest.json, read again: what it says of a disk, and when it is about another one. */
#include "check.h"

#include "arena.h"
#include "buf.h"
#include "definition.h"
#include "error.h"
#include "json.h"
#include "lock.h"
#include "mark.h"
#include "node.h"
#include "record.h"
#include "tmpdir.h"

#include <sys/stat.h>

#define IMAGE "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void write_text(const char *name, const char *text)
{
	check_int(file_replace(tmp_fd(), name, text, strlen(text), 0600), 0);
}

/* A disk, and a manifest that has its size and time; rest: more members, begun by a comma. */
static void write_image(const char *image, const char *rest)
{
	_buf_ text = BUF_INIT;
	struct stat st;

	write_text("disk.qcow2", "a disk");
	check_int(fstatat(tmp_fd(), "disk.qcow2", &st, 0), 0);
	buf_printf(&text,
		"{\"manifest\":1,\"name\":\"web\",\"image\":\"%s\",\"version\":\"13\"%s,"
		"\"files\":{\"disk.qcow2\":{\"size\":6,\"modified\":\"%lld.%09ld\",\"sha512\":\"abc\"}}}",
		image, rest, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	write_text("manifest.json", buf_str(&text));
}

static int read_it(const char *file, struct arena *a, struct record_facts *ret)
{
	struct error e = {};

	tmp_fd();
	return record_read(tmp_path, file, a, ret, &e);
}

static void a_manifest_says_what_its_disk_is(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct record_facts f;

	write_image(IMAGE, ",\"user\":\"debian\",\"architecture\":\"amd64\"");
	check_int(read_it("disk.qcow2", a, &f), 0);
	check_str(f.name, "web");
	check_str(f.image, IMAGE);
	check_str(f.version, "13");
	check_str(f.architecture, "amd64");
	check_str(f.user, "debian");
	check_str(f.sha512, "abc");
	check(!f.distribution);
}

static void write_record(const struct definition *def, const char *agent)
{
	const struct lock lock = {
		.distribution = "debian", .release = "trixie", .architecture = "amd64"
	};
	struct error e = {};
	struct record r = { .def = def,
		.lock = &lock,
		.id = IMAGE,
		.recipient = "",
		.agent = agent,
		.directory = tmp_path };

	if (record_write(&r, &e) < 0)
		check_fail("%s", e.msg);
}

static void check_agent(const char *want)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *manifest = NULL;
	struct error e = {};
	_buf_ text = BUF_INIT;

	check_int(file_read(tmp_fd(), "manifest.json", MIB, &text), 0);
	check_int(json_parse(&manifest, a, "m", buf_str(&text), text.len, &e), 0);
	check_str(node_str(node_get(manifest, "agent")), want);
}

static void a_manifest_says_which_agent_is_in_the_image(void)
{
	static const char abc[] =
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	_cleanup_(definition_freep) struct definition *def = NULL;
	struct error e = {};

	write_text("t.yaml",
		"#cloud-config\nkbuild: {name: t, base: {distribution: debian, release: trixie}}\n");
	write_text("agent.deb", "abc");
	check_int(definition_load(&def, tmp_name("t.yaml"), &d, &e), 0);
	(void)unlinkat(tmp_fd(), "manifest.json", 0);
	write_record(def, NULL);
	check_agent(NULL);
	write_record(def, tmp_name("agent.deb"));
	check_agent(abc);
	write_record(def, NULL); /* as when a disk is added */
	check_agent(abc);
}

static void a_disk_that_changed_is_another_one(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct record_facts f;

	write_image(IMAGE, "");
	write_text("disk.qcow2", "a disc");
	/* At another time; two files of one moment may have one. */
	check_int(utimensat(tmp_fd(), "disk.qcow2",
			  (struct timespec[2]){ { .tv_sec = 1 }, { .tv_sec = 1 } }, 0),
		0);
	check_int(read_it("disk.qcow2", a, &f), RECORD_NONE);
	write_image(IMAGE, "");
	write_text("disk.qcow2", "a longer disk");
	check_int(read_it("disk.qcow2", a, &f), RECORD_NONE);
	check_int(read_it("disk.raw", a, &f), RECORD_NONE);
}

static void what_is_no_manifest_says_nothing(void)
{
	static const char *const texts[] = { "", "{", "[]", "null", "{\"name\":\"web\"}",
		"{\"name\":\"web\",\"image\":\"" IMAGE "\",\"files\":[]}",
		"{\"name\":\"web\",\"image\":\"" IMAGE "\",\"files\":{\"disk.qcow2\":null}}",
		"{\"name\":\"web\",\"image\":\"" IMAGE
		"\",\"files\":{\"disk.qcow2\":{\"size\":6,\"modified\":7}}}" };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct record_facts f;

	write_text("disk.qcow2", "a disk");
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		write_text("manifest.json", texts[i]);
		check_int(read_it("disk.qcow2", a, &f), RECORD_NONE);
	}
	check_int(unlinkat(tmp_fd(), "manifest.json", 0), 0);
	check_int(read_it("disk.qcow2", a, &f), RECORD_NONE);
	write_image("not-a-digest", "");
	check_int(read_it("disk.qcow2", a, &f), RECORD_NONE);
}

static void without_a_directory_it_is_an_error(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct record_facts f;
	struct error e = {};

	check_int(record_read("/nonexistent", "disk.raw", a, &f, &e), -ERR_FAILED);
}

#define WEB                                                                                        \
	"#cloud-config\nkbuild:\n  name: web\n  base: {distribution: debian, release: trixie}\n"   \
	"  include: more.yaml\n"

static struct definition *load(const char *text, const char *more)
{
	struct definition *def = NULL;
	struct diags d = DIAGS_INIT;
	struct error e = {};

	write_text("web.yaml", text);
	write_text("more.yaml", more);
	if (definition_load(&def, tmp_name("web.yaml"), &d, &e) < 0)
		check_fail("%s", e.msg);
	diags_free(&d);
	return def;
}

/* Saved while packages are chosen and fetched, which takes minutes. */
static void inputs_are_what_was_read_not_what_the_files_hold_by_now(void)
{
	static const struct {
		const char *name, *text, *more;
	} saved[] = {
		{ "the definition", WEB "timezone: Europe/Berlin\n", "packages: [hello]\n" },
		{ "what it includes", WEB, "packages: [hello, tree]\n" },
	};
	struct lock lock = { .digest = "a lock" };

	for (size_t i = 0; i < ARRAY_SIZE(saved); i++) {
		_cleanup_(definition_freep) struct definition *def =
			load(WEB, "packages: [hello]\n");
		_cleanup_(definition_freep) struct definition *next = NULL;
		char before[65], after[65], other[65];
		struct error e = {};

		printf("# %s\n", saved[i].name);
		check_int(record_inputs(def, &lock, before, &e), 0);
		next = load(saved[i].text, saved[i].more);
		check_int(record_inputs(def, &lock, after, &e), 0);
		check_int(record_inputs(next, &lock, other, &e), 0);
		check_str(after, before);
		check(strcmp(other, before) != 0);
	}
}

static void user_data_is_for_its_maker_only(void)
{
	_cleanup_(definition_freep) struct definition *def = load(
		WEB "chpasswd: {users: [{name: root, password: hunter2, type: text}]}\n", "{}\n");
	struct lock lock = {
		.distribution = "debian", .release = "trixie", .architecture = "amd64"
	};
	struct record r = { .def = def, .lock = &lock, .id = IMAGE, .recipient = "" };
	struct error e = {};
	struct stat st;
	mode_t mask = umask(022);
	int ret;

	r.directory = tmp_path;
	ret = record_write(&r, &e);
	umask(mask);
	check_int(ret, 0);
	check_int(fstatat(tmp_fd(), "user-data", &st, 0), 0);
	check_int(st.st_mode & 07777, 0600);
	check_int(fstatat(tmp_fd(), "manifest.json", &st, 0), 0);
	check_int(st.st_mode & 07777, 0644);
}

int main(void)
{
	run(user_data_is_for_its_maker_only);
	run(inputs_are_what_was_read_not_what_the_files_hold_by_now);
	run(a_manifest_says_what_its_disk_is);
	run(a_manifest_says_which_agent_is_in_the_image);
	run(a_disk_that_changed_is_another_one);
	run(what_is_no_manifest_says_nothing);
	run(without_a_directory_it_is_an_error);
	return done();
}
