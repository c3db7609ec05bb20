/*
 * The one document that launch makes and the agent reads, once, at first boot. Who launched what is
 * plain; what the operator keeps secret is sealed to the image's own key in the age format, because
 * user-data can be read by every process that reaches the metadata service.
 *
 *   {"v": 1, "server": "NAME", "launched": UNIX-SECONDS, "sealed": "BASE64 OF AN AGE FILE"}
 *
 * "sealed" is absent when there are no secrets. What is inside is the operator's file of secrets,
 * checked by the same table on both sides: see operator_secrets.h.
 */
#pragma once

#include "base.h"

struct age_identity;
struct arena;
struct buf;
struct error;
struct node;

#define HANDOFF_PATH "/etc/kbuild/handoff.json" /* where cloud-init writes it on the server */

/*
 * Of the document. OpenStack takes 65,535 bytes of base64 as user-data, 49,149 bytes before it, and the
 * definition's own residue is in there too.
 */
#define HANDOFF_SIZE_MAX (40 * KIB)

struct handoff_intent {
	const char *server;	    /* its name in the cloud */
	int64_t launched;	    /* unix seconds */
	const char *recipient;	    /* of the image, "age1…"; NULL: it has none */
	const struct node *secrets; /* checked by operator_secrets_check(); NULL or empty: none */
};

/* Appends the document as one line of JSON without newline and blanks. ERR_INVALID: too large, no recipient. */
int handoff_write(const struct handoff_intent *q, struct buf *out, struct error *e);

struct handoff {
	const char *server;
	int64_t launched;
	const void *sealed; /* an age file; NULL: no secrets came along */
	size_t sealed_len;
};

/* Reads it strictly: unknown or missing keys, another version, wrong forms are ERR_INVALID. In the arena. */
int handoff_read(
	struct handoff *ret, struct arena *a, const char *text, size_t len, struct error *e);

/* The operator's secrets out of it, checked; an empty map when none came along. In the arena. */
int handoff_open(const struct handoff *h, const struct age_identity *id, struct arena *a,
	struct node **ret, struct error *e);
