/* See offsite.h: the way back from the bucket, in pieces, each durable. */
#include "offsite.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "bucket.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "manifest.h"
#include "pack.h"
#include "s3.h"
#include "self.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PIECE (8 * MIB)

static int fetch_rest(struct bucket *b, const char *key, int fd, uint64_t size, struct error *e)
{
	off_t have = lseek(fd, 0, SEEK_END);
	int r = 0;

	if (have < 0)
		return error_errno(e, errno, "cannot write what is fetched");
	while (r == 0 && (uint64_t)have < size) {
		_buf_ piece = BUF_INIT;

		r = s3_get(&b->s3, key, (uint64_t)have, (size_t)MIN(PIECE, size - (uint64_t)have),
			&piece, e);
		if (r == 0 && piece.len == 0)
			r = S3_NO_RANGE;
		if (r == 0) {
			int w = fd_write(fd, piece.data, piece.len);

			if (w < 0)
				return error_errno(e, w, "cannot write what is fetched");
			have += (off_t)piece.len;
		}
	}
	if (r == S3_ABSENT || r == S3_NO_RANGE)
		return error_set(e, ERR_LOCK, "%s is not whole in the object storage", key);
	return r;
}

static int fetch_file(struct bucket *b, int part, const struct manifest *m,
	const struct backup_file *f, struct error *e)
{
	const struct unpack_how only_digest = { 0 };
	_close_ int fd = openat(part, f->name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return error_errno(e, errno, "cannot write %s", f->name);
	r = fetch_rest(b, bucket_key(b, m->id, f->name), fd, f->size, e);
	if (r >= 0)
		r = unpack(fd, f->sha256, &only_digest, e);
	if (r >= 0 && fsync(fd) < 0)
		r = error_errno(e, errno, "cannot write %s", f->name);
	/* Wrong bytes are not what the next run goes on from. */
	if (r < 0 && e->code == ERR_LOCK)
		(void)unlinkat(part, f->name, 0);
	return r < 0 ? error_prefix(e, "%s of the copy of backup %s", f->name, m->id) : 0;
}

static int fetch(struct bucket *b, int dir, const struct manifest *m, struct error *e)
{
	char name[BACKUP_ID_LEN + 8];
	_close_ int part = -1;
	int r = store_check_room(dir, m, e);

	if (r < 0)
		return r;
	snprintf(name, sizeof name, "%s.part", m->id);
	if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
		return error_errno(e, errno, "cannot make the directory of a backup");
	part = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (part < 0)
		return error_errno(e, errno, "cannot open the directory of a backup");
	for (size_t i = 0; r >= 0 && i < m->n_files; i++)
		r = fetch_file(b, part, m, &m->files[i], e);
	return r < 0 ? r : store_publish(dir, part, m, e);
}

int offsite_open(const struct agent *a, const char *server, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	int r;

	if (!server || strcmp(server, self_name(a, arena)) == 0)
		return store_open(a, e);
	r = bucket_server(a, server, arena, &server, e);
	return r < 0 ? r : store_open_foreign(a, server, e);
}

int offsite_fetch(
	struct agent *a, int dir, const char *server, const char *id, char *ret_id, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(backup_list_free) struct backup_list remote = BACKUP_LIST_INIT;
	_cleanup_(backup_list_free) struct backup_list local = BACKUP_LIST_INIT;
	const struct manifest *m, *here;
	struct s3_object *objects;
	struct error absent = { 0 };
	struct bucket b;
	size_t n;
	int r = bucket_open(&b, a, server, arena, e);

	if (r >= 0)
		r = bucket_objects(&b, &objects, &n, e);
	if (r >= 0)
		r = bucket_manifests(&b, objects, n, NULL, &remote, e);
	if (r >= 0)
		r = backup_list_find(&remote, id, &m, e);
	if (r >= 0)
		r = store_list(dir, &local, e);
	if (r < 0)
		return r;
	memcpy(ret_id, m->id, BACKUP_ID_LEN + 1);
	if (backup_list_find(&local, m->id, &here, &absent) == 0) {
		if (bucket_same(here, m))
			return 0;
		return error_set(e, ERR_FAILED,
			"there is another backup %s on this server: move it out of the way first",
			m->id);
	}
	return fetch(&b, dir, m, e);
}
