/* What a launch must know of a definition: who may log in, and the data volume it asks for. */
#pragma once

#include "base.h"

struct definition;

/*
 * The user that gets the keys of the cloud's metadata, as cloud-init chooses: the one marked
 * default in users, the image's own when users is absent or names "default"; NULL when there is
 * none. Returns new.
 */
char *login_user(const struct definition *def);

/* kbuild.server.volume in bytes, 0 when none is asked for. */
uint64_t login_volume(const struct definition *def);
