/*
 * Data volumes that outlive their server: STATE/volumes/NAME.raw, moved there when the server is removed and
 * back by the next launch of that name. One that was never written to is nobody's data, and goes.
 */
#pragma once

#include "local_state.h"

struct kept_volume;

/* Moves the volume of d out of it, when there is data on it. Once it is out, again: nothing. */
int local_volume_keep(
	const struct local_dir *d, const struct cloud *c, const char *name, struct error *e);
/* Moves a kept one into d, as it is; size: what was asked for. *ret: its size; 0: there is none. */
int local_volume_take(const struct local_dir *d, const struct cloud *c, const char *name,
	uint64_t size, uint64_t *ret, struct error *e);
/* Of a kept one, in bytes; 0: there is none. */
uint64_t local_volume_kept(const struct cloud *c, const char *name);
/* All kept ones, sorted by the name of their server. */
int local_volumes(const struct cloud *c, struct arena *a, struct kept_volume **ret, size_t *ret_n,
	struct error *e);
int local_volume_remove(const struct cloud *c, const char *name, struct error *e);
