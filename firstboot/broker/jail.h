/*
 * Where Compose reads a repository's files. It takes them for trusted: "env_file: /etc/shadow" would be
 * read, "extends" and "include" may lead anywhere. So it reads them in namespaces of its own, as the
 * user that wrote them, seeing the release, programs' libraries, and nothing else: no /etc, no socket, no
 * network. What is not there cannot be read, whatever the next version of Compose may learn to follow.
 */
#pragma once

#include "base.h"

struct args;
struct broker;
struct buf;
struct error;

/* Where the release is inside, and so what begins every path of a rendered document. */
#define JAIL_RELEASE "/release"
/*
 * A second compose file, to be named after the repository's: its one key becomes "$$" in a rendered
 * document in which a "$" is written so, and "$" in one where it is not (Compose has changed that).
 */
#define JAIL_CANARY	"/canary.yaml"
#define JAIL_CANARY_KEY "x-kbuild"

struct jail {
	int release_fd;		  /* the release's directory */
	const char *commit;	  /* what it is of: KBUILD_COMMIT, whole, and KBUILD_COMMIT_SHORT */
	const char *env;	  /* its secrets' file, relative to the release; NULL: none */
	const struct buf *values; /* what stands in it: put there for this one run */
};

/*
 * Runs docker-compose (args->v[0]) there, in JAIL_RELEASE. Its output is in out, at most 4 MiB; what it
 * wrote to standard error in err. Returns the exit status, or negative. Needs root.
 */
int jail_run(const struct broker *b, const struct jail *j, const struct args *a, struct buf *out,
	struct buf *err, struct error *e);
