/* Before something is removed for good. */
#pragma once

#include "base.h"

struct error;

/* Asks on a terminal; elsewhere --yes is the only way. what: "the server 'web', its root disk". ERR_CONFIRM, ERR_INTERRUPTED. */
int confirm_removal(const char *what, struct error *e);
