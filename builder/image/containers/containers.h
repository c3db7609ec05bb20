/*
 * Container images in the disk image (kbuild.app.images: bake): found in the application's Compose file when
 * the lock is written, loaded into the store by digest, laid into the tree as one archive that the
 * engine loads at first boot. No engine runs while building.
 *
 *   IMAGES/images.tar    as "docker load" takes it: configurations, layers as the registry has them, names
 *   IMAGES/images.json   which id a reference of the Compose file has, because loading tells only tags
 */
#pragma once

#include "base.h"

struct clock;
struct definition;
struct diags;
struct error;
struct http;
struct lock;
struct node;
struct progress;
struct store;

/*
 * Root's alone: what lies here is loaded into the engine. The agent's broker knows the same place; its own
 * state is another directory, which an image must not have.
 */
#define CONTAINERS_DIR "var/lib/kbuild-images"

struct containers {
	const struct definition *def;
	struct lock *lock;
	const struct http *http;
	const struct clock *clock;
	const struct node *registries; /* {HOST: {user, password}}; NULL: no credentials */
	const char *cache_dir;
	bool offline;
	struct progress *progress;
	struct diags *diags; /* gets complaints about the Compose file */
};

/*
 * Reads the Compose file of the application's branch, asks its registries for the manifests, and adds both
 * to the lock. ERR_INVALID: what is wrong with the Compose file is in diags; ERR_NETWORK.
 */
int containers_lock(const struct containers *c, struct error *e);

/*
 * Makes sure that all that the lock's images consist of is in the store of blobs: resumed, compared, nothing
 * asked for when it is there. Errors as of store_fetch().
 */
int containers_fetch(const struct containers *c, struct store *blobs, struct error *e);

/*
 * Writes the archive into the tree, and which ids the references have. The same lock gives the same bytes.
 * A blob that was damaged on disk is removed from the store: ERR_LOCK.
 */
int containers_bake(const struct lock *l, struct store *blobs, int root_fd, struct progress *p,
	struct error *e);
