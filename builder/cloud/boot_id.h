/* Which boot of this machine it is: what was true in one need not be in the next. */
#pragma once

#include "buf.h"

/* Appends the kernel's id of it, 36 characters. Negative errno. */
int boot_id(struct buf *ret);
