/*
 * Addresses of repositories: https://HOST[:PORT]/PATH, ssh://[USER@]HOST[:PORT]/PATH, USER@HOST:PATH.
 * Everything else is refused: git:// and http:// prove nothing, file:// is no server, and a password in
 * an address would end up in messages.
 */
#pragma once

#include "base.h"

struct error;

#define REPO_URL_MAX 2048

struct repo_url {
	bool ssh;
	char *user; /* ssh only: "git" when not given */
	char *host; /* without brackets */
	char *port; /* "443", "22" */
	char *path; /* https: "/a/b.git", as it is sent; ssh: as the server's git-upload-pack gets it */
};
#define REPO_URL_INIT                                                                              \
	{                                                                                          \
	}

/* Returns new parts in ret. ERR_INVALID with what is wrong. */
int repo_url_parse(const char *text, struct repo_url *ret, struct error *e);
void repo_url_free(struct repo_url *u); /* leaves REPO_URL_INIT; for _cleanup_ */
