/*
 * Clouds as one table of operations: "local" (QEMU on this machine), "openstack", "ovh". Knows nothing
 * of how images are made: it is given a disk file and user-data.
 *
 * The cloud is the state: what a launch has made is found again by its name, so a launch that was
 * cut off is continued or replaced by the next one of the same name, never made twice.
 */
#pragma once

#include "server.h"

struct arena;
struct buf;
struct clock;
struct error;
struct http;
struct progress;
struct provider;
struct stat;

/* What may reach a server from outside: kbuild.firewall.allow, for the cloud's own firewall. */
struct port_allow {
	const char *protocol; /* "tcp" or "udp" */
	unsigned first, last;
	const char *from; /* CIDR, or NULL: anywhere */
};

struct launch_request {
	const char *name;	/* of the server */
	const char *definition; /* name of the definition, or NULL */
	const char *disk;	/* raw image file; NULL: not known yet (check, plan) */
	const struct stat
		*disk_stat;  /* of disk when it was known by its digest; NULL: it may be any file */
	bool disk_immutable; /* nobody writes to it any more: it may be linked instead of copied */
	const char *image_digest; /* or NULL: not known */
	const char *foreseen;  /* the digest that the image will have once it is built, or NULL */
	const char *user_data; /* or NULL */
	const char
		*user_data_intent; /* compared in its place to tell equal requests; NULL: itself */
	const char *user;	   /* login name the image makes, or NULL */
	const char **
		ssh_keys; /* public keys; NULL-terminated; NULL or none: one is made for this server */
	const char *identity; /* the private key of ssh_keys, or NULL */
	uint64_t memory;      /* bytes */
	unsigned cpus;
	uint64_t disk_size;   /* of the root disk; 0: as the image */
	uint64_t min_disk;    /* what the image needs at least, bytes; 0: not known yet */
	uint64_t volume_size; /* data volume; 0: none */
	const char *accel;    /* "kvm", "tcg", or NULL: whichever works */
	const struct port_forward *forwards;
	size_t n_forwards;

	/* Of local servers; for who plays a cloud with them. */
	const char *address;	  /* "203.0.113.7/24"; NULL: QEMU's choice */
	const char *mac;	  /* NULL: one is drawn */
	const char *config_drive; /* a file; NULL: one is made of user_data and ssh_keys */

	/* Of clouds; local has no use for them. */
	const char *distribution, *version, *architecture; /* of the image; or NULL */
	const char *region;				   /* NULL: the cloud's */
	const char *
		zone; /* availability zone; NULL: beside its data volume, else the cloud's choice */
	const char *flavor;  /* name or id */
	const char *network; /* name or id; NULL: the public one, else the only one */
	const char *key;     /* name of a key pair that is there already; NULL: ssh_keys */
	const struct port_allow *allow; /* NULL: the definition does not say; nothing but 22/tcp */
	size_t n_allow;
	/* Names of those that will follow this one, NULL-terminated, or NULL; for quotas. */
	const char *const *following;
};

/* What something costs a month (730 hours), before tax. */
struct cloud_cost {
	const char *currency;	/* "EUR"; NULL: no price is known */
	int64_t server, volume; /* in 1e-8 of the currency */
	int64_t carbon;		/* grams of CO2e a month; negative: not known */
	const char
		*carbon_basis; /* what that assumes, or why it is not known; NULL: nothing to say */
};

enum plan_state {
	PLAN_THERE, /* it exists and will be used */
	PLAN_MAKE,  /* it would be made */
	PLAN_NOTE,  /* worth knowing, stops nothing */
	PLAN_WRONG, /* stops the launch */
};

struct plan_item {
	const char *what, *name; /* "security group", "kbuild-web" */
	enum plan_state state;
	const char *detail; /* one line, or NULL */
	int64_t price;	    /* a month, in 1e-8 of the plan's currency; 0: nothing, or not known */
	const char *id;	    /* of what there is; NULL: its name says it */
};

/* Items in the order in which a launch makes them. Lives in an arena. */
struct plan {
	const char *region; /* NULL: none */
	const char *currency;
	int64_t carbon; /* this and the next as in struct cloud_cost */
	const char *carbon_basis;
	struct plan_item *items;
	size_t n;
};

/*
 * An image's record without bytes may be somebody's upload for so long after it last changed. It is compared with
 * the cloud's time, so it has to be longer than clocks differ.
 */
#define CLOUD_UPLOAD_MAX_S (24 * INT64_C(3600))

/* An image in the cloud, made by "kbuild upload". Lives in an arena. */
struct cloud_image {
	const char *id, *name, *region;
	const char *digest;	/* of the image, as launch_request.image_digest; NULL: not said */
	const char *sha512;	/* of the stored bytes, as Glance says it; NULL: not said */
	const char *format;	/* "qcow2" */
	const char *definition; /* name, or NULL */
	const char *status;	/* as the cloud says it: "active" */
	const char *user;	/* who may log in, or NULL */
	int64_t created;	/* unix seconds */
	int64_t changed;	/* likewise: its record */
	uint64_t size;		/* bytes that are stored */
	uint64_t min_disk, min_ram; /* bytes */
	size_t in_use;		    /* servers made from it */
	const char *used_by;	    /* their names, "a, b"; NULL: none */
	bool use_unknown;	    /* whether there are any, nobody could say */
	bool is_protected;	    /* somebody has forbidden to remove it */
	bool uploaded;		    /* upload: by this call; false: it was there already */
};

/* What there is of images in a cloud. Lives in an arena. */
struct image_list {
	struct cloud_image *images; /* newest first */
	size_t n;
	const char *lacks; /* as of struct server_list */
	bool partial;	   /* that is about images, too: a region did not answer */
};

struct upload_request {
	const char *disk;	      /* file, raw or qcow2 */
	const struct stat *disk_stat; /* as of launch_request */
	const char *format;	      /* "raw", "qcow2"; NULL: the file says it */
	const char *sha512;	/* of its bytes, where known; NULL: taken while they are sent */
	const char *digest;	/* of the image; the same is never uploaded twice */
	const char *definition; /* name, or NULL */
	const char *distribution, *version; /* "debian", "13"; or NULL */
	const char *architecture;	    /* "amd64", or NULL */
	const char *user;		    /* login name the image makes, or NULL */
	uint64_t min_disk;		    /* bytes; 0: the size of the disk */
	const char *const *regions;	    /* NULL-terminated; NULL: the cloud's one */
};

/* A cloud, opened: made by servers_cloud(), closed by servers_cloud_close(). */
struct cloud {
	const struct provider *provider;
	void *session;	     /* the provider's own; NULL on local */
	const char *account; /* entry of clouds.yaml, or NULL: what the environment says */
	const char *region;  /* that the user chose, or NULL */
	char words[256]; /* what a command needs to mean this cloud and the region that was chosen:
				" --cloud ovh --region GRA11", or "" */
	const char *state_dir;
	const char *cache_dir;
	const struct clock *clock;
	struct progress *progress;
	const struct http *http; /* NULL: libcurl */
	bool verbose;		 /* say how many calls it took */
};

#define CLOUD_ABSENT 1 /* there is no server of this name */
#define CLOUD_CONTINUED                                                                            \
	2 /* launch: found what an equal launch had begun, which is still starting */
#define CLOUD_TIMEOUT	3 /* stop: the system did not end in time and still runs */
#define CLOUD_UNCHANGED 4 /* start, stop: it was so already */
#define CLOUD_SETTLED	5 /* launch: an equal launch has made it, and is over; it runs */
#define CLOUD_RESUMED	6 /* start: it goes on where it was held, which is no boot */

/* All strings in what is returned live in the arena. Times are milliseconds. */
struct provider {
	const char *name;
	/*
	 * An interrupted launch is left as it is, because the next one goes on with it and removing
	 * takes calls that an interrupted program does not make.
	 */
	bool keeps_interrupted;
	int64_t poll_ms; /* how often its console and states may be asked for; 0: as one likes */
	int64_t stop_ms; /* how long stop() is worth waiting for, where nobody says */
	bool forces;	 /* stop() can end a server at once */
	/* find() says where on its console the present boot begins, whoever began it. */
	bool knows_boot;
	/*
	 * Reads what says how to get in, asks nothing of the network. session is set; close() frees it,
	 * and accepts one that was never opened. NULL on local.
	 */
	int (*open)(struct cloud *c, struct error *e);
	void (*close)(struct cloud *c);
	/*
	 * What would stop this launch anyway and can be known before there is an image: the name,
	 * ports, memory, programs, flavor, network, quota. Of q->disk nothing is asked.
	 */
	int (*check)(const struct cloud *c, const struct launch_request *q, struct error *e);
	/*
	 * What a launch would find and make, with all that is wrong as items. Changes nothing.
	 * q->image_digest NULL: the image is not built yet.
	 */
	int (*plan)(const struct cloud *c, const struct launch_request *q, struct arena *a,
		struct plan *ret, struct error *e);
	/*
	 * Makes and starts a server; it is SERVER_BOOTING when this returns. Everything that can be
	 * known before (ports, memory, space, programs) is checked before anything is made. local
	 * removes what was made when it fails; clouds leave it to the next launch, and say what it is,
	 * what it costs and how to remove it. 0, CLOUD_CONTINUED, CLOUD_SETTLED.
	 */
	int (*launch)(const struct cloud *c, const struct launch_request *q, struct arena *a,
		struct server *ret, struct error *e);
	/* Its launch is over: SERVER_RUNNING from now on. 0 or CLOUD_ABSENT. */
	int (*settle)(const struct cloud *c, const char *name, struct error *e);
	/*
	 * All of them, and the data volumes that others have left. That the service of volumes does not answer, or one
	 * region of several, is no error, but said: whoever looks for a server that is in trouble has to see it.
	 */
	int (*list)(
		const struct cloud *c, struct arena *a, struct server_list *ret, struct error *e);
	/* 0 or CLOUD_ABSENT; of volumes as list(). An error where it may be in a region that did not answer. */
	int (*find)(const struct cloud *c, const char *name, struct arena *a, struct server *ret,
		struct error *e);
	/*
	 * All that there is under this name, of a whole server or a half-made one, for who asks before
	 * destroying: PLAN_THERE, and PLAN_NOTE for a data volume. 0 or CLOUD_ABSENT: nothing at all.
	 */
	int (*inventory)(const struct cloud *c, const char *name, struct arena *a, struct plan *ret,
		struct error *e);
	/* What it costs a month, as text in the arena; *ret NULL: nobody knows. NULL: nothing. */
	int (*cost)(const struct cloud *c, const struct server *s, struct arena *a,
		const char **ret, struct error *e);
	/* Same disks, same ports. 0, CLOUD_ABSENT, CLOUD_UNCHANGED, CLOUD_RESUMED. */
	int (*start)(const struct cloud *c, const char *name, struct error *e);
	/*
	 * Asks the system to shut down and waits; force (only where .forces): ends it at once.
	 * 0, CLOUD_ABSENT, CLOUD_UNCHANGED, CLOUD_TIMEOUT.
	 */
	int (*stop)(const struct cloud *c, const char *name, bool force, int64_t timeout,
		struct error *e);
	/*
	 * Leaves nothing but the data volume, and that neither when with_data. A volume that was kept is
	 * used again by the next launch of this name. Works on half-made and broken servers; on local when
	 * interrupted, too. 0, CLOUD_ABSENT.
	 */
	int (*destroy)(const struct cloud *c, const char *name, bool with_data, struct error *e);
	/*
	 * Appends what the console holds from offset on, at most some MiB; ret_offset: where to go
	 * on (smaller than offset when it began anew). 0, CLOUD_ABSENT.
	 */
	int (*console)(const struct cloud *c, const char *name, uint64_t offset, struct buf *ret,
		uint64_t *ret_offset, struct error *e);

	/* Images of kbuild's in the cloud. NULL on local, which boots the file itself. */
	/* One per region, in the order asked for. */
	int (*upload)(const struct cloud *c, const struct upload_request *q, struct arena *a,
		struct cloud_image **ret, size_t *ret_n, struct error *e);
	/*
	 * With who uses them. whole: for who removes them, so that whatever is not known is an error; else it
	 * is said, as of list().
	 */
	int (*images)(const struct cloud *c, bool whole, struct arena *a, struct image_list *ret,
		struct error *e);
	/* 0 or CLOUD_ABSENT. Never asks whether it is in use: who calls has. */
	int (*image_delete)(const struct cloud *c, const struct cloud_image *i, struct error *e);
};

extern const struct provider provider_local;

/*
 * Before there is an image: whether a server of that definition and image digest (each may be NULL) can be what q
 * would make, so that only the launch itself can tell.
 */
bool launch_may_have_made(
	const struct launch_request *q, const char *definition, const char *image);
/* Of such a server, which runs, what a plan says. */
const char *launch_is_there(const struct launch_request *q);

/* "[ADDRESS:]HOST:GUEST[/tcp|/udp]"; the address lives in the arena. ERR_USAGE. */
int port_forward_parse(
	const char *text, struct arena *a, struct port_forward *ret, struct error *e);
