/* See s3.h: what is in a bucket, over as many answers as it takes. */
#include "s3.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "s3_parts.h"
#include "xml.h"

#include <string.h>

struct listing {
	struct arena *arena;
	struct s3_object *v;
	size_t n, cap;
	char *key, *next;
	uint64_t size;
	bool truncated; /* there is more than this answer says */
};

static int list_element(void *arg, const char *path, const char *text, struct error *e)
{
	struct listing *l = arg;

	if (strcmp(path, "ListBucketResult/Contents/Key") == 0) {
		l->key = arena_strdup(l->arena, text);
	} else if (strcmp(path, "ListBucketResult/Contents/Size") == 0) {
		if (!parse_number(text, &l->size))
			return error_set(e, ERR_FAILED, "the list of the bucket has no sizes");
	} else if (strcmp(path, "ListBucketResult/NextContinuationToken") == 0) {
		l->next = arena_strdup(l->arena, text);
	} else if (strcmp(path, "ListBucketResult/IsTruncated") == 0) {
		l->truncated = strcmp(text, "true") == 0;
	} else if (strcmp(path, "ListBucketResult/Contents") == 0) {
		if (!l->key)
			return error_set(e, ERR_FAILED, "the list of the bucket has no keys");
		l->v = grow(l->v, l->n, &l->cap, sizeof *l->v);
		l->v[l->n++] = (struct s3_object){ l->key, l->size };
		l->key = NULL;
		l->size = 0;
	}
	return 0;
}

/* A bucket of a hundred thousand objects is none of ours alone. */
#define OBJECTS_MAX 100000

static int list_page(
	struct s3 *s, const char *prefix, const char *token, struct listing *l, struct error *e)
{
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	_buf_ query = BUF_INIT;
	int r;

	if (token) {
		buf_adds(&query, "continuation-token=");
		sigv4_encode(token, false, &query);
		buf_addc(&query, '&');
	}
	buf_adds(&query, "list-type=2&prefix=");
	sigv4_encode(prefix, false, &query);
	l->next = NULL;
	l->truncated = false;
	r = s3_demand(s,
		&(struct s3_call){ .method = "GET", .query = buf_str(&query), .max = 4 * MIB },
		&answer, e);
	if (r < 0)
		return r;
	r = xml_read(buf_str(&answer.body), answer.body.len, list_element, l, e);
	/* What is missing in a list would be taken for what is not there. */
	if (r >= 0 && l->truncated && !l->next)
		return error_set(e, ERR_FAILED,
			"the list of the bucket is cut off, and does not say how it goes on");
	if (r >= 0 && l->n > OBJECTS_MAX)
		return error_set(e, ERR_FAILED,
			"the bucket has more than %d objects below %s: use a prefix (backup.offsite) "
			"that nothing else has",
			OBJECTS_MAX, prefix);
	return r;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct s3_object *)a)->key, ((const struct s3_object *)b)->key);
}

int s3_list(struct s3 *s, const char *prefix, struct arena *arena, struct s3_object **ret,
	size_t *ret_n, struct error *e)
{
	struct listing l = { .arena = arena };
	int r = list_page(s, prefix, NULL, &l, e);

	while (r >= 0 && l.next)
		r = list_page(s, prefix, l.next, &l, e);
	if (r >= 0) {
		*ret = arena_alloc(arena, (l.n + 1) * sizeof **ret);
		if (l.n > 0) {
			memcpy(*ret, l.v, l.n * sizeof **ret);
			qsort(*ret, l.n, sizeof **ret, by_key);
		}
		*ret_n = l.n;
	}
	free(l.v);
	return r;
}
