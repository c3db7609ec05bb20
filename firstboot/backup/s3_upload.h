/*
 * A file of any size into a bucket. Above S3_UPLOAD_WHOLE bytes in parts, so that a line that breaks costs
 * a part: which upload it was and which parts are there is kept by the caller, after each one, and given
 * again by the next run. The server counts too (ListParts), where it knows that request.
 */
#pragma once

#include "base.h"

struct error;
struct s3;

#define S3_UPLOAD_WHOLE (32 * MIB)
#define S3_PART_SIZE	(16 * MIB) /* 10,000 parts at most (S3): larger for files above 150 GiB */
#define S3_PARTS_MAX	10000

/* What is to be kept of an upload that has begun. */
struct s3_upload {
	char *key, *id; /* owned; id NULL: none has begun */
	char *sha256;	/* of the whole file, owned */
	uint64_t part_size;
	char **etags; /* owned, with their quotes */
	size_t n, cap;
};
#define S3_UPLOAD_INIT                                                                             \
	{                                                                                          \
	}
void s3_upload_free(struct s3_upload *u); /* leaves S3_UPLOAD_INIT; for _cleanup_ */

struct s3_upload_job {
	struct s3 *s3;
	const char *key;
	int fd; /* borrowed */
	uint64_t size;
	const char *sha256;
	/* Keeps u for the next run; NULL: nothing has begun any more. */
	int (*keep)(void *arg, const struct s3_upload *u, struct error *e);
	void *arg;
};

/* u: what was kept, or S3_UPLOAD_INIT. Done: the object is there, with the digest asked for. */
int s3_upload(const struct s3_upload_job *j, struct s3_upload *u, struct error *e);
/* Tells the server to forget a begun upload, which costs money until then. */
int s3_upload_abort(struct s3 *s, const struct s3_upload *u, struct error *e);
