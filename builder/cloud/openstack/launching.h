/*
 * A launch on its way, as a table of steps, each of which looks for what it would make before it makes it.
 * What is looked up first (the survey) is also what "plan" shows and what "check" complains about.
 */
#pragma once

#include "row_parts.h"

#include "cinder.h"
#include "neutron.h"
#include "nova.h"
#include "zones.h"

#define USER_DATA_MAX 49149 /* bytes; 65,535 characters of base64 */

struct launching {
	struct row *row;
	struct os *os;
	const struct launch_request *q;
	struct arena *a;    /* lives as long as this */
	struct arena *poll; /* owned: the last list that was asked for while waiting */
	const char *region, *intent;
	const char *tag;       /* kbuild-NAME */
	const char *directory; /* on this machine */
	int64_t looked;	       /* when the survey was made, on the clock */

	const struct nova_server *server; /* of this name; NULL: none */
	bool broken;			  /* it will never start: replaced */
	bool other_flavor;		  /* of a plan without an intent: than is asked for */
	const struct nova_flavor *flavor, *flavors;
	size_t n_flavors;
	const struct neutron_network *network, *networks;
	size_t n_networks;
	const char *image; /* id; NULL: not uploaded yet, or not asked */
	bool image_asked;
	const char *disk_sha512;   /* of a disk that nobody has named; NULL: it has a name */
	bool image_unproven;	   /* there is one, and nobody has compared its bytes */
	const char *key;	   /* name of the key pair to use */
	size_t n_keys;		   /* that the user has */
	bool key_there, key_stale; /* stale: of that name, another key */
	const struct neutron_group *group;
	const struct cinder_volume *volume; /* NULL: none yet */
	bool volume_made, group_made;	    /* by this launch */
	struct zones zones;
	const char *zone;	 /* where the server has to be; NULL: anywhere */
	const char *volume_zone; /* likewise its volume */
	bool rules_made;	 /* of the group: they are as wanted */

	struct plan *plan; /* of a survey: what is found goes there */
	struct plan made;  /* what this launch has made or found, for the words of a failure */
	const char *sent;  /* the name of the image that it has uploaded; NULL: none */
};

/* One step. Functions return 0, negative, or (make) an os_outcome. */
struct launch_step {
	const char *what;
	/* Whether this launch needs it at all; NULL: yes. */
	bool (*wanted)(const struct launching *l);
	/* Asks the cloud and fills l. NULL: nothing to ask before. */
	int (*look)(struct launching *l, struct error *e);
	/* Puts what was found, what would be made, and what is wrong, into l->plan. NULL: nothing. */
	void (*show)(struct launching *l);
	/* True: nothing is to be made. NULL with make NULL: a step that only looks. */
	bool (*there)(const struct launching *l);
	/* One attempt. OS_UNSURE, OS_CONFLICT: again() tells whether it is there. */
	int (*make)(struct launching *l, struct error *e);
	int (*again)(struct launching *l, struct error *e);
	/* Until what was made can be used. NULL: at once. */
	int (*wait)(struct launching *l, struct error *e);
	/* Nothing keeps the cloud from making two: see row_pending_begin(). */
	bool twice;
};
extern const struct launch_step launch_steps[];
extern const size_t launch_n_steps;

/* launch_look.c: what is there. */
int look_server(struct launching *l, struct error *e);
/* It will never start, or is on its way out: a launch replaces it. */
bool launch_is_broken(const struct nova_server *s);
int look_flavor(struct launching *l, struct error *e);
int look_network(struct launching *l, struct error *e);
int look_image(struct launching *l, struct error *e);
int look_key(struct launching *l, struct error *e);
int look_group(struct launching *l, struct error *e);
int look_volume(struct launching *l, struct error *e);
int look_zone(struct launching *l, struct error *e);
/* launch_quota.c: whether the project may have one more. */
int look_quota(struct launching *l, struct error *e);

/* launch_show.c: what that means, as items of l->plan. */
void show_server(struct launching *l);
void show_flavor(struct launching *l);
void show_network(struct launching *l);
void show_image(struct launching *l);
void show_key(struct launching *l);
void show_group(struct launching *l);
void show_volume(struct launching *l);
void show_zone(struct launching *l);
/* Adds a PLAN_WRONG. */
void launch_wrong(struct launching *l, const char *what, const char *name, const char *fmt, ...)
	_printf_(4, 5);

/* launch_wants.c: what this launch wants. */

/* 22/tcp where nobody says anything: else nobody could ever come in. */
const struct port_allow *launch_allow(const struct launch_request *q, size_t *ret_n);
/* Whether a server of that flavor can hold this image. */
bool flavor_fits(const struct launching *l, const struct nova_flavor *f);
/* An existing server has its image and key already. */
bool launch_makes_server(const struct launching *l);

/* launch_make.c: the making. */
int replace_broken(struct launching *l, struct error *e);
int make_image(struct launching *l, struct error *e);
int make_key(struct launching *l, struct error *e);
int make_group(struct launching *l, struct error *e);
int make_rules(struct launching *l, struct error *e);
int make_volume(struct launching *l, struct error *e);
int make_server(struct launching *l, struct error *e);
int attach_volume(struct launching *l, struct error *e);
int look_attached(struct launching *l, struct error *e);
bool is_attached(const struct launching *l);
/* Rules that must come; and ids of ingress rules that must go. In the arena. */
size_t launch_missing_rules(const struct launching *l, struct neutron_rule **ret);
size_t launch_extra_rules(const struct launching *l, const char ***ret);
/* launch_wait.c: until it can be used. */
int wait_volume(struct launching *l, struct error *e);
int wait_server(struct launching *l, struct error *e);
int wait_attached(struct launching *l, struct error *e);

/* Requests with equal digests mean the same server. NULL: the image is not known yet. */
const char *launch_intent(const struct launching *l);
/* All that is wrong in a plan, as one error. 0: nothing is. */
int launch_wrong_items(const struct plan *p, struct error *e);
/* Prices, on the items that cost, from that one on: of the server and of its volume. */
int launch_add_prices(struct launching *l, struct plan *p, size_t from, struct error *e);
/* What check() has found is of no use any more. */
void launch_forget(struct row *row);

/* Makes and fills l, in its arena; plan gets the items. Nothing is made in the cloud. */
int launch_survey(struct row *row, const struct launch_request *q, struct arena *a,
	struct plan *plan, struct launching **ret, struct error *e);
