/*
 * The key pair of an image, in age's form: launch seals what the operator hands to a server to its
 * public half, the private half ships in the image (/etc/kbuild/image.key).
 *
 * It is random to everybody else, but this builder makes the same one for the same inputs, so that the
 * same image comes out bit for bit: it is derived from the inputs' digest and a secret of the builder,
 * STATE/image-secret, made when first needed. Whoever shall make the same images (CI and a laptop) is
 * given that file. Nobody gets from one image's key to another's.
 */
#pragma once

#include "base.h"

struct age_identity;
struct error;
struct progress;

/* inputs: the digest of what the image is made from. ret: wipe it. */
int image_key(const char *state_dir, const char *inputs, struct age_identity *ret,
	struct progress *p, struct error *e);
/* Whether there is a secret yet, for who would not have it made. */
bool image_key_has_secret(const char *state_dir);
