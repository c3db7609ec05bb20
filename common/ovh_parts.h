/* What the files of the OVH client share. For common/ovh*.c only. */
#pragma once

#include "api.h"
#include "ovh.h"

struct http_response;

static inline bool ovh_given(const char *text)
{
	return text && *text;
}

/*
 * Of an answer that came whole, to a call signed in this way. API_RENEW: the token was refused, or the
 * signature with its time.
 */
enum api_verdict ovh_judge(const struct http_response *res, bool bearer);

/* As of struct api_style: status, message, class, query id, denied actions, and what to do about it. */
void ovh_complain(
	const struct api_call *c, const struct http_response *res, bool transient, struct error *e);

/* The API's and the token server's URL of keys; NULL: unknown endpoint, no token server. Constant or borrowed. */
const char *ovh_endpoint_url(const struct ovh_keys *k);
const char *ovh_token_url(const struct ovh_keys *k);

/* The signature of one call. url: whole, as sent. ret: "$1$" and 40 digits. */
void ovh_sign(const struct ovh_keys *k, const struct ovh_query *q, const char *url, int64_t time,
	char ret[44]);

/* The whole URL of a path; /v1/… and /v2/… replace the branch that the endpoint ends in. */
void ovh_url(const char *endpoint, const char *path, struct buf *ret);
