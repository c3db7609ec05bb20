/*
 * A private apt directory: own configuration, lists, cache and status, below the cache and under
 * the digest of its sources. The apt of the build host is only run, never configured by the
 * host's files and never let near the host's state.
 */
#pragma once

#include "base.h"

struct apt_source;
struct apt_sources;
struct arena;
struct buf;
struct definition;
struct error;
struct progress;

/* One Packages file of a source. */
struct apt_index {
	const char *path;
	const struct apt_source *source;
	const char *name; /* as in its Release: "main/binary-amd64/Packages" */
};

struct aptdir {
	char *path;
	int lock;
	struct arena *arena;
	const struct apt_sources *sources;
	const char **keyrings;	   /* of each source: a file gpgv can read */
	struct apt_index *indexes; /* in the order of the sources; after aptdir_indexes() */
	size_t n;
};
#define APTDIR_INIT                                                                                \
	{                                                                                          \
		.lock = -1                                                                         \
	}

/* Waits for other kbuilds that use it. Sources must have their URIs, and outlive it. */
int aptdir_open(struct aptdir *d, const char *cache_dir, const struct apt_sources *sources,
	const struct definition *def, struct progress *p, struct error *e);
void aptdir_close(struct aptdir *d);

/* Fetches the indexes that changed. ERR_NETWORK; ERR_LOCK when a signature or a hash is wrong. */
int aptdir_update(struct aptdir *d, struct progress *p, struct error *e);

/* Learns which index files there are; an empty one counts for none. */
int aptdir_indexes(struct aptdir *d, struct error *e);

/*
 * Runs apt-get; args are NULL-terminated. Its exit status, with both outputs in the buffers; or
 * negative when it could not be run.
 */
int aptdir_run(struct aptdir *d, const char *const *args, struct buf *out, struct buf *err,
	struct error *e);

/* The whole environment of programs run in it, NULL-terminated, in its arena. */
const char **aptdir_environment(struct aptdir *d);

/* Writes a file below it, when its text differs. */
int aptdir_write(struct aptdir *d, const char *path, const char *text, size_t len, struct error *e);

/*
 * What the definition tells apt besides sources: the preferences of write_files, and of apt.conf
 * the settings that change a resolution. ERR_INVALID when apt cannot read apt.conf.
 */
int aptdir_steer(struct aptdir *d, const struct definition *def, struct error *e);
