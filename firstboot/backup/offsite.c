/* See offsite.h. */
#include "offsite.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "bucket.h"
#include "buf.h"
#include "config.h"
#include "error.h"
#include "ipc.h"
#include "manifest.h"
#include "node.h"
#include "report.h"
#include "retain.h"
#include "s3.h"
#include "s3_upload.h"
#include "sanity.h"
#include "state.h"
#include "store.h"

#include <fcntl.h>
#include <string.h>

#define STATE_NAME	 "offsite.json"
#define UPLOAD_PARTS_MAX S3_PARTS_MAX

bool offsite_wanted(const struct agent *a)
{
	return a->config->has_backup && a->config->backup.offsite.endpoint;
}

/* An upload that has begun, between runs: {"key", "id", "sha256", "part_size", "etags": […]} */
static int keep_upload(void *arg, const struct s3_upload *u, struct error *e)
{
	const struct agent *a = arg;
	_buf_ json = BUF_INIT;
	_free_ const char **etags = NULL;

	ipc_begin(&json);
	if (u) {
		etags = xcalloc(u->n + 1, sizeof *etags);
		memcpy(etags, u->etags, u->n * sizeof *etags);
		ipc_add_str(&json, "key", u->key);
		ipc_add_str(&json, "id", u->id);
		ipc_add_str(&json, "sha256", u->sha256);
		ipc_add_int(&json, "part_size", (int64_t)u->part_size);
		ipc_add_strs(&json, "etags", etags);
	}
	ipc_end(&json);
	return state_write(a, STATE_NAME, &json, e);
}

static int load_upload(const struct agent *a, struct s3_upload *ret, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct node *doc, *etags;
	const char *key, *id, *sha;
	int64_t part;
	int r = state_read(a, STATE_NAME, arena, &doc, e);

	if (r != 0)
		return r < 0 ? r : 0;
	key = node_str(node_get(doc, "key"));
	id = node_str(node_get(doc, "id"));
	sha = node_str(node_get(doc, "sha256"));
	etags = node_get(doc, "etags");
	if (!key || !id || !sha || !node_is_int(node_get(doc, "part_size"), &part) || part <= 0)
		return 0;
	*ret = (struct s3_upload){
		.key = xstrdup(key),
		.id = xstrdup(id),
		.sha256 = xstrdup(sha),
		.part_size = (uint64_t)part,
	};
	for (size_t i = 0; etags && etags->kind == NODE_LIST && i < etags->n; i++) {
		const char *etag = node_str(etags->items[i]);

		if (!etag || i == UPLOAD_PARTS_MAX)
			break;
		ret->etags = grow(ret->etags, ret->n, &ret->cap, sizeof *ret->etags);
		ret->etags[ret->n++] = xstrdup(etag);
	}
	return 0;
}

struct sync {
	struct agent *a;
	struct bucket b;
	int dir;
	struct s3_upload upload;
	struct s3_object *objects; /* all that is there */
	size_t n_objects;
};

static bool has_object(const struct sync *s, const char *key)
{
	for (size_t i = 0; i < s->n_objects; i++) {
		if (strcmp(s->objects[i].key, key) == 0)
			return true;
	}
	return false;
}

static int send_file(
	struct sync *s, const struct manifest *m, const struct backup_file *f, struct error *e)
{
	const char *key = bucket_key(&s->b, m->id, f->name);
	_close_ int fd = store_file(s->dir, m->id, f->name, e);
	const struct s3_upload_job job = {
		.s3 = &s->b.s3,
		.key = key,
		.fd = fd,
		.size = f->size,
		.sha256 = f->sha256,
		.keep = keep_upload,
		.arg = s->a,
	};
	int r = fd;

	if (r >= 0 && has_object(s, key)) {
		/* Sent by a run that was cut off later. */
		r = s3_is(&s->b.s3, key, f->size, f->sha256, e);
		if (r == 0)
			return 0;
	}
	return r < 0 ? r : s3_upload(&job, &s->upload, e);
}

static int send_backup(struct sync *s, const struct manifest *m, struct error *e)
{
	_buf_ text = BUF_INIT;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < m->n_files; i++)
		r = send_file(s, m, &m->files[i], e);
	if (r < 0)
		return error_prefix(e, "the copy of backup %s", m->id);
	manifest_write(m, &text);
	r = s3_put(&s->b.s3, bucket_key(&s->b, m->id, MANIFEST_NAME), text.data, text.len, e);
	if (r >= 0)
		report(REPORT_INFO, "backup %s is copied to %s", m->id, s->b.s3.bucket);
	return r < 0 ? error_prefix(e, "the copy of backup %s", m->id) : 0;
}

/* The manifest goes first: what is half removed is no backup. */
static int remove_remote(struct sync *s, const char *id, struct error *e)
{
	const char *first = bucket_key(&s->b, id, MANIFEST_NAME);
	const char *prefix = bucket_key(&s->b, id, "");
	int r = has_object(s, first) ? s3_delete(&s->b.s3, first, e) : 0;

	for (size_t i = 0; r == 0 && i < s->n_objects; i++) {
		const char *key = s->objects[i].key;

		if (strncmp(key, prefix, strlen(prefix)) == 0 && strcmp(key, first) != 0)
			r = s3_delete(&s->b.s3, key, e);
	}
	if (r == S3_DENIED) {
		report(REPORT_INFO,
			"the copy of backup %s stays: the key may not delete, the bucket's own "
			"rules have to",
			id);
		return S3_DENIED;
	}
	if (r == 0)
		report(REPORT_INFO, "the copy of backup %s is removed", id);
	return r;
}

/* Both sides, newest first; those on both sides once, and marked. */
struct merged {
	const struct manifest **m;
	bool *here, *there, *stale, *keep;
	size_t n;
};

/* What was found out about a backup since it was sent stands in its manifest here. */
static bool is_stale(const struct manifest *here, const struct manifest *there)
{
	_buf_ x = BUF_INIT;
	_buf_ y = BUF_INIT;

	manifest_write(here, &x);
	manifest_write(there, &y);
	return x.len != y.len || memcmp(x.data, y.data, x.len) != 0;
}

/* ERR_FAILED: one there has the id of one here and is another: two servers have one name. */
static int merge(const struct backup_list *local, const struct backup_list *remote,
	struct arena *arena, struct merged *ret, struct error *e)
{
	size_t max = local->n + remote->n + 1, i = 0, k = 0;

	*ret = (struct merged){
		.m = arena_alloc(arena, max * sizeof *ret->m),
		.here = arena_alloc(arena, max * sizeof(bool)),
		.there = arena_alloc(arena, max * sizeof(bool)),
		.stale = arena_alloc(arena, max * sizeof(bool)),
		.keep = arena_alloc(arena, max * sizeof(bool)),
	};
	while (i < local->n || k < remote->n) {
		int order = i == local->n    ? 1
			    : k == remote->n ? -1
					     : strcmp(remote->v[k].id, local->v[i].id);

		if (order == 0 && !bucket_same(&local->v[i], &remote->v[k]))
			return error_set(e, ERR_FAILED,
				"another backup %s is in the bucket under this server's name: "
				"has another server the same one?",
				local->v[i].id);
		ret->here[ret->n] = order <= 0;
		ret->there[ret->n] = order >= 0;
		ret->stale[ret->n] = order == 0 && is_stale(&local->v[i], &remote->v[k]);
		ret->m[ret->n++] = order <= 0 ? &local->v[i] : &remote->v[k];
		i += order <= 0;
		k += order >= 0;
	}
	return 0;
}

static bool is_to_send(const struct merged *v, size_t i)
{
	return v->keep[i] && v->here[i] && (!v->there[i] || v->stale[i]);
}

/* Where an id is, or v->n. */
static size_t find_id(const struct merged *v, const char *id)
{
	size_t i = 0;

	while (i < v->n && strcmp(v->m[i]->id, id) != 0)
		i++;
	return i;
}

/* An upload goes on before anything else is sent, or is ended: there is one record of one. */
static int settle_upload(struct sync *s, const struct merged *v, struct error *e)
{
	char id[BACKUP_ID_LEN + 1];
	size_t i;
	int r;

	if (!s->upload.id)
		return 0;
	i = bucket_id(&s->b, s->upload.key, id) ? find_id(v, id) : v->n;
	r = i < v->n && is_to_send(v, i) ? send_backup(s, v->m[i], e) : 0;
	if (r >= 0 && i < v->n && is_to_send(v, i)) {
		v->there[i] = true;
		v->stale[i] = false;
	}
	if (r < 0 || !s->upload.id)
		return r;
	r = s3_upload_abort(&s->b.s3, &s->upload, e);
	s3_upload_free(&s->upload);
	return r < 0 ? r : keep_upload(s->a, NULL, e);
}

/* Half of a copy: sent by a run that never ended, or left by a removal that did not. */
static int remove_halves(struct sync *s, const struct merged *v, struct error *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->n_objects; i++) {
		char id[BACKUP_ID_LEN + 1];
		size_t k;

		if (!bucket_id(&s->b, s->objects[i].key, id))
			continue;
		k = find_id(v, id);
		if ((k < v->n && (v->keep[k] || v->there[k])) ||
			has_object(s, bucket_key(&s->b, id, MANIFEST_NAME)))
			continue;
		r = s3_delete(&s->b.s3, s->objects[i].key, e);
		if (r == 0)
			report(REPORT_INFO, "a piece of a copy is removed: %s", s->objects[i].key);
	}
	return r;
}

/* The newest good one there is here as well: this server is no new one. */
static bool is_known(const struct merged *v)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->there[i] && manifest_good(v->m[i]))
			return v->here[i];
	return true;
}

/*
 * The first backups of a server that takes the place of a lost one have nothing here that they could be compared with: the
 * lost one's last is there. What looks odd beside it would else be sent, and in time push that one out. m: in the
 * arena, as it was read; it is marked here and on the disk. ERR_TEST: one was odd.
 */
static int compare_first(struct sync *s, struct merged *v, struct arena *arena, struct error *e)
{
	const struct manifest *before = NULL;
	int r = 0;

	if (is_known(v))
		return 0;
	for (size_t i = v->n; i-- > 0 && r >= 0;) {
		const struct manifest *m = v->m[i];
		struct manifest *marked;
		const char *odd;

		if (!manifest_good(m))
			continue;
		if (v->there[i] || manifest_verified_by(m, BACKUP_ACCEPTED)) {
			before = v->here[i] ? NULL : m;
			continue;
		}
		odd = before ? sanity_check(m, before, arena) : NULL;
		if (!odd) {
			before = NULL;
			continue;
		}
		marked = arena_alloc(arena, sizeof *marked);
		*marked = *m;
		marked->suspect = odd;
		v->m[i] = marked;
		r = store_update(s->dir, marked, e);
		if (r >= 0 && !e->code)
			r = error_set(e, ERR_TEST,
				"nothing is sent: %s, which is in the bucket under this server's name (%s). What that has is "
				"brought back by: kbuild-agent restore --offsite %s. Where all is as it should be: "
				"kbuild-agent backup verify %s --accept",
				odd, before->id, before->id, m->id);
	}
	return r;
}

static int send_and_remove(struct sync *s, const struct merged *v, struct error *e)
{
	const struct backup_config *c = &s->a->config->backup;
	int r;

	retain_choose(&c->offsite.keep, c->timezone, NULL, v->m, v->n, v->keep);
	r = settle_upload(s, v, e);
	for (size_t i = 0; r >= 0 && i < v->n; i++) {
		if (is_to_send(v, i))
			r = send_backup(s, v->m[i], e);
	}
	/* Only when all that should be there is there. */
	for (size_t i = 0; r == 0 && i < v->n; i++) {
		if (!v->keep[i] && v->there[i])
			r = remove_remote(s, v->m[i]->id, e);
	}
	if (r == 0)
		r = remove_halves(s, v, e);
	return r < 0 ? r : 0;
}

int offsite_sync(struct agent *a, int dir, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(backup_list_free) struct backup_list local = BACKUP_LIST_INIT;
	_cleanup_(backup_list_free) struct backup_list remote = BACKUP_LIST_INIT;
	struct sync s = { .a = a, .dir = dir, .upload = S3_UPLOAD_INIT };
	struct merged v;
	int r = bucket_open(&s.b, a, NULL, arena, e);

	if (r >= 0)
		r = store_list(dir, &local, e);
	if (r >= 0)
		r = load_upload(a, &s.upload, e);
	if (r >= 0)
		r = bucket_objects(&s.b, &s.objects, &s.n_objects, e);
	if (r >= 0)
		r = bucket_manifests(&s.b, s.objects, s.n_objects, &local, &remote, e);
	if (r >= 0)
		r = merge(&local, &remote, arena, &v, e);
	if (r >= 0)
		r = compare_first(&s, &v, arena, e);
	if (r >= 0)
		r = send_and_remove(&s, &v, e);
	s3_upload_free(&s.upload);
	return r;
}

int offsite_list(struct agent *a, const char *server, struct backup_list *ret, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct s3_object *objects;
	struct bucket b;
	size_t n;
	int r = bucket_open(&b, a, server, arena, e);

	if (r >= 0)
		r = bucket_objects(&b, &objects, &n, e);
	return r < 0 ? r : bucket_manifests(&b, objects, n, NULL, ret, e);
}
