/* What the agent is compiled from, as this program carries it: common/, firstboot/, units/agent/. */
#pragma once

#include "base.h"

struct error;

/* A tar compressed by xz, and the SHA-256 of what is in it: equal digests, equal sources. */
extern const unsigned char agent_tar[] __attribute__((visibility("hidden")));
extern const size_t agent_tar_size;
extern const char agent_tar_digest[];

/* Unpacks them below a directory that is empty. */
int agent_sources_unpack(int dirfd, struct error *e);
