/* See s3_upload.h. */
#include "s3_upload.h"

#include "alloc.h"
#include "buf.h"
#include "digest.h"
#include "error.h"
#include "interrupt.h"
#include "s3.h"
#include "s3_parts.h"
#include "xml.h"

#include <errno.h>
#include <string.h>

#define BLOCK (256 * KIB)
/* Attempts at one part whose bytes arrive as others. */
#define TRIES 3

static void forget(struct s3_upload *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->etags[i]);
	free(u->etags);
	free(u->key);
	free(u->id);
	free(u->sha256);
	*u = (struct s3_upload)S3_UPLOAD_INIT;
}

void s3_upload_free(struct s3_upload *u)
{
	forget(u);
}

static void add_etag(struct s3_upload *u, const char *etag)
{
	u->etags = grow(u->etags, u->n, &u->cap, sizeof *u->etags);
	u->etags[u->n++] = xstrdup(etag);
}

/* Both digests of a piece of the file in one pass. */
static int hash_piece(
	int fd, uint64_t offset, size_t len, char *ret_sha256, char *ret_md5, struct error *e)
{
	_cleanup_(sha256_freep) struct sha256 *sha = sha256_new();
	_cleanup_(md5_freep) struct md5 *md5 = md5_new();
	_free_ char *block = xmalloc(BLOCK);

	while (len > 0) {
		ssize_t n = pread(fd, block, MIN(len, BLOCK), (off_t)offset);

		if (interrupted())
			return error_set(e, ERR_INTERRUPTED, "interrupted");
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_errno(e, n < 0 ? errno : EIO, "cannot read the backup");
		sha256_add(sha, block, (size_t)n);
		md5_add(md5, block, (size_t)n);
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	sha256_end(sha, ret_sha256);
	md5_end(md5, ret_md5);
	return 0;
}

/* Puts one piece, again when the server received something else. ret_etag: new, or NULL. */
static int put_piece(const struct s3_upload_job *j, const char *query, uint64_t offset, size_t len,
	char **ret_etag, struct error *e)
{
	char sha[SHA256_HEX], md5[MD5_HEX];
	const struct http_header meta[] = { { S3_META_SHA256, j->sha256 }, {} };
	struct s3_call c = {
		.method = "PUT",
		.key = j->key,
		.query = query,
		.fd = j->fd,
		.offset = offset,
		.len = len,
		.sha256 = sha,
		.headers = query ? NULL : meta,
	};
	int r = hash_piece(j->fd, offset, len, sha, md5, e);

	for (int i = 0; r >= 0 && i < TRIES; i++) {
		_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
		const char *etag;

		r = s3_call(j->s3, &c, &answer, e);
		if (r != 0)
			return r;
		etag = http_response_header(&answer, "etag");
		if (s3_etag_is(&answer, md5)) {
			if (ret_etag)
				*ret_etag = etag ? xstrdup(etag) : NULL;
			return 0;
		}
	}
	return r < 0 ? r
		     : error_set(e, ERR_NETWORK,
			       "the object storage received other bytes of %s than were sent, %d "
			       "times",
			       j->key, TRIES);
}

struct found {
	char *text;
	const char *path;
};

static int find_element(void *arg, const char *path, const char *text, _unused_ struct error *e)
{
	struct found *f = arg;

	if (!f->text && strcmp(path, f->path) == 0)
		f->text = xstrdup(text);
	return 0;
}

static int begin(const struct s3_upload_job *j, struct s3_upload *u, struct error *e)
{
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	const struct http_header meta[] = { { S3_META_SHA256, j->sha256 }, {} };
	struct found f = { NULL, "InitiateMultipartUploadResult/UploadId" };
	_free_ char *id = NULL;
	int r = s3_demand(j->s3,
		&(struct s3_call){
			.method = "POST", .key = j->key, .query = "uploads=", .headers = meta },
		&answer, e);

	if (r >= 0)
		r = xml_read(buf_str(&answer.body), answer.body.len, find_element, &f, e);
	id = f.text;
	if (r >= 0 && (!id || !*id))
		r = error_set(e, ERR_FAILED, "the object storage gave the upload no id");
	if (r < 0)
		return r;
	u->id = TAKE(id);
	u->key = xstrdup(j->key);
	u->sha256 = xstrdup(j->sha256);
	u->part_size = S3_PART_SIZE;
	while (j->size / u->part_size >= S3_PARTS_MAX)
		u->part_size *= 2;
	return j->keep(j->arg, u, e);
}

static char *part_query(const struct s3_upload *u, size_t number)
{
	_buf_ q = BUF_INIT;

	if (number > 0)
		buf_printf(&q, "partNumber=%zu&", number);
	buf_adds(&q, "uploadId=");
	sigv4_encode(u->id, false, &q);
	return buf_detach(&q);
}

/* Parts as the server has them: only the beginning that we both know of counts. */
struct counting {
	const struct s3_upload *u;
	size_t agreed;
	uint64_t number;
	bool same;
};

static int count_part(void *arg, const char *path, const char *text, _unused_ struct error *e)
{
	struct counting *c = arg;

	if (strcmp(path, "ListPartsResult/Part/PartNumber") == 0) {
		if (!parse_number(text, &c->number))
			c->number = 0;
	} else if (strcmp(path, "ListPartsResult/Part/ETag") == 0) {
		c->same = c->agreed < c->u->n && strcmp(text, c->u->etags[c->agreed]) == 0;
	} else if (strcmp(path, "ListPartsResult/Part") == 0) {
		if (c->same && c->number == c->agreed + 1)
			c->agreed++;
		c->same = false;
	}
	return 0;
}

/* 0: go on with u, cut to what is there; S3_ABSENT: it is gone. */
static int resume(const struct s3_upload_job *j, struct s3_upload *u, struct error *e)
{
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	_free_ char *query = part_query(u, 0);
	struct counting c = { .u = u };
	int r = s3_call(j->s3,
		&(struct s3_call){ .method = "GET", .key = j->key, .query = query, .max = 4 * MIB },
		&answer, e);

	/* Not every server can tell; ours is then the only count, and the digest at the end decides. */
	if (r == S3_NOT_SUPPORTED || r == S3_DENIED)
		return 0;
	if (r != 0)
		return r;
	r = xml_read(buf_str(&answer.body), answer.body.len, count_part, &c, e);
	if (r < 0)
		return r;
	/* One answer names a thousand parts: what is beyond is as we know it. */
	if (c.agreed == 1000)
		return 0;
	while (u->n > c.agreed)
		free(u->etags[--u->n]);
	return 0;
}

static int complete(const struct s3_upload_job *j, const struct s3_upload *u, struct error *e)
{
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	_free_ char *query = part_query(u, 0);
	struct found failure = { NULL, "Error/Code" };
	_buf_ body = BUF_INIT;
	int r;

	buf_adds(&body, "<CompleteMultipartUpload>");
	for (size_t i = 0; i < u->n; i++)
		buf_printf(&body, "<Part><PartNumber>%zu</PartNumber><ETag>%s</ETag></Part>", i + 1,
			u->etags[i]);
	buf_adds(&body, "</CompleteMultipartUpload>");
	r = s3_call(j->s3,
		&(struct s3_call){ .method = "POST",
			.key = j->key,
			.query = query,
			.body = body.data,
			.len = body.len },
		&answer, e);
	/* Done already, its answer lost: the object tells. */
	if (r == S3_ABSENT)
		return 0;
	if (r != 0)
		return r < 0 ? r : -e->code;
	/* It may say 200, work for minutes, and then fail. */
	r = xml_read(buf_str(&answer.body), answer.body.len, find_element, &failure, e);
	if (r >= 0 && failure.text)
		r = error_set(e, ERR_NETWORK, "the object storage did not put %s together: %s",
			j->key, failure.text);
	free(failure.text);
	return r;
}

static int put_parts(const struct s3_upload_job *j, struct s3_upload *u, struct error *e)
{
	int r = 0;

	for (uint64_t at = u->n * u->part_size; r == 0 && at < j->size; at += u->part_size) {
		_free_ char *query = part_query(u, u->n + 1);
		_free_ char *etag = NULL;

		r = put_piece(j, query, at, (size_t)MIN(u->part_size, j->size - at), &etag, e);
		if (r == 0 && !etag)
			r = error_set(e, ERR_FAILED, "the object storage gave a part no ETag");
		if (r == 0) {
			add_etag(u, etag);
			r = j->keep(j->arg, u, e);
		}
	}
	return r;
}

/* What the server refuses to put together it will refuse again. */
static int give_up(const struct s3_upload_job *j, struct s3_upload *u, struct error *e)
{
	struct error ignored = { 0 };

	(void)s3_upload_abort(j->s3, u, &ignored);
	forget(u);
	(void)j->keep(j->arg, NULL, &ignored);
	return -e->code;
}

/* Whether u is of this very file. */
static bool is_begun(const struct s3_upload_job *j, const struct s3_upload *u)
{
	return u->id && strcmp(u->key, j->key) == 0 && strcmp(u->sha256, j->sha256) == 0;
}

static int put_in_parts(const struct s3_upload_job *j, struct s3_upload *u, struct error *e)
{
	int r = is_begun(j, u) ? resume(j, u, e) : S3_ABSENT;

	if (r == S3_ABSENT) {
		/* Another file's: nobody else will end it. */
		r = s3_upload_abort(j->s3, u, e);
		if (r < 0)
			return r;
		forget(u);
		r = begin(j, u, e);
	}
	if (r == 0)
		r = put_parts(j, u, e);
	if (r == S3_ABSENT) {
		/* Somebody ended it meanwhile: the next run begins anew. */
		forget(u);
		r = j->keep(j->arg, NULL, e);
		return r < 0 ? r : error_set(e, ERR_NETWORK, "the upload of %s was ended", j->key);
	}
	if (r != 0)
		return r < 0 ? r : -e->code;
	r = complete(j, u, e);
	if (r < 0)
		return e->code == ERR_NETWORK ? r : give_up(j, u, e);
	forget(u);
	return j->keep(j->arg, NULL, e);
}

int s3_upload(const struct s3_upload_job *j, struct s3_upload *u, struct error *e)
{
	int r;

	if (j->size > S3_UPLOAD_WHOLE)
		r = put_in_parts(j, u, e);
	else
		r = put_piece(j, NULL, 0, (size_t)j->size, NULL, e);
	if (r != 0)
		return r < 0 ? r : -e->code;
	r = s3_is(j->s3, j->key, j->size, j->sha256, e);
	if (r == S3_ABSENT)
		return error_set(e, ERR_NETWORK,
			"%s was sent, but what the object storage has is another", j->key);
	return r;
}

int s3_upload_abort(struct s3 *s, const struct s3_upload *u, struct error *e)
{
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	_free_ char *query = NULL;
	int r;

	if (!u->id)
		return 0;
	query = part_query(u, 0);
	r = s3_call(s, &(struct s3_call){ .method = "DELETE", .key = u->key, .query = query },
		&answer, e);
	/* Gone, or a server (or a key) that leaves it to the bucket's rules: it will not be asked for ever. */
	return r > 0 || (r < 0 && e->code == ERR_FAILED) ? 0 : r;
}
