/*
 * Secrets taken out of text that strangers wrote: what a container logged may hold the password it was
 * given. Every value of the environment file becomes "[NAME]".
 */
#pragma once

#include "base.h"

struct agent;
struct buf;
struct mask;

/* Of the application's values; there are none: mask_text() changes nothing. Returns new. */
struct mask *mask_new(const struct agent *a);
void mask_free(struct mask *m);
DEFINE_CLEANUP(struct mask *, mask_free);
void mask_text(const struct mask *m, struct buf *text);
