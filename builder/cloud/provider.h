/*
 * Clouds as one table of operations. Today one row, "local" (QEMU on this machine); openstack and
 * ovh follow. Knows nothing of how images are made: it is given a disk file and user-data.
 */
#pragma once

#include "base.h"

struct arena;
struct clock;
struct error;
struct progress;

enum server_state { SERVER_RUNNING, SERVER_STOPPED, SERVER_ERROR };

struct port_forward {
	unsigned host, guest;
	bool udp;
	const char *address; /* on the host; NULL: 127.0.0.1 */
};

struct server {
	const char *name;
	enum server_state state;
	const char *image;	 /* digest of the disk it was made from */
	const char *definition;	 /* name */
	const char *address;	 /* to reach it by */
	unsigned ssh_port;
	const char *user;	 /* who may log in */
	int64_t created;	 /* unix seconds */
	const char *accel;	 /* "kvm" or "tcg" */
	const char *status;	 /* its last kbuild-status line (JSON), or NULL */
	struct port_forward *forwards;
	size_t n_forwards;
	const char *directory;	 /* where its files are */
};

struct launch_request {
	const char *name;	   /* of the server */
	const char *definition;	   /* name of the definition */
	const char *disk;	   /* raw image file */
	const char *image_digest;
	const char *user_data;
	const char *user;	   /* login name the image makes */
	const char **ssh_keys;	   /* public keys; NULL-terminated; none: one is made for this server */
	uint64_t memory;	   /* bytes */
	unsigned cpus;
	uint64_t disk_size;	   /* of the root disk; 0: as the image */
	uint64_t volume_size;	   /* data volume; 0: none */
	const struct port_forward *forwards;
	size_t n_forwards;
};

struct cloud {
	const char *state_dir;
	const struct clock *clock;
	struct progress *progress;
};

#define CLOUD_ABSENT 1 /* there is no server of this name */

struct provider {
	const char *name;
	int (*launch)(const struct cloud *c, const struct launch_request *q, struct arena *a,
		struct server *ret, struct error *e);
	int (*list)(const struct cloud *c, struct arena *a, struct server **ret, size_t *ret_n,
		struct error *e);
	int (*find)(const struct cloud *c, const char *name, struct arena *a, struct server *ret,
		struct error *e);
	int (*start)(const struct cloud *c, const char *name, struct error *e);
	int (*stop)(const struct cloud *c, const char *name, bool force, struct error *e);
	int (*destroy)(const struct cloud *c, const char *name, struct error *e);
	/* The console from offset on; ret_offset: where to go on. */
	int (*console)(const struct cloud *c, const char *name, uint64_t offset, int out_fd,
		uint64_t *ret_offset, struct error *e);
};

extern const struct provider provider_local;
const struct provider *provider_find(const char *name);
