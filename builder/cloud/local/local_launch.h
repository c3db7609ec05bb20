/* Making a local server: the launch of provider_local. See provider.h for its contract. */
#pragma once

#include "local_state.h"

#include <sys/stat.h>

struct arena;
struct cloud;
struct error;
struct launch_request;

/* A launch on its way. */
struct launch {
	const struct cloud *c;
	const struct launch_request *q;
	struct arena *a;
	struct local_record rec;
	struct stat image;
	uint64_t disk_size;
	bool volume_made; /* a new one: nobody's data is on it */
};

/* As provider.check. */
int local_check(const struct cloud *c, const struct launch_request *q, struct error *e);

/*
 * 0, CLOUD_CONTINUED or CLOUD_SETTLED; the caller then asks for the server by its name. *ret_volume_made: whether it
 * has a data volume that did not come from an earlier server.
 */
int local_launch(const struct cloud *c, const struct launch_request *q, struct arena *a,
	bool *ret_volume_made, struct error *e);

/*
 * Makes up for a launch that was killed between QEMU's start and the record of it: "creating" becomes
 * "booting" where QEMU runs, or has written to the console. d is locked.
 */
int local_launch_began(const struct local_dir *d, struct local_record *rec, struct error *e);

/* The disks, the key and the config drive; fills in rec.identity when the key is the server's own. */
int launch_make_files(struct launch *l, const struct local_dir *d, struct error *e);
bool launch_has_keys(const struct launch_request *q);
