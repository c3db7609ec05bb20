/* From a file's name to what can be uploaded; see disk_source.h. */
#include "disk_source.h"

#include "alloc.h"
#include "arena.h"
#include "build.h"
#include "definition.h"
#include "disk_file.h"
#include "error.h"
#include "fd.h"
#include "provider.h"
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

bool disk_source_is_definition(const char *file)
{
	const char *dot = strrchr(file, '.');

	return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static int read_beside(const char *path, struct arena *a, struct record_facts *ret, struct error *e)
{
	const char *slash = strrchr(path, '/');
	const char *directory =
		slash ? arena_strndup(a, path, MAX((size_t)(slash - path), 1)) : ".";

	return record_read(directory, slash ? slash + 1 : path, a, ret, e);
}

/* How large a server's disk has to be for it: of a server in a cloud that is known before it is made. */
static int take_size(struct launch_request *q, struct error *e)
{
	_close_ int fd = open(q->disk, O_RDONLY | O_CLOEXEC);
	struct disk_facts facts;
	struct stat st;
	int r;

	if (fd < 0)
		return error_errno(e, errno, "the image '%s'", q->disk);
	r = disk_facts_read(fd, q->disk, &st, &facts, e);
	if (r == 0)
		q->min_disk = facts.size;
	return r;
}

int disk_source_launch(struct arena *a, struct launch_request *q, struct error *e)
{
	struct record_facts f;
	int r = take_size(q, e);

	if (r == 0)
		r = read_beside(q->disk, a, &f, e);
	if (r != 0)
		return MIN(r, 0);
	q->image_digest = f.image;
	q->disk_stat = f.stat;
	q->distribution = f.distribution;
	q->version = f.version;
	q->architecture = f.architecture;
	if (!q->user)
		q->user = f.user;
	return 0;
}

/* What stands in the manifest beside the disk. RECORD_NONE: nothing, or nothing of this file. */
static int take_record(const char *path, struct arena *a, struct upload_request *q, struct error *e)
{
	struct record_facts f;
	int r = read_beside(path, a, &f, e);

	if (r != 0)
		return r;
	q->digest = f.image;
	q->disk_stat = f.stat;
	q->sha512 = f.sha512;
	q->definition = f.name;
	q->distribution = f.distribution;
	q->version = f.version;
	q->architecture = f.architecture;
	q->user = f.user;
	return 0;
}

/* "disk.qcow2" of "/srv/disk.qcow2", for the name of an image that nobody has named. */
static void name_by_file(const char *path, struct arena *a, struct upload_request *q)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	q->definition = arena_strndup(a, name, strcspn(name, "."));
	if (!*q->definition)
		q->definition = NULL;
}

int disk_source_find(struct ctx *c, const char *file, const struct definition *def, struct arena *a,
	struct upload_request *q, struct error *e)
{
	_cleanup_(build_result_free) struct build_result b = BUILD_RESULT_INIT;
	struct build_options o = BUILD_OPTIONS_INIT;
	bool raw = q->format && strcmp(q->format, "raw") == 0;
	int r;

	if (!def) {
		q->disk = file;
		r = take_record(file, a, q, e);
		if (r == RECORD_NONE)
			name_by_file(file, a, q);
		return r < 0 ? r : 0;
	}
	o.definition = file;
	o.qcow2 = !raw;
	r = build_run(c, &o, &b, e);
	if (r < 0)
		return r;
	q->disk = arena_printf(a, "%s/disk.%s", b.directory, raw ? "raw" : "qcow2");
	q->format = raw ? "raw" : "qcow2";
	r = take_record(q->disk, a, q, e);
	if (r == RECORD_NONE || (r == 0 && strcmp(q->digest, b.image) != 0))
		return error_set(e, ERR_FAILED, "%s was built anew meanwhile; again", q->disk);
	return r;
}
