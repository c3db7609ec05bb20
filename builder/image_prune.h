/* Which of a cloud's images are old. Pure: deletes nothing. */
#pragma once

#include "base.h"

struct cloud_image;

enum prune_verdict {
	PRUNE_KEEP,   /* among the newest of its definition in its region */
	PRUNE_IN_USE, /* there is a server made from it */
	PRUNE_BUSY,   /* it is being uploaded */
	PRUNE_DELETE,
};

/*
 * v: newest first. ret: one verdict each. Those whose bytes are not there (neither active nor deactivated)
 * count for nothing, and are old a day after they last changed: an upload was cut off.
 */
void image_prune(
	const struct cloud_image *v, size_t n, size_t keep, int64_t now, enum prune_verdict *ret);
