/* Between s3.c and s3_upload.c. */
#pragma once

#include "base.h"

/* Metadata of ours on every object: the digest of the whole, which its ETag is not. */
#define S3_META_SHA256 "x-amz-meta-sha256"

/* Decimal digits and nothing else. */
static inline bool parse_number(const char *text, uint64_t *ret)
{
	uint64_t n = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || n > UINT64_MAX / 10 - 1)
			return false;
		n = n * 10 + (uint64_t)(*text - '0');
	}
	*ret = n;
	return true;
}
