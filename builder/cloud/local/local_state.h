/*
 * The files of one local server, STATE/servers/NAME/:
 *
 *   server.json   what it is; written first, so that a launch that was killed is found again
 *   base.raw      the image it was made from (a link to it, or a copy)
 *   root.qcow2    what it changed since; grows over base.raw
 *   config.iso    the config drive
 *   volume.raw    its data volume, if it has one
 *   console.log   the serial console of all its boots
 *   id_ed25519    its own ssh key, when none was given
 *   qemu.pid qemu.lock qmp.sock   of the running QEMU; QEMU holds the lock while it lives
 *
 * The directory itself is flock()ed by whoever changes the server. A server is removed by renaming
 * its directory to .removing-… first, so that half a server is never seen.
 */
#pragma once

#include "base.h"

struct arena;
struct buf;
struct cloud;
struct error;
struct port_forward;

enum local_phase {
	PHASE_CREATING, /* not yet started, as far as its launch could write */
	PHASE_BOOTING,	/* QEMU ran, its launch waits for the first answer */
	PHASE_READY,
};

struct local_record {
	const char *definition, *image, *user, *identity; /* as in struct server; may be NULL */
	const char *uuid, *mac, *accel, *cpu;
	const char *address; /* "A/BITS", or NULL: QEMU's choice */
	const char *intent;  /* digest of the request: equal requests continue one another */
	enum local_phase phase;
	int64_t created;
	uint64_t memory, volume_size, console_offset;
	int64_t cpus, ssh_port;
	struct port_forward *forwards;
	size_t n_forwards;
};

struct local_dir {
	int fd;	    /* the directory */
	char *path; /* absolute */
	bool locked;
};
#define LOCAL_DIR_INIT                                                                             \
	{                                                                                          \
		.fd = -1                                                                           \
	}
void local_dir_close(struct local_dir *d); /* unlocks too; the form for _cleanup_ */

/* Opens a server's directory; lock: and waits for whoever works on it (bounded). 0 or CLOUD_ABSENT. */
int local_dir_open(
	struct local_dir *d, const struct cloud *c, const char *name, bool lock, struct error *e);
/* Makes one, locked. There must be none of this name. */
int local_dir_make(struct local_dir *d, const struct cloud *c, const char *name, struct error *e);
/* Removes it with all it holds; d stays open on nothing. Also sweeps removals that were cut off. */
int local_dir_remove(struct local_dir *d, const struct cloud *c, const char *name, struct error *e);
/* The names of all servers, sorted; NULL-terminated, in the arena. */
int local_names(const struct cloud *c, struct arena *a, const char ***ret, struct error *e);

/* server.json. A directory without one holds a server in PHASE_CREATING. */
int local_record_read(
	const struct local_dir *d, struct arena *a, struct local_record *ret, struct error *e);
int local_record_write(const struct local_dir *d, const struct local_record *r, struct error *e);

/* The two halves without the file. */
int local_record_parse(
	const char *text, size_t len, struct arena *a, struct local_record *ret, struct error *e);
void local_record_format(const struct local_record *r, struct buf *out);
