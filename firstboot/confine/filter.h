/* The seccomp filter of each kind of process. */
#pragma once

#include "base.h"
#include "confine.h"

struct error;

/*
 * Loads it. What is known to be dangerous kills; what is not in the list of the kind answers ENOSYS, so
 * that a newer libc can fall back (strict: kills too, which is how the tests run).
 */
int filter_enter(enum confine_kind kind, bool strict, struct error *e);
