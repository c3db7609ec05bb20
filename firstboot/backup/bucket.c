/* See bucket.h. */
#include "bucket.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "config.h"
#include "credentials.h"
#include "error.h"
#include "manifest.h"
#include "node.h"
#include "report.h"
#include "store.h"

#include <string.h>

int bucket_open(struct bucket *ret, struct agent *a, struct arena *arena, struct error *e)
{
	const struct backup_config *c = &a->config->backup;
	const struct node *doc;
	const char *prefix = c->offsite.prefix ? c->offsite.prefix : "";
	size_t n = strlen(prefix);
	int r = credential_read(a, "s3", arena, &doc, e);

	if (r < 0)
		return r;
	if (r == CREDENTIAL_ABSENT || !node_str(node_get(doc, "access_key")) ||
		!node_str(node_get(doc, "secret_key")))
		return error_set(e, ERR_INVALID,
			"the copies elsewhere need the secret 's3' (access_key, secret_key)");
	*ret = (struct bucket){
		.arena = arena,
		.http = agent_http(a),
		.prefix = n > 0 && prefix[n - 1] != '/' ? arena_printf(arena, "%s/", prefix)
							: prefix,
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

/* The id of a key that is a manifest's, in ret. */
static bool manifest_id(const struct bucket *b, const char *key, char ret[BACKUP_ID_LEN + 1])
{
	key += strlen(b->prefix);
	if (strlen(key) != BACKUP_ID_LEN + 1 + strlen(MANIFEST_NAME) || key[BACKUP_ID_LEN] != '/' ||
		strcmp(key + BACKUP_ID_LEN + 1, MANIFEST_NAME) != 0)
		return false;
	memcpy(ret, key, BACKUP_ID_LEN);
	ret[BACKUP_ID_LEN] = '\0';
	return backup_id_valid(ret);
}

static const struct manifest *find(const struct backup_list *l, const char *id)
{
	for (size_t i = 0; l && i < l->n; i++) {
		if (strcmp(l->v[i].id, id) == 0)
			return &l->v[i];
	}
	return NULL;
}

/* 0, or S3_ABSENT for one that is not usable. */
static int load(struct bucket *b, const char *key, const char *id, struct arena *arena,
	struct manifest *ret, struct error *e)
{
	_buf_ text = BUF_INIT;
	struct error broken = { 0 };
	int r = s3_get(&b->s3, key, 0, MANIFEST_MAX - 2 * KIB, &text, e);

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
		int r = 0;

		if (!manifest_id(b, objects[i].key, id))
			continue;
		ret->v = grow(ret->v, ret->n, &cap, sizeof *ret->v);
		same = find(known, id);
		if (same)
			ret->v[ret->n] = *same;
		else
			r = load(b, objects[i].key, id, ret->arena, &ret->v[ret->n], e);
		if (r < 0)
			return r;
		ret->n += r == 0;
	}
	backup_list_sort(ret);
	return 0;
}
