/*
 * What apt says when something is wrong, turned into what kbuild says: the kind of failure
 * (network, signature, definition), the suite and URL, and what to do next.
 */
#pragma once

#include "base.h"

struct apt_sources;
struct definition;
struct error;

/* text: standard error of a failed "apt-get update". Sets ERR_LOCK, ERR_NETWORK or ERR_FAILED. */
int apt_update_error(const char *text, const struct apt_sources *sources, struct error *e);

/* text: both outputs of a failed "apt-get install". Sets ERR_INVALID, mostly. */
int apt_install_error(const char *text, const struct definition *def, struct error *e);
