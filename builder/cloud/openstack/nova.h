/*
 * Nova, the service of servers. Each function is one call; replies are read by field tables, and a member
 * that is missing or wrong is ERR_NETWORK and named. region NULL: the session's.
 * https://docs.openstack.org/api-ref/compute/
 *
 * What kbuild has made bears metadata: kbuild:name (of the server), kbuild:definition, kbuild:image (digest),
 * kbuild:flavor (name), kbuild:intent (digest of the request), kbuild:user, kbuild:settled (its launch is over).
 */
#pragma once

#include "base.h"

struct arena;
struct error;
struct node;
struct os;

/* Flavors are in servers since 2.47; OVH's oldest regions have 2.72. */
#define NOVA_VERSION "2.47"

struct nova_address {
	const char *text, *type, *network; /* "203.0.113.7", "fixed" or "floating", name */
	int64_t version;		   /* 4 or 6 */
};

/* Strings live in the arena of the reply; NULL: not said. */
struct nova_server {
	const char *id, *name, *status; /* never NULL; status as "ACTIVE" */
	const char *task;		/* what is being done with it */
	const char *fault;		/* its message */
	const char *image;		/* id; NULL: booted from a volume */
	const char *flavor;		/* name */
	int64_t vcpus, ram, disk;	/* of the flavor: MiB, GiB; 0: not said */
	const char *key;
	int64_t created;  /* unix seconds */
	int64_t launched; /* likewise: when it first ran; 0: not said */
	bool never_ran;	  /* the cloud says that it never did */
	const char *zone; /* availability zone */
	struct nova_address *addresses;
	size_t n_addresses;
	const char **volumes; /* ids, NULL-terminated */
	const char *tag_name, *tag_definition, *tag_image, *tag_flavor, *tag_intent, *tag_user,
		*tag_settled;
};

int nova_server_read(
	const struct node *n, struct arena *a, struct nova_server *ret, struct error *e);

/*
 * All servers of the project, whoever made them, or (name) those whose mark is that name: what a server is called
 * in the cloud may be changed by a person, and then it is still the same.
 */
int nova_servers(struct os *o, const char *region, const char *name, struct arena *a,
	struct nova_server **ret, size_t *ret_n, struct error *e);
/* The same for who can do without that region, so that it is not waited for for long. */
int nova_servers_brief(struct os *o, const char *region, const char *name, struct arena *a,
	struct nova_server **ret, size_t *ret_n, struct error *e);
/* 0 or OS_ABSENT. */
int nova_get(struct os *o, const char *region, const char *id, struct arena *a,
	struct nova_server *ret, struct error *e);

/* All borrowed; NULL: left out. */
struct nova_new {
	const char *name, *flavor, *image, *network, *key, *group;     /* ids; key: its name */
	const char *zone;					       /* availability zone */
	const char *user_data;					       /* base64 */
	const char *definition, *digest, *flavor_name, *intent, *user; /* for metadata */
};
/* The body, in the arena. */
const char *nova_new_json(const struct nova_new *n, struct arena *a);
/* 0, OS_CONFLICT, OS_REFUSED, OS_UNSURE: then look by name. */
int nova_create(struct os *o, const char *region, const struct nova_new *n, struct arena *a,
	const char **ret_id, struct error *e);
/* 0 or OS_ABSENT. It is gone some time later. */
int nova_delete(struct os *o, const char *region, const char *id, struct error *e);

/* "os-start", "os-stop", "unpause", "resume", "unshelve". 0, OS_ABSENT; OS_CONFLICT: not in this state. */
int nova_act(struct os *o, const char *region, const char *id, const char *action, struct error *e);
/* One more member of its metadata; may be made twice. 0 or OS_ABSENT. */
int nova_mark(struct os *o, const char *region, const char *id, const char *key, const char *value,
	struct error *e);
/* What its console holds. 0, OS_ABSENT (also while there is no console yet), OS_CONFLICT: not yet. */
int nova_console(struct os *o, const char *region, const char *id, struct arena *a,
	const char **ret, struct error *e);
/* Of what was done with a server: the words of the last action that failed, or NULL. */
const char *nova_failure_read(const struct node *reply, struct arena *a);
/* The same, asked for. */
int nova_last_failure(struct os *o, const char *region, const char *id, struct arena *a,
	const char **ret, struct error *e);

/* 0; OS_CONFLICT: it is attached, or not in a state for that; OS_REFUSED, OS_UNSURE. */
int nova_attach(
	struct os *o, const char *region, const char *server, const char *volume, struct error *e);

/* Key pairs belong to the user, not to the project. All of the user's. */
struct nova_key {
	const char *name, *public_key; /* never NULL */
};
int nova_key_read(const struct node *n, struct arena *a, struct nova_key *ret, struct error *e);
int nova_keys(struct os *o, const char *region, struct arena *a, struct nova_key **ret,
	size_t *ret_n, struct error *e);
/* 0, OS_CONFLICT: there is one of this name; OS_REFUSED, OS_UNSURE. */
int nova_key_import(struct os *o, const char *region, const char *name, const char *public_key,
	struct error *e);
int nova_key_delete(struct os *o, const char *region, const char *name, struct error *e);

struct nova_flavor {
	const char *id, *name;	  /* never NULL */
	int64_t vcpus, ram, disk; /* MiB, GiB */
};
int nova_flavor_read(
	const struct node *n, struct arena *a, struct nova_flavor *ret, struct error *e);
/* All, the smallest first. */
int nova_flavors(struct os *o, const char *region, struct arena *a, struct nova_flavor **ret,
	size_t *ret_n, struct error *e);

/* What the project may have and has; max -1: no limit, or not said. */
struct nova_limits {
	int64_t max_servers, servers, max_cores, cores, max_ram, ram, max_keys; /* ram: MiB */
};
int nova_limits_read(
	const struct node *reply, struct arena *a, struct nova_limits *ret, struct error *e);
int nova_limits(struct os *o, const char *region, struct arena *a, struct nova_limits *ret,
	struct error *e);
