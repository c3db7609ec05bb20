/*
 * What a launch hands to its server: the operator's secrets, read and checked before anything is made,
 * then sealed to the image and put into the user-data as a file that cloud-init writes.
 */
#pragma once

#include "base.h"

struct arena;
struct ctx;
struct definition;
struct error;
struct launch_request;
struct node;

/*
 * Reads the file of --secrets (YAML or JSON, "-": standard input; NULL: no file) and compares it with what
 * the definition asks an operator for. ERR_INVALID: it is wrong (complaints in the context, without
 * source lines), others may read it, or secrets are missing, each named. In the arena; *ret is NULL
 * without a file.
 */
int launch_secrets(struct ctx *c, const struct definition *def, const char *path, struct arena *a,
	const struct node **ret, struct error *e);

/* Of OpenStack: 65,535 bytes of base64. The smallest of all clouds, so a launch works on each. */
#define HANDED_MAX 49149

/*
 * Adds the handoff to the request's user-data. recipient: of the image, or NULL: then there is nobody to
 * read it, and secrets are an error. ERR_INVALID when it becomes too large.
 */
int launch_handoff(struct launch_request *q, const char *recipient, const struct node *secrets,
	struct arena *a, struct error *e);
