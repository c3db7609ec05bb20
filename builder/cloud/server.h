/* A server as any cloud describes it, and how that is said as JSON. */
#pragma once

#include "base.h"

struct arena;
struct buf;

enum server_state {
	SERVER_CREATING, /* a launch is making it, or was killed while it did */
	SERVER_BOOTING,	 /* runs, but its launch has not yet seen it answer */
	SERVER_RUNNING,
	SERVER_STOPPED,
	SERVER_BROKEN, /* what is known of it cannot be read, or it failed; can only be destroyed */
};

struct port_forward {
	unsigned host, guest;
	bool udp;
	const char *address; /* IPv4 on the host, never NULL ("127.0.0.1") */
};

/* All strings live where the provider was told to put them; NULL: not known, or there is none. */
struct server {
	const char *name;
	enum server_state state;
	bool stuck;		/* runs, and gets nowhere until somebody helps: note says why */
	const char *note;	/* why it is in this state, where that needs a word; or NULL */
	const char *image;	/* digest of the disk it was made from, or NULL */
	const char *definition; /* name, or NULL */
	const char *address;	/* to reach it by; NULL: it has none yet */
	unsigned ssh_port;
	const char *user;     /* who may log in, or NULL */
	const char *identity; /* private key file for ssh, or NULL: ssh's own choice */
	int64_t created;      /* unix seconds */
	const char *accel;    /* "kvm" or "tcg"; NULL: the cloud's affair */
	uint64_t memory;      /* bytes; 0: not known */
	unsigned cpus;
	uint64_t volume_size; /* of the data volume, bytes; 0: none */
	bool volume_made;     /* by the launch that returned this: nobody's data is on it */
	const char *status;   /* its last kbuild-status (one JSON object), or NULL */
	struct port_forward *forwards;
	size_t n_forwards;
	const char *directory;	 /* where its files on this machine are (known hosts, key) */
	uint64_t console_offset; /* where the console of the present boot begins */

	/* Of clouds; NULL on local. */
	const char *id, *region, *flavor;
	const char *v4, *v6;   /* public where it has one; address is one of them */
	const char *volume_id; /* of the data volume */
	const char *cost;      /* per month: "6.57 EUR" */

	/* What its agent says of itself (one JSON object); NULL: not asked, or no answer. */
	const char *agent;
	const char *unasked; /* why there is no answer; NULL: there is one, or nobody has asked */
	const char *lacks; /* what is not known of it, as a service did not answer; NULL: nothing */
};

/* A data volume in no use: "destroy" has left it, and the next launch of that name uses it; or it is a copy of one. */
struct kept_volume {
	const char *server; /* the name that it had */
	const char *copy; /* its own name, where kbuild has not given it: destroy leaves it; NULL */
	uint64_t size;	  /* bytes */
	const char *id, *region; /* of clouds; NULL on local */
	const char *path;	 /* on this machine; NULL on clouds */
};

/* What there is in a cloud. Lives in an arena. */
struct server_list {
	struct server *servers; /* sorted by name */
	size_t n;
	struct kept_volume *kept; /* likewise */
	size_t n_kept;
	const char *lacks; /* as in struct server, of all of them, in one line; NULL: it is whole */
	bool partial;	   /* that is about servers, too: a region did not answer */
};

/* "lacks" with one thing more; either may be NULL. In the arena. */
const char *lacks_more(struct arena *a, const char *lacks, const char *more);

/* "running"; for people and for --json alike. */
const char *server_state_name(enum server_state s);
/* [a-z0-9] first, then [a-z0-9-], at most SERVER_NAME_MAX: a directory, a host name, a word. */
#define SERVER_NAME_MAX 48
bool server_name_valid(const char *name);
/* One JSON object, without newline. */
void server_json(const struct server *s, struct buf *out);
void kept_volume_json(const struct kept_volume *v, struct buf *out);
