/*
 * manifest.json: what the image is, from what it was made, and the files that belong to it with
 * size and time, so that "nothing changed" is seen without reading gigabytes. Beside it sbom.cdx.json.
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
#include "sbom.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MANIFEST     "manifest.json"
#define MANIFEST_MAX (16 * MIB)

#define QCOW2 "disk.qcow2"
#define SBOM  "sbom.cdx.json"

static const char *const outputs[] = { "disk.raw", QCOW2, SBOM, "user-data" };

int record_inputs(
	const struct definition *def, const struct lock *lock, char ret_hex[65], struct error *e)
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
	for (const struct definition_file *f = def->files; f->path; f++)
		sha256_adds(h, f->sha256);
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

static void add_containers(struct buf *out, const struct lock *l)
{
	if (!l->application)
		return;
	add(out, "application", l->application);
	buf_adds(out, "  \"containers\": [\n");
	for (size_t i = 0; i < l->n_containers; i++)
		buf_printf(out, "    {\"reference\": \"%s\", \"sha256\": \"%s\"}%s\n",
			l->containers[i].reference, l->containers[i].sha256,
			i + 1 < l->n_containers ? "," : "");
	buf_adds(out, "  ],\n");
}

/* Nanoseconds as text: a JSON number would lose some in other readers. */
static void file_time(const struct stat *st, char ret[32])
{
	snprintf(ret, 32, "%lld.%09ld", (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

/* What is uploaded is hashed here, once, so that no upload has to. */
static int add_hash(struct buf *out, int dirfd, const char *name, struct error *e)
{
	_close_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	char hex[SHA512_HEX];
	int r = fd < 0 ? -errno : sha512_fd(fd, hex);

	if (r < 0)
		return error_errno(e, r, "reading %s", name);
	buf_printf(out, ", \"sha512\": \"%s\"", hex);
	return 0;
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
		buf_printf(out, "%s\n    \"%s\": {\"size\": %lld, \"modified\": \"%s\"",
			first ? "" : ",", outputs[i], (long long)st.st_size, time);
		first = false;
		if (strcmp(outputs[i], QCOW2) == 0 && add_hash(out, dirfd, QCOW2, e) < 0)
			return -e->code;
		buf_addc(out, '}');
	}
	buf_adds(out, "\n  }\n");
	return 0;
}

static struct node *read_manifest(int dirfd, struct arena *a)
{
	struct node *manifest = NULL;
	struct error ignored = { 0 };
	_buf_ text = BUF_INIT;

	if (file_read(dirfd, MANIFEST, MANIFEST_MAX, &text) < 0 ||
		json_parse(&manifest, a, MANIFEST, buf_str(&text), text.len, &ignored) < 0)
		return NULL;
	return manifest;
}

/*
 * Which agent it is, as SHA-256, or "" without one: its toolchain's packages are in no lock that goes along with the
 * definition.
 */
static int agent_digest(
	const struct record *r, int dirfd, char ret_hex[SHA256_HEX], struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_close_ int fd = r->agent ? open(r->agent, O_RDONLY | O_CLOEXEC) : -1;
	const char *recorded;
	int n;

	if (r->agent) {
		n = fd < 0 ? -errno : sha256_fd(fd, ret_hex, NULL);
		return n < 0 ? error_errno(e, n, "reading %s", r->agent) : 0;
	}
	/* A disk was added to an image that is there. */
	recorded = node_str(node_get(read_manifest(dirfd, a), "agent"));
	snprintf(ret_hex, SHA256_HEX, "%s", recorded && sha256_valid(recorded) ? recorded : "");
	return 0;
}

static int write_sbom(const struct record *r, int dirfd, const char *agent, struct error *e)
{
	const struct sbom s = {
		.lock = r->lock,
		.name = r->def->name,
		.id = r->id,
		.version = release_version(r->lock->release),
		.agent = *agent ? agent : NULL,
	};
	_buf_ text = BUF_INIT;
	int n;

	sbom_format(&s, &text);
	n = file_replace(dirfd, SBOM, buf_str(&text), text.len, 0644);
	return n < 0 ? error_errno(e, n, "writing %s/" SBOM, r->directory) : 0;
}

static int write_user_data(const struct record *r, int dirfd, struct error *e)
{
	_buf_ text = BUF_INIT;
	int n;

	cloudconfig_residual(r->def, &text);
	/* Keys, passwords and tokens may be in it: for its maker, as the disk is. */
	n = file_replace(dirfd, "user-data", buf_str(&text), text.len, 0600);
	return n < 0 ? error_errno(e, n, "writing %s/user-data", r->directory) : 0;
}

int record_write(const struct record *r, struct error *e)
{
	_close_ int dirfd = open(r->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char agent[SHA256_HEX];
	_buf_ out = BUF_INIT;
	int n;

	if (dirfd < 0)
		return error_errno(e, errno, "opening %s", r->directory);
	n = agent_digest(r, dirfd, agent, e);
	if (n == 0)
		n = write_user_data(r, dirfd, e);
	if (n == 0)
		n = write_sbom(r, dirfd, agent, e);
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
	add(&out, "version", release_version(r->lock->release));
	add(&out, "architecture", r->lock->architecture);
	if (r->user)
		add(&out, "user", r->user);
	add(&out, "lock", r->lock->digest);
	if (*agent)
		add(&out, "agent", agent);
	add_packages(&out, r->lock);
	add_containers(&out, r->lock);
	n = add_files(&out, dirfd, e);
	if (n < 0)
		return n;
	buf_adds(&out, "}\n");
	n = file_replace(dirfd, MANIFEST, buf_str(&out), out.len, 0644);
	return n < 0 ? error_errno(e, n, "writing %s/" MANIFEST, r->directory) : 0;
}

static bool file_matches(int dirfd, const char *name, const struct node *want, struct stat *ret)
{
	const char *modified = node_str(node_get(want, "modified"));
	char time[32];
	int64_t size;

	if (fstatat(dirfd, name, ret, 0) < 0 || !node_is_int(node_get(want, "size"), &size))
		return false;
	file_time(ret, time);
	return ret->st_size == size && modified && strcmp(modified, time) == 0;
}

bool record_there(int dirfd)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const struct node *manifest = read_manifest(dirfd, a);
	const char *image = node_str(node_get(manifest, "image"));
	int64_t version;

	return node_is_int(node_get(manifest, "manifest"), &version) && image &&
	       sha256_valid(image);
}

bool record_matches(const char *directory, const char *id, bool want_qcow2)
{
	_close_ int dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *manifest, *files;
	const char *image;
	struct stat st;

	manifest = dirfd < 0 ? NULL : read_manifest(dirfd, a);
	image = node_str(node_get(manifest, "image"));
	files = node_get(manifest, "files");
	if (!image || strcmp(image, id) != 0 || !node_get(files, "disk.raw") ||
		(want_qcow2 && !node_get(files, QCOW2)))
		return false;
	for (size_t i = 0; files && i < files->n; i++) {
		if (!file_matches(dirfd, files->keys[i]->str, files->items[i], &st))
			return false;
	}
	return true;
}

int record_read(const char *directory, const char *file, struct arena *a, struct record_facts *ret,
	struct error *e)
{
	_close_ int dirfd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct node *manifest, *files, *found;
	struct stat *st = arena_alloc(a, sizeof *st);
	struct record_facts f = {};

	if (dirfd < 0)
		return error_errno(e, errno, "reading %s", directory);
	manifest = read_manifest(dirfd, a);
	files = node_get(manifest, "files");
	found = node_get(files, file);
	f.name = node_str(node_get(manifest, "name"));
	f.image = node_str(node_get(manifest, "image"));
	if (!found || !f.name || !f.image || !sha256_valid(f.image) ||
		!file_matches(dirfd, file, found, st))
		return RECORD_NONE;
	f.stat = st;
	f.distribution = node_str(node_get(manifest, "distribution"));
	f.version = node_str(node_get(manifest, "version"));
	f.architecture = node_str(node_get(manifest, "architecture"));
	f.user = node_str(node_get(manifest, "user"));
	f.sha512 = node_str(node_get(found, "sha512"));
	*ret = f;
	return 0;
}
