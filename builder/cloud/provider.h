/*
 * Clouds as one table of operations. Today one row, "local" (QEMU on this machine); openstack and
 * ovh follow. Knows nothing of how images are made: it is given a disk file and user-data.
 *
 * The cloud is the state: what a launch has made is found again by its name, so a launch that was
 * cut off is continued or replaced by the next one of the same name, never made twice.
 */
#pragma once

#include "base.h"

struct arena;
struct buf;
struct clock;
struct error;
struct progress;

enum server_state {
	SERVER_CREATING, /* a launch is making it, or was killed while it did */
	SERVER_BOOTING,	 /* runs, but its launch has not yet seen it answer */
	SERVER_RUNNING,
	SERVER_STOPPED,
	SERVER_BROKEN, /* what is known of it cannot be read; can only be destroyed */
};

struct port_forward {
	unsigned host, guest;
	bool udp;
	const char *address; /* IPv4 on the host, never NULL ("127.0.0.1") */
};

struct server {
	const char *name;
	enum server_state state;
	bool stuck;		/* runs, and gets nowhere until somebody helps: note says why */
	const char *note;	/* why it is in this state, where that needs a word; or NULL */
	const char *image;	/* digest of the disk it was made from, or NULL */
	const char *definition; /* name, or NULL */
	const char *address;	/* to reach it by */
	unsigned ssh_port;
	const char *user;     /* who may log in, or NULL */
	const char *identity; /* private key file for ssh, or NULL: ssh's own choice */
	int64_t created;      /* unix seconds */
	const char *accel;    /* "kvm" or "tcg" */
	uint64_t memory;      /* bytes */
	unsigned cpus;
	uint64_t volume_size; /* of the data volume, bytes; 0: none */
	const char *status;   /* its last kbuild-status (one JSON object), or NULL */
	struct port_forward *forwards;
	size_t n_forwards;
	const char *directory;	 /* where its files are */
	uint64_t console_offset; /* where the console of the present boot begins */
};

struct launch_request {
	const char *name;	/* of the server */
	const char *definition; /* name of the definition, or NULL */
	const char *disk;	/* raw image file */
	bool disk_immutable; /* nobody writes to it any more: it may be linked instead of copied */
	const char *image_digest; /* or NULL: not known */
	const char *user_data;	  /* or NULL */
	const char
		*user_data_intent; /* compared in its place to tell equal requests; NULL: itself */
	const char *user;	   /* login name the image makes, or NULL */
	const char **
		ssh_keys; /* public keys; NULL-terminated; NULL or none: one is made for this server */
	const char *identity; /* the private key of ssh_keys, or NULL */
	uint64_t memory;      /* bytes */
	unsigned cpus;
	uint64_t disk_size;   /* of the root disk; 0: as the image */
	uint64_t volume_size; /* data volume; 0: none */
	const char *accel;    /* "kvm", "tcg", or NULL: whichever works */
	const struct port_forward *forwards;
	size_t n_forwards;
};

struct cloud {
	const char *state_dir;
	const char *cache_dir;
	const struct clock *clock;
	struct progress *progress;
};

#define CLOUD_ABSENT 1 /* there is no server of this name */
#define CLOUD_CONTINUED                                                                            \
	2 /* launch: found what an equal launch had begun, which is still starting */
#define CLOUD_TIMEOUT	3 /* stop: the system did not end in time and still runs */
#define CLOUD_UNCHANGED 4 /* start, stop: it was so already */

/* All strings in a struct server live in the arena. Times are milliseconds. */
struct provider {
	const char *name;
	/*
	 * What would stop this launch anyway and can be known before there is an image: the name,
	 * ports, memory, programs. Of q->disk nothing is asked.
	 */
	int (*check)(const struct cloud *c, const struct launch_request *q, struct error *e);
	/*
	 * Makes and starts a server; it is SERVER_BOOTING when this returns. Everything that can be
	 * known before (ports, memory, space, programs) is checked before anything is made; what
	 * was made is removed when it fails. 0 or CLOUD_CONTINUED.
	 */
	int (*launch)(const struct cloud *c, const struct launch_request *q, struct arena *a,
		struct server *ret, struct error *e);
	/* Its launch is over: SERVER_RUNNING from now on. 0 or CLOUD_ABSENT. */
	int (*settle)(const struct cloud *c, const char *name, struct error *e);
	/* All of them, sorted by name. */
	int (*list)(const struct cloud *c, struct arena *a, struct server **ret, size_t *ret_n,
		struct error *e);
	int (*find)(const struct cloud *c, const char *name, struct arena *a, struct server *ret,
		struct error *e);
	/* Same disks, same ports. 0, CLOUD_ABSENT, CLOUD_UNCHANGED. */
	int (*start)(const struct cloud *c, const char *name, struct error *e);
	/*
	 * Asks the system to shut down and waits; force: ends it at once.
	 * 0, CLOUD_ABSENT, CLOUD_UNCHANGED, CLOUD_TIMEOUT.
	 */
	int (*stop)(const struct cloud *c, const char *name, bool force, int64_t timeout,
		struct error *e);
	/* Leaves nothing. Works on half-made and broken ones, and when interrupted. 0, CLOUD_ABSENT. */
	int (*destroy)(const struct cloud *c, const char *name, struct error *e);
	/*
	 * Appends what the console holds from offset on, at most some MiB; ret_offset: where to go
	 * on (smaller than offset when it began anew). 0, CLOUD_ABSENT.
	 */
	int (*console)(const struct cloud *c, const char *name, uint64_t offset, struct buf *ret,
		uint64_t *ret_offset, struct error *e);
};

extern const struct provider provider_local;

/* By name, or NULL. provider_names() is NULL-terminated. */
const struct provider *provider_find(const char *name);
const char *const *provider_names(void);

/* "running"; for people and for --json alike. */
const char *server_state_name(enum server_state s);
/* [a-z0-9] first, then [a-z0-9-], at most SERVER_NAME_MAX: a directory, a host name, a word. */
#define SERVER_NAME_MAX 48
bool server_name_valid(const char *name);
/* One JSON object, without newline. */
void server_json(const struct server *s, struct buf *out);
/* "[ADDRESS:]HOST:GUEST[/tcp|/udp]"; the address lives in the arena. ERR_USAGE. */
int port_forward_parse(
	const char *text, struct arena *a, struct port_forward *ret, struct error *e);
