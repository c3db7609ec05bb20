/*
 * Cinder, the service of volumes. As nova.h in all else. A data volume of kbuild's is named kbuild-NAME and
 * bears metadata kbuild:server=NAME. https://docs.openstack.org/api-ref/block-storage/v3/
 */
#pragma once

#include "base.h"

struct arena;
struct error;
struct node;
struct os;

struct cinder_volume {
	const char *id, *status; /* never NULL; as "available" */
	const char *name;	 /* or NULL */
	const char *server;	 /* whose data volume it is: kbuild:server; NULL: not of kbuild's */
	const char *attached_to; /* id of a server, or NULL */
	const char *zone;
	int64_t size; /* GiB */
	int64_t created;
};
int cinder_volume_read(
	const struct node *n, struct arena *a, struct cinder_volume *ret, struct error *e);
/* All of the project. brief: the caller can do without, so it is not waited for for long. */
int cinder_volumes(struct os *o, const char *region, bool brief, struct arena *a,
	struct cinder_volume **ret, size_t *ret_n, struct error *e);
/* 0 or OS_ABSENT. */
int cinder_get(struct os *o, const char *region, const char *id, struct arena *a,
	struct cinder_volume *ret, struct error *e);
struct cinder_new {
	const char *server; /* whose data volume it will be */
	const char *zone;   /* NULL: the cloud's choice */
	int64_t size;	    /* GiB */
};
/* 0, OS_REFUSED (also quotas), OS_UNSURE: then look by its metadata. */
int cinder_make(struct os *o, const char *region, const struct cinder_new *n, struct arena *a,
	struct cinder_volume *ret, struct error *e);
/* 0, OS_ABSENT; OS_REFUSED: not in a state for that. */
int cinder_delete(struct os *o, const char *region, const char *id, struct error *e);

/* max -1: no limit, or not said. */
struct cinder_limits {
	int64_t max_volumes, volumes, max_gib, gib;
};
int cinder_limits_read(
	const struct node *reply, struct arena *a, struct cinder_limits *ret, struct error *e);
int cinder_limits(struct os *o, const char *region, struct arena *a, struct cinder_limits *ret,
	struct error *e);
