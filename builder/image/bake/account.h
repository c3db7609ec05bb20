/* Looking names up in a tree's own /etc/passwd and /etc/group: the host's names mean nothing there. */
#pragma once

#include "base.h"

struct account {
	uid_t uid;
	gid_t gid;
	char home[256];
};

#define ACCOUNT_ABSENT 1 /* there is no such name */

/* 0, ACCOUNT_ABSENT or -errno. */
int account_user(int root, const char *name, struct account *ret);
int account_group(int root, const char *name, gid_t *ret);
