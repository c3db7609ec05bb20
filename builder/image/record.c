/*
 * manifest.json: what the image is, from what it was made, and the files that belong to it with
 * size and time, so that "nothing changed" is seen without reading gigabytes.
 */
#include "record.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "cloudconfig.h"
#include "definition.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "lock.h"
#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MANIFEST       "manifest.json"
#define MANIFEST_MAX   (16 * MIB)
#define DEFINITION_MAX (16 * MIB) /* far more than the reader of definitions takes */

static const char *const outputs[] = { "disk.raw", "disk.qcow2", "user-data" };

int record_inputs(const struct definition *def, const struct lock *lock, const char *mirror,
	char ret_hex[65], struct error *e)
{
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();
	_close_ int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char program[SHA256_HEX];
	int r;

	r = self < 0 ? -errno : sha256_fd(self, program, NULL);
	if (r < 0)
		return error_errno(e, r, "reading this program");
	sha256_adds(h, program);
	sha256_adds(h, lock->digest);
	sha256_adds(h, mirror ? mirror : "");
	for (const char **f = def->files; *f; f++) {
		_buf_ text = BUF_INIT;

		r = file_read(AT_FDCWD, *f, DEFINITION_MAX, &text);
		if (r < 0)
			return error_errno(e, r, "reading %s", *f);
		sha256_adds(h, buf_str(&text));
	}
	sha256_end(h, ret_hex);
	return 0;
}

static void add(struct buf *out, const char *key, const char *value)
{
	buf_printf(out, "  \"%s\": ", key);
	json_write_string(out, value, strlen(value));
	buf_adds(out, ",\n");
}

static void add_packages(struct buf *out, const struct lock *l)
{
	buf_adds(out, "  \"packages\": [\n");
	for (size_t i = 0; i < l->n; i++) {
		const struct lock_package *p = &l->packages[i];

		buf_printf(out,
			"    {\"name\": \"%s\", \"version\": \"%s\", \"architecture\": \"%s\", \"sha256\": \"%s\"}%s\n",
			p->name, p->version, p->architecture, p->sha256, i + 1 < l->n ? "," : "");
	}
	buf_adds(out, "  ],\n");
}

/* Nanoseconds as text: a JSON number would lose some in other readers. */
static void file_time(const struct stat *st, char ret[32])
{
	snprintf(ret, 32, "%lld.%09ld", (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

static int add_files(struct buf *out, int dirfd, struct error *e)
{
	bool first = true;

	buf_adds(out, "  \"files\": {");
	for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
		char time[32];
		struct stat st;

		if (fstatat(dirfd, outputs[i], &st, 0) < 0) {
			if (errno == ENOENT)
				continue;
			return error_errno(e, errno, "reading %s", outputs[i]);
		}
		file_time(&st, time);
		buf_printf(out, "%s\n    \"%s\": {\"size\": %lld, \"modified\": \"%s\"}",
			first ? "" : ",", outputs[i], (long long)st.st_size, time);
		first = false;
	}
	buf_adds(out, "\n  }\n");
	return 0;
}

static int write_user_data(const struct record *r, int dirfd, struct error *e)
{
	_buf_ text = BUF_INIT;
	int n;

	cloudconfig_residual(r->def, &text);
	n = file_replace(dirfd, "user-data", buf_str(&text), text.len, 0644);
	return n < 0 ? error_errno(e, n, "writing %s/user-data", r->directory) : 0;
}

int record_write(const struct record *r, struct error *e)
{
	_close_ int dirfd = open(r->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_buf_ out = BUF_INIT;
	int n;

	if (dirfd < 0)
		return error_errno(e, errno, "opening %s", r->directory);
	n = write_user_data(r, dirfd, e);
	if (n < 0)
		return n;
	buf_adds(&out, "{\n  \"manifest\": 1,\n");
	add(&out, "name", r->def->name);
	add(&out, "kbuild", KBUILD_VERSION);
	add(&out, "image", r->id);
	if (*r->recipient)
		add(&out, "recipient", r->recipient);
	add(&out, "distribution", r->lock->distribution);
	add(&out, "release", r->lock->release);
	add(&out, "architecture", r->lock->architecture);
	add(&out, "lock", r->lock->digest);
	add_packages(&out, r->lock);
	n = add_files(&out, dirfd, e);
	if (n < 0)
		return n;
	buf_adds(&out, "}\n");
	n = file_replace(dirfd, MANIFEST, buf_str(&out), out.len, 0644);
	return n < 0 ? error_errno(e, n, "writing %s/" MANIFEST, r->directory) : 0;
}

static bool file_matches(int dirfd, const char *name, const struct node *want)
{
	const char *modified = node_str(node_get(want, "modified"));
	char time[32];
	struct stat st;
	int64_t size;

	if (fstatat(dirfd, name, &st, 0) < 0 || !node_is_int(node_get(want, "size"), &size))
		return false;
	file_time(&st, time);
	return st.st_size == size && modified && strcmp(modified, time) == 0;
}

bool record_matches(const char *directory, const char *id, bool want_qcow2)
{
	_close_ int dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *manifest = NULL, *files;
	struct error ignored = { 0 };
	const char *image;
	_buf_ text = BUF_INIT;

	if (dirfd < 0 || file_read(dirfd, MANIFEST, MANIFEST_MAX, &text) < 0 ||
		json_parse(&manifest, a, MANIFEST, buf_str(&text), text.len, &ignored) < 0)
		return false;
	image = node_str(node_get(manifest, "image"));
	files = node_get(manifest, "files");
	if (!image || strcmp(image, id) != 0 || !node_get(files, "disk.raw") ||
		(want_qcow2 && !node_get(files, "disk.qcow2")))
		return false;
	for (size_t i = 0; files && i < files->n; i++) {
		if (!file_matches(dirfd, files->keys[i]->str, files->items[i]))
			return false;
	}
	return true;
}
