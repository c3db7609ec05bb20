/* From the store into the tree. */
#include "containers.h"

#include "arena.h"
#include "buf.h"
#include "containers_parts.h"
#include "error.h"
#include "image_archive.h"
#include "image_manifest.h"
#include "image_ref.h"
#include "json.h"
#include "lock.h"
#include "progress.h"
#include "rootfd.h"

#include <fcntl.h>
#include <string.h>

#define ARCHIVE CONTAINERS_DIR "/images.tar"
#define INDEX	CONTAINERS_DIR "/images.json"

static void add_reference(
	struct buf *index, const struct lock_container *c, const struct image_manifest *m)
{
	buf_adds(index, index->len ? ",\n  {\"reference\": " : "[\n  {\"reference\": ");
	json_write_string(index, c->reference, strlen(c->reference));
	buf_printf(index, ", \"id\": \"sha256:%s\", \"digest\": \"sha256:%s\"}", m->config.sha256,
		c->sha256);
}

static int add_image(const struct lock_container *c, struct image_archive *w, struct store *blobs,
	struct buf *index, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct image_manifest m;
	struct image_ref ref;
	const char *why = image_ref_parse(c->reference, a, &ref);
	int r;

	if (why)
		return error_set(e, ERR_LOCK, "the container image '%s': %s", c->reference, why);
	r = containers_manifest(c, blobs, a, &m, e);
	if (r == 0)
		r = image_archive_add(w, &ref, &m, e);
	if (r == 0)
		add_reference(index, c, &m);
	return r;
}

static int write_images(const struct lock *l, struct store *blobs, int fd, struct progress *p,
	struct buf *index, struct error *e)
{
	_cleanup_(image_archive_freep) struct image_archive *w = image_archive_new(fd, blobs, p);
	int r = 0;

	for (size_t i = 0; i < l->n_containers && r == 0; i++)
		r = add_image(&l->containers[i], w, blobs, index, e);
	return r < 0 ? r : image_archive_end(w, e);
}

/* Nobody but root may look into it, or choose what is loaded. */
static int open_archive(int root_fd, int *ret, struct error *e)
{
	int r = rootfd_mkdir(root_fd, CONTAINERS_DIR, 0700);

	if (r == 0)
		r = rootfd_open(root_fd, ARCHIVE, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (r < 0)
		return error_errno(e, r, "making /" ARCHIVE);
	*ret = r;
	return 0;
}

int containers_bake(
	const struct lock *l, struct store *blobs, int root_fd, struct progress *p, struct error *e)
{
	_buf_ index = BUF_INIT;
	_close_ int fd = -1;
	int r;

	if (l->n_containers == 0)
		return 0;
	progress_begin(p, "container images", "B", 0);
	r = open_archive(root_fd, &fd, e);
	if (r == 0)
		r = write_images(l, blobs, fd, p, &index, e);
	if (r < 0)
		return r;
	buf_adds(&index, "\n]\n");
	r = rootfd_puts(root_fd, INDEX, buf_str(&index), 0600);
	if (r < 0)
		return error_errno(e, r, "writing /" INDEX);
	progress_end(p, NULL);
	return 0;
}
