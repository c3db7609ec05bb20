/* The rule of "kbuild prune"; see image_prune.h. */
#include "image_prune.h"

#include "provider.h"

#include <string.h>

static bool equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* An administrator has deactivated it: its bytes are there, and he may want to activate it again. */
static bool is_stored(const struct cloud_image *i)
{
	return equal(i->status, "active") || equal(i->status, "deactivated");
}

/* How many newer stored ones there are of its definition in its region. */
static size_t newer(const struct cloud_image *v, size_t i)
{
	size_t n = 0;

	for (size_t k = 0; k < i; k++) {
		n += is_stored(&v[k]) && equal(v[k].definition, v[i].definition) &&
		     equal(v[k].region, v[i].region);
	}
	return n;
}

void image_prune(
	const struct cloud_image *v, size_t n, size_t keep, int64_t now, enum prune_verdict *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (v[i].in_use)
			ret[i] = PRUNE_IN_USE;
		else if (!is_stored(&v[i]))
			ret[i] = now - MAX(v[i].created, v[i].changed) > CLOUD_UPLOAD_MAX_S
					 ? PRUNE_DELETE
					 : PRUNE_BUSY;
		else
			ret[i] =
				v[i].is_protected || newer(v, i) < keep ? PRUNE_KEEP : PRUNE_DELETE;
	}
}
