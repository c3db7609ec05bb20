/*
 * Name lookups in a process of their own: which system calls they need depends on the machine's NSS
 * modules, so who is confined to the network cannot make them itself.
 *
 * getaddrinfo() and freeaddrinfo() of this program are ours (an executable's come before libc's, also
 * for libcurl and libgit2). Once lookup_start() was called they ask the helper; before, libc.
 */
#pragma once

#include "base.h"

struct error;

/* How the helper gives up its rights, when the NSS modules are loaded. For the red team, too. */
int lookup_confine(struct error *e);

/* Forks the helper of this process. Called once, before the process is confined. */
int lookup_start(struct error *e);
