/*
 * Images that came in the disk image (the definition says images: bake): an archive to be loaded once, and which
 * id the references of the Compose file have. Loading tells the engine tags only, so an image that is
 * asked for by digest is found here. Root's alone: who could write here would choose what is loaded.
 */
#pragma once

#include "base.h"

struct arena;
struct broker;
struct error;

/*
 * The id of a baked image ("sha256:…"), in the arena; NULL: none of this reference was baked. That it was
 * does not mean that it is (still) in the engine.
 */
const char *baked_id(const struct broker *b, const char *reference, struct arena *a);

/*
 * Loads the archives that are there, and removes each when it was: its bytes are in the engine then. *ret: how
 * many. Cut off anywhere, it can be done again.
 */
int baked_load(const struct broker *b, size_t *ret, struct error *e);
