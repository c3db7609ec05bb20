/*
 * The lock: exactly which packages an image is made of, by SHA-256, and which signed indexes said
 * so. A sorted text file made to be reviewed and committed. apt resolves (in a private directory
 * that knows nothing of the host); what builds read is only this.
 */
#pragma once

#include "base.h"

struct apt_sources;
struct arena;
struct buf;
struct definition;
struct error;
struct progress;

enum lock_reason {
	LOCK_ASKED,	  /* by the definition or by the base set of kbuild */
	LOCK_REQUIRED,	  /* by the distribution: Essential, or of Priority required */
	LOCK_DEPENDENCY,  /* of .because */
	LOCK_RECOMMENDED, /* by .because */
};

struct lock_package {
	const char *name, *version, *architecture;
	const char *sha256;
	uint64_t size; /* of the .deb, bytes */
	const char
		*file; /* pool path below the source's URI: "pool/main/a/apt/apt_3.0_amd64.deb" */
	const char *source;  /* lock_source.id */
	const char *because; /* the package that wants it, or NULL when asked */
	enum lock_reason reason;
	bool essential; /* of the first transaction: unpacked by hand, then configured */
	bool automatic; /* apt's mark: may go when nothing needs it */
};

struct lock_source {
	const char *id; /* "debian/trixie", "debian-security/trixie-security", "extra.NAME/SUITE" */
	const char *uri; /* NULL: the default mirror (not part of the lock: mirrors are equal) */
	const char *suite, *components;
	const char *sha256;	 /* of InRelease */
	const char *date;	 /* its Date, ISO 8601 UTC */
	const char *fingerprint; /* of the key that signed it, 40 hex digits */
};

/* A container image of the application, where kbuild.app.images is bake. */
struct lock_container {
	const char *reference; /* as the Compose file says, its variables replaced */
	const char *sha256;    /* of its manifest for the lock's architecture */
	uint64_t size;	       /* of that manifest, bytes */
};

struct lock {
	struct arena *arena;
	const char *path;
	const char *distribution, *release, *architecture;
	bool recommends;
	const char *
		*asked; /* what was asked of apt: base set and packages, sorted; NULL-terminated */
	const char **inputs; /* other inputs of the resolution, one readable line each, sorted */
	struct lock_source *sources;
	size_t n_sources;
	struct lock_package *packages; /* sorted by name */
	size_t n;
	const char *
		application; /* the commit whose Compose file named the images; NULL: none are baked */
	struct lock_container *containers; /* sorted by reference */
	size_t n_containers;
	struct apt_sources *placed; /* lock_uris(): made on the first call */
	char digest[65];	    /* SHA-256 over the whole file: names the package set */
};

#define LOCK_ABSENT 1 /* lock_read(): there is no such file */

int lock_read(struct lock **ret, const char *path, struct error *e);
int lock_write(const struct lock *l, const char *path, struct error *e);
/*
 * The first lock of a definition. Of two builds that made one at the same time the first counts: *l is replaced by it,
 * and LOCK_THERE returned.
 */
int lock_write_first(struct lock **l, const char *path, struct error *e);
#define LOCK_THERE 1
/* The same without a file. What lock_parse() accepts, lock_format() writes back byte by byte. */
int lock_parse(struct lock **ret, const char *name, const char *text, size_t len, struct error *e);
void lock_format(const struct lock *l, struct buf *out);
void lock_free(struct lock *l);
DEFINE_CLEANUP(struct lock *, lock_free);

/*
 * The date of the newest index that it names, in unix seconds: what "now" is in the image, so that
 * the same lock gives the same image whenever it is built.
 */
int64_t lock_date(const struct lock *l);

/* "FILE.lock"; returns new. */
char *lock_path(const char *definition_path);

/* 0 when the lock answers this definition, else ERR_LOCK naming what is stale and what to run. */
int lock_check(const struct lock *l, const struct definition *def, struct error *e);

struct lock_request {
	const struct definition *def;
	const char *cache_dir;	/* the private apt directories live below it */
	const char *mirror;	/* --mirror, or NULL */
	const struct lock *old; /* Dates must not go back behind it; NULL: none */
	bool offline;		/* resolve with the indexes at hand */
	struct progress *progress;
};

/* Updates the indexes, verifies, resolves. Returns new. ERR_LOCK: signature, key, Date; ERR_NETWORK. */
int lock_resolve(struct lock **ret, const struct lock_request *q, struct error *e);

/*
 * Adds what lock_resolve() cannot know: the application's commit and its images, sorted, all in the lock's
 * arena. The digest is made anew.
 */
void lock_set_containers(
	struct lock *l, const char *commit, struct lock_container *containers, size_t n);

/* What changes from old to new (old NULL: everything is new), for people. Returns the number of changes. */
size_t lock_diff(const struct lock *old, const struct lock *new, struct buf *out);
/* The same as members of a JSON object: "sources":[…],"changes":[…],"containers":[…]. */
size_t lock_diff_json(const struct lock *old, const struct lock *new, struct buf *out);

/*
 * The URLs to try for a locked package, mirror first; NULL-terminated, in the lock's arena. Empty
 * when no mirror is known.
 */
const char **lock_uris(struct lock *l, const struct definition *def, const char *mirror,
	const struct lock_package *p);

/*
 * The apt configuration that the image itself shall have (sources, keyrings, preferences, apt.conf):
 * written below root, the tree being baked.
 */
int lock_write_apt_config(const struct definition *def, int root_fd, struct error *e);
