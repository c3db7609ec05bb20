/*
 * One Public Cloud project at OVH, as its native API shows it: what it is, where it is active, what it
 * offers there and how much of it is left. Reads only, but for project_activate().
 */
#pragma once

#include "base.h"

struct arena;
struct error;
struct node;
struct ovh;

/* Where calls go. All borrowed. */
struct native {
	struct ovh *api;
	const char *project; /* its id, not escaped */
};

struct ovh_project {
	const char *id, *name, *status, *access, *plan;
};

/*
 * The project named by wanted, else the account's only one; its id, in the arena. ERR_FAILED: there is none, or
 * there are several, each named; or the key may not list them.
 */
int project_choose(
	struct ovh *api, const char *wanted, struct arena *a, const char **ret, struct error *e);

/* ERR_FAILED with what to do where it does not exist, or is not in use (suspended, being deleted). */
int project_read(const struct native *n, struct arena *a, struct ovh_project *ret, struct error *e);

struct ovh_region {
	const char *name, *type, *status, *place; /* "GRA11", "region", "UP", "GRA" */
};

/* What a region is wanted for. */
enum region_use {
	REGION_SERVERS = 1, /* compute, network, volumes: not the storage-only ones */
	REGION_IMAGES = 2,  /* images of one's own: local zones refuse them */
};

/* Names of the regions that are active, sorted, NULL-terminated; in the arena. */
int project_regions(const struct native *n, struct arena *a, const char ***ret, struct error *e);
/* Of those that could be activated. */
int project_regions_available(
	const struct native *n, struct arena *a, const char ***ret, struct error *e);
/*
 * One region, which must be active, up and fit for its use (region_use, ORed). ERR_FAILED says what is
 * wrong, how to activate it, and which ones are active.
 */
int project_region(const struct native *n, const char *name, unsigned use, struct arena *a,
	struct ovh_region *ret, struct error *e);
/* Asks for its activation; it shows in project_regions() some time later. */
int project_activate(const struct native *n, const char *region, struct error *e);

struct ovh_flavor {
	const char *id, *name, *region, *os; /* os: "linux" */
	int64_t ram, disk, vcpus;	     /* MB, GB */
	int64_t quota;			     /* how many more; -1: not said */
	bool available;
	const char *hourly, *monthly; /* plan codes of the catalogue; NULL: none */
};

struct ovh_flavors {
	const char *region;
	struct ovh_flavor *v;
	size_t n;
};

/* All for Linux in that region; in the arena. */
int project_flavors(const struct native *n, const char *region, struct arena *a,
	struct ovh_flavors *ret, struct error *e);
/* By name or id, or NULL. */
const struct ovh_flavor *flavor_find(const struct ovh_flavors *f, const char *name);
/*
 * The same, and it can be had now. ERR_FAILED: there is none of this name ("did you mean"), or it is sold
 * out, or its quota is used up.
 */
int flavor_pick(const struct ovh_flavors *f, const char *name, const struct ovh_flavor **ret,
	struct error *e);

/* max -1: unlimited, or not said. */
struct ovh_limit {
	int64_t max, used;
};

struct ovh_quota {
	const char *region;
	struct ovh_limit instances, cores, ram; /* ram: MB */
	struct ovh_limit volumes, gigabytes;
	struct ovh_limit networks, floating_ips;
	struct ovh_limit key_pairs; /* used is not said: 0 */
};

int project_quota(const struct native *n, const char *region, struct arena *a,
	struct ovh_quota *ret, struct error *e);
/* How many more; INT64_MAX where there is no limit. */
int64_t limit_left(const struct ovh_limit *l);

/* The project's private images in a region, as the native API has them (uploads too). */
struct ovh_image {
	const char *id, *name, *status;
	int64_t mib;
};
int project_images(const struct native *n, const char *region, struct arena *a,
	struct ovh_image **ret, size_t *ret_n, struct error *e);
