/* See bucket.h. */
#include "bucket.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "config.h"
#include "credentials.h"
#include "digest.h"
#include "error.h"
#include "manifest.h"
#include "node.h"
#include "report.h"
#include "self.h"
#include "store.h"

#include <string.h>

/* An id is no name: below it are files. */
int bucket_server(const struct agent *a, const char *server, struct arena *arena, const char **ret,
	struct error *e)
{
	*ret = server ? server : self_name(a, arena);
	if (!self_name_valid(*ret) || backup_id_valid(*ret))
		return error_set(e, ERR_USAGE, "'%s' is no name of a server", *ret);
	return 0;
}

/* PREFIX/SERVER/: servers of one definition share the rest. */
static int make_prefix(const struct agent *a, const char *server, struct arena *arena,
	const char **ret, struct error *e)
{
	const char *prefix = a->config->backup.offsite.prefix;
	size_t n = prefix ? strlen(prefix) : 0;
	int r = bucket_server(a, server, arena, &server, e);

	if (r < 0)
		return r;
	*ret = arena_printf(arena, "%s%s%s/", n ? prefix : "",
		n > 0 && prefix[n - 1] != '/' ? "/" : "", server);
	return 0;
}

int bucket_open(struct bucket *ret, struct agent *a, const char *server, struct arena *arena,
	struct error *e)
{
	const struct backup_config *c = &a->config->backup;
	const struct node *doc;
	const char *prefix = NULL;
	int r = make_prefix(a, server, arena, &prefix, e);

	if (r >= 0 && !c->offsite.endpoint)
		r = error_set(e, ERR_INVALID, "%s has no 'backup.offsite'", a->config_path);
	if (r >= 0)
		r = credential_read(a, "s3", arena, &doc, e);
	if (r < 0)
		return r;
	if (r == CREDENTIAL_ABSENT || !node_str(node_get(doc, "access_key")) ||
		!node_str(node_get(doc, "secret_key")))
		return error_set(e, ERR_INVALID,
			"the copies elsewhere need the secret 's3' (access_key, secret_key)");
	*ret = (struct bucket){
		.arena = arena,
		.http = agent_http(a),
		.prefix = prefix,
		.s3 = {
			.clock = a->clock,
			.endpoint = c->offsite.endpoint,
			.bucket = c->offsite.bucket,
			.key = {
				.access = node_str(node_get(doc, "access_key")),
				.secret = node_str(node_get(doc, "secret_key")),
				.region = c->offsite.region ? c->offsite.region : "us-east-1",
				.service = "s3",
			},
		},
	};
	ret->s3.http = &ret->http;
	return 0;
}

const char *bucket_key(const struct bucket *b, const char *id, const char *name)
{
	return arena_printf(b->arena, "%s%s/%s", b->prefix, id, name);
}

int bucket_objects(struct bucket *b, struct s3_object **ret, size_t *ret_n, struct error *e)
{
	return s3_list(&b->s3, b->prefix, b->arena, ret, ret_n, e);
}

bool bucket_id(const struct bucket *b, const char *key, char *ret)
{
	size_t n = strlen(b->prefix);

	if (strncmp(key, b->prefix, n) != 0 || strlen(key + n) <= BACKUP_ID_LEN + 1 ||
		key[n + BACKUP_ID_LEN] != '/')
		return false;
	memcpy(ret, key + n, BACKUP_ID_LEN);
	ret[BACKUP_ID_LEN] = '\0';
	return backup_id_valid(ret);
}

/* The id of a key that is a manifest's, in ret. */
static bool manifest_id(const struct bucket *b, const char *key, char ret[BACKUP_ID_LEN + 1])
{
	return bucket_id(b, key, ret) && strcmp(key, bucket_key(b, ret, MANIFEST_NAME)) == 0;
}

static const struct manifest *find(const struct backup_list *l, const char *id)
{
	for (size_t i = 0; l && i < l->n; i++) {
		if (strcmp(l->v[i].id, id) == 0)
			return &l->v[i];
	}
	return NULL;
}

bool bucket_same(const struct manifest *a, const struct manifest *b)
{
	if (a->n_files != b->n_files)
		return false;
	for (size_t i = 0; i < a->n_files; i++) {
		const struct backup_file *x = &a->files[i], *y = &b->files[i];

		if (strcmp(x->name, y->name) != 0 || x->size != y->size ||
			strcmp(x->sha256, y->sha256) != 0)
			return false;
	}
	return true;
}

/* Whether the object is this very manifest: 0 or S3_ABSENT. */
static int is_this(struct bucket *b, const char *key, const struct manifest *m, struct error *e)
{
	char sha[SHA256_HEX];
	_buf_ text = BUF_INIT;

	manifest_write(m, &text);
	sha256_bytes(text.data, text.len, sha);
	return s3_is(&b->s3, key, text.len, sha, e);
}

/* 0, or S3_ABSENT for one that is not usable. */
static int load(struct bucket *b, const char *key, const char *id, struct arena *arena,
	struct manifest *ret, struct error *e)
{
	_buf_ text = BUF_INIT;
	struct error broken = { 0 };
	int r = s3_get(&b->s3, key, 0, MANIFEST_MAX, &text, e);

	if (r != 0)
		return r;
	r = manifest_parse(ret, arena, buf_str(&text), text.len, &broken);
	if (r >= 0 && strcmp(ret->id, id) == 0)
		return 0;
	report(REPORT_WARNING, "the copy of backup %s is not usable: %s", id,
		r < 0 ? broken.msg : "its manifest is another's");
	return S3_ABSENT;
}

int bucket_manifests(struct bucket *b, const struct s3_object *objects, size_t n,
	const struct backup_list *known, struct backup_list *ret, struct error *e)
{
	size_t cap = 0;

	*ret = (struct backup_list){ .arena = arena_new() };
	for (size_t i = 0; i < n; i++) {
		char id[BACKUP_ID_LEN + 1];
		const struct manifest *same;
		int r = S3_ABSENT;

		if (!manifest_id(b, objects[i].key, id))
			continue;
		ret->v = grow(ret->v, ret->n, &cap, sizeof *ret->v);
		same = find(known, id);
		if (same)
			r = is_this(b, objects[i].key, same, e);
		if (r == 0)
			ret->v[ret->n] = *same;
		else if (r == S3_ABSENT)
			r = load(b, objects[i].key, id, ret->arena, &ret->v[ret->n], e);
		if (r < 0)
			return r;
		ret->n += r == 0;
	}
	backup_list_sort(ret);
	return 0;
}
