/* What the files of the OVH client share. For common/ovh*.c only. */
#pragma once

#include "ovh.h"

struct http_response;

static inline bool ovh_given(const char *text)
{
	return text && *text;
}

/* What an answer asks for. */
enum ovh_verdict {
	OVH_DONE,   /* 2xx */
	OVH_FINAL,  /* an error that stays */
	OVH_AGAIN,  /* it was not carried out, another attempt may succeed (429) */
	OVH_DOUBT,  /* it may have been carried out; another attempt may succeed */
	OVH_RETIME, /* the signature or its time was refused: the server's time is asked anew */
	OVH_RENEW,  /* the token was refused */
};

/* Of an answer that came whole, to a call signed in this way. */
enum ovh_verdict ovh_judge(const struct http_response *res, bool bearer);

/*
 * Says what the server said, and what to do about it: status, message, class, query id. Text of the
 * server is cleaned and cut. Always returns -code; ERR_NETWORK when transient.
 */
int ovh_complain(const struct ovh_query *q, const struct http_response *res, bool transient,
	struct error *e);

/* The API's and the token server's URL of keys; NULL: unknown endpoint, no token server. Constant or borrowed. */
const char *ovh_endpoint_url(const struct ovh_keys *k);
const char *ovh_token_url(const struct ovh_keys *k);

/* The signature of one call. url: whole, as sent. ret: "$1$" and 40 digits. */
void ovh_sign(const struct ovh_keys *k, const struct ovh_query *q, const char *url, int64_t time,
	char ret[44]);

/* The whole URL of a path; /v1/… and /v2/… replace the branch that the endpoint ends in. */
void ovh_url(const char *endpoint, const char *path, struct buf *ret);
