/*
 * Files of the application's repository, as its branch has them now. By the git of this machine: so it is
 * reached with the keys, the agent and the helpers that whoever builds has for it already. Nothing is checked
 * out, no hook runs, nothing is asked for at the terminal.
 */
#pragma once

#include "base.h"

struct buf;
struct error;

struct repository {
	const char *url, *branch;	/* borrowed */
	const char *const *known_hosts; /* lines to trust for ssh, beside the user's; NULL: none */
	char *path;			/* where it was fetched to */
	char commit[41];
};

/* Fetches the branch's tip into the new directory path, which is the caller's to remove. ERR_NETWORK. */
int repository_fetch(struct repository *r, const char *path, struct error *e);
void repository_free(struct repository *r); /* the words, not the directory */

#define REPOSITORY_ABSENT 1 /* there is no such file in it */

/* A file's bytes, appended. More than 4 MiB: ERR_INVALID. */
int repository_read(const struct repository *r, const char *file, struct buf *ret, struct error *e);
