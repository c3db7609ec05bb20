/*
 * AWS Signature Version 4 in the Authorization header, by ourselves: the libcurl of the oldest release that
 * we serve signs an empty payload instead of the one it sends. The description:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
#pragma once

#include "http.h"

struct buf;

struct sigv4_key {
	const char *access, *secret;
	const char *region;
	const char *service; /* "s3" */
};

struct sigv4_request {
	const char *method;
	const char *path; /* as it is sent: percent-encoded, from "/" on */
	const char
		*query; /* as it is sent: name=value, encoded, sorted, joined by "&"; "" for none */
	/*
	 * What is signed, in lower case and sorted, ended by {}: host, x-amz-content-sha256, x-amz-date and
	 * whatever else begins with x-amz-.
	 */
	const struct http_header *headers;
	const char *sha256; /* of the payload, in hexadecimal */
};

#define SIGV4_DATE 17 /* "20130524T000000Z" and a NUL */
void sigv4_date(int64_t at, char ret[SIGV4_DATE]);

/* The value of the Authorization header, appended. date: as in x-amz-date. */
void sigv4_sign(const struct sigv4_key *k, const struct sigv4_request *q, const char *date,
	struct buf *ret);

/* Percent-encodes all but letters, digits and -._~ (and "/" where slash is true), appended. */
void sigv4_encode(const char *text, bool slash, struct buf *ret);
