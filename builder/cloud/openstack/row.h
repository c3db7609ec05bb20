/*
 * The rows of the table of clouds that speak OpenStack: "openstack" itself, and "ovh", which is openstack
 * with other ways in, prices, and rules of its regions. What differs stands in hooks; all operations
 * are shared.
 */
#pragma once

#include "os.h"
#include "pace.h"
#include "provider.h"

#include "buf.h"
#include "http.h"

struct launching;
struct row;

/* What a cloud adds. Strings that hooks return live in row.arena, or in the arena given. */
struct row_hooks {
	const char *title; /* for messages: "OVH" */
	/* The public network where nobody names one; NULL: the one that Neutron calls external. */
	const char *network;
	/*
	 * Reads configuration, asks nothing of the network; may keep its own in row.own. NULL on ret->from
	 * is allowed: access() completes it. ret->region: the default one, if known.
	 */
	int (*open)(struct row *r, struct os_access *ret, struct error *e);
	void (*close)(struct row *r); /* frees row.own; NULL: nothing to free */
	/*
	 * Before the first call of OpenStack: completes how to sign in, may ask the network. NULL: it is. Where
	 * row.looks says so it makes nothing: ROW_NO_USER when there is nobody yet to sign in as, row.no_user says whom.
	 */
	int (*access)(struct row *r, struct os_access *ret, struct error *e);
	/*
	 * Before anything is uploaded or launched in that region: whether that can work there (activated,
	 * takes images of one's own). ERR_FAILED says what to do. NULL: nothing is known.
	 */
	int (*check_region)(struct row *r, const char *region, bool upload, struct error *e);
	/* Whether that flavor can be had there now, beyond what Nova says. NULL: nothing is known. */
	int (*check_flavor)(struct row *r, const char *region, const char *flavor, struct error *e);
	/*
	 * What one server of that flavor (name; NULL: none) and a volume of that many GiB (0: none) cost.
	 * ret->currency stays NULL when no price is known, which is no error. NULL: no prices.
	 */
	int (*price)(struct row *r, const char *region, const char *flavor, uint64_t volume_gib,
		struct arena *a, struct cloud_cost *ret, struct error *e);
};

#define ROW_NO_USER 1

/* The session of such a cloud: cloud.session. */
struct row {
	struct arena *arena; /* lives as long as the session */
	const struct row_hooks *hooks;
	struct cloud cloud;	/* a copy of the one that was opened */
	struct http http;	/* for all calls, of whichever API: paced */
	struct http inner;	/* libcurl, or what the tests gave */
	struct pace pace;	/* of all services and OVH's own API together */
	struct http_curl *curl; /* owned; NULL with http of tests */
	struct os_access access;
	struct os *os; /* owned; made by row_os() */
	void *own;     /* of the hooks */

	/* What check() has found out, for launch(): of launch_parts.h; owned. */
	struct arena *survey;
	struct launching *launching; /* lives in it */

	const char *project;	       /* its id, once row_directory() needed it */
	const char *const *regions[2]; /* what row_regions() found, of servers and of images */
	bool looks; /* for who makes nothing, not even a user to sign in as: plan, doctor */
	const char *no_user; /* such a one has found that there is none yet: its name to be */
	const char *
		lacks; /* the regions in which a server was looked for in vain: they did not answer */
	/* The server that was looked up last, so that its console takes one call. Owned. */
	struct {
		char *name, *id, *region;
	} known;
	/* The console that was read last: what the service keeps is a window that moves. */
	struct {
		char *id;	 /* of the server; NULL: none yet. Owned */
		struct buf text; /* the window as it was */
		uint64_t end;	 /* the offset of its end, counted by us */
	} console;
};

/* For provider.open of each row: makes the session. */
int row_open(struct cloud *c, const struct row_hooks *h, struct error *e);
static inline struct row *row_of(const struct cloud *c)
{
	return c->session;
}

/* OpenStack, signed in when it is first called. ERR_FAILED with row.no_user: there is nobody yet to sign in as. */
int row_os(struct row *r, struct os **ret, struct error *e);
/*
 * The one region of a launch (OS_COMPUTE) or an upload (OS_IMAGE): that of the request, the user's, the configuration's, else the only one of
 * the catalogue. ERR_USAGE names the regions there are.
 */
int row_region(struct row *r, enum os_service service, const char *asked, const char **ret,
	struct error *e);
/* The regions that a list is about: the one that the user or the configuration says, else all. */
int row_regions(struct row *r, enum os_service service, const char *const **ret, struct error *e);
/* As hooks.price, where there may be none. */
int row_price(struct row *r, const char *region, const char *flavor, uint64_t volume_gib,
	struct arena *a, struct cloud_cost *ret, struct error *e);

/* The operations; see provider.h. */
void row_close(struct cloud *c);
int row_check(const struct cloud *c, const struct launch_request *q, struct error *e);
/* row_plan() where there is nobody yet to sign in as: what is known without. */
int row_foresee(struct row *r, const struct launch_request *q, struct arena *a, struct plan *ret,
	struct error *e);
int row_plan(const struct cloud *c, const struct launch_request *q, struct arena *a,
	struct plan *ret, struct error *e);
int row_launch(const struct cloud *c, const struct launch_request *q, struct arena *a,
	struct server *ret, struct error *e);
int row_settle(const struct cloud *c, const char *name, struct error *e);
int row_list(const struct cloud *c, struct arena *a, struct server_list *ret, struct error *e);
int row_find(const struct cloud *c, const char *name, struct arena *a, struct server *ret,
	struct error *e);
int row_inventory(const struct cloud *c, const char *name, struct arena *a, struct plan *ret,
	struct error *e);
int row_cost(const struct cloud *c, const struct server *s, struct arena *a, const char **ret,
	struct error *e);
int row_start(const struct cloud *c, const char *name, struct error *e);
int row_stop(const struct cloud *c, const char *name, bool force, int64_t timeout, struct error *e);
int row_destroy(const struct cloud *c, const char *name, bool with_data, struct error *e);
int row_console(const struct cloud *c, const char *name, uint64_t offset, struct buf *ret,
	uint64_t *ret_offset, struct error *e);
int row_upload(const struct cloud *c, const struct upload_request *q, struct arena *a,
	struct cloud_image **ret, size_t *ret_n, struct error *e);
int row_images(const struct cloud *c, bool whole, struct arena *a, struct image_list *ret,
	struct error *e);
int row_image_delete(const struct cloud *c, const struct cloud_image *i, struct error *e);

/* Nova itself ends a system by force that has not shut down after a minute; then it has to notice. */
#define ROW_STOP_MS 120000

/* All of a row but its name and open(). */
#define ROW_OPERATIONS                                                                             \
	.keeps_interrupted = true, .poll_ms = 3000, .stop_ms = ROW_STOP_MS, .close = row_close,    \
	.check = row_check, .plan = row_plan, .launch = row_launch, .settle = row_settle,          \
	.list = row_list, .find = row_find, .inventory = row_inventory, .cost = row_cost,          \
	.start = row_start, .stop = row_stop, .destroy = row_destroy, .console = row_console,      \
	.upload = row_upload, .images = row_images, .image_delete = row_image_delete

extern const struct provider provider_openstack;
