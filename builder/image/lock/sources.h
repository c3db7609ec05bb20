/*
 * Where packages come from: the pockets of the release and the extra sources of the definition's
 * apt: key, each with the keys that may sign it. Which mirror the standard ones are fetched from
 * is decided last, and is no part of a lock: mirrors are equal, the signature says so. It is no
 * part of the image either.
 */
#pragma once

#include "base.h"

struct arena;
struct definition;
struct error;

enum apt_base { APT_OWN, APT_MAIN, APT_SECURITY };

struct apt_source {
	const char *id;	    /* "debian/trixie", "extra.NAME/SUITE": as in lock.h */
	enum apt_base base; /* not APT_OWN: uri is the mirror's */
	const char *uri;    /* without a slash at its end; NULL: not known yet (standard ones) */
	const char *suite;  /* ends with a slash: a flat repository, without components */
	const char *components; /* separated by one blank; "" when flat */
	const char *keyring;	/* a file of this machine; NULL: key */
	const char *key;	/* armored text given in the definition */
	const char *key_target; /* where the image has that keyring */
};

struct apt_sources {
	struct apt_source *v;
	size_t n;
	const char *mirror_uri, *security_uri; /* after apt_sources_place() */
	const char *note;		       /* of it, a sentence for the person; or NULL */
};

/* What the definition says; everything lives in the arena. ERR_INVALID, hints included. */
int apt_sources_read(
	struct apt_sources *ret, struct arena *a, const struct definition *def, struct error *e);

/*
 * Fills in the mirror: --mirror, kbuild.base.mirror, apt.primary, or what the build host's own apt
 * uses when it is of the same distribution. The first two are for the security pocket as well: what lies
 * beside them, else apt.security. ERR_INVALID saying what to give when none is known.
 */
int apt_sources_place(struct apt_sources *s, struct arena *a, const struct definition *def,
	const char *mirror, struct error *e);

/* Where the image has kbuild.base.keyring, if its sources need it. */
#define APT_OWN_KEYRING "/etc/apt/keyrings/kbuild-archive.gpg"

/*
 * The same for the image whose tree root_fd is: apt.primary and apt.security, else the mirrors of
 * the tree's own cloud.cfg. A tree without cloud-init is no server's: as above, but for the command line.
 */
int apt_sources_place_image(struct apt_sources *s, struct arena *a, const struct definition *def,
	int root_fd, struct error *e);

/* False when it holds what would end a word or a line of the files that sources are written to. */
bool apt_word_is_safe(const char *s);

/* "key sha256:…" and the like: one line that names all of a source but its mirror. In the arena. */
const char *apt_source_line(const struct apt_source *s, struct arena *a);

/*
 * The mirror that the apt of a machine uses for its own distribution: reads ROOT/etc/os-release,
 * ROOT/etc/apt/sources.list and sources.list.d. NULLs when it is another distribution or none is found.
 */
void host_mirror(const char *root, const char *distribution, struct arena *a, const char **ret_main,
	const char **ret_security);
