/*
 * What `kbuild doctor` looks at. A check is a row of a table: it says one thing or several, each ok, a warning
 * or a failure, with the command that mends it. A check that cannot be made is a failure too; none of them
 * changes anything, nor makes kbuild's own OpenStack user at OVH: where there is none yet, OpenStack is not
 * looked into.
 */
#pragma once

#include "base.h"

struct arena;
struct buf;
struct cloud;
struct ctx;
struct definition;
struct error;
struct http;
struct node;
struct os;
struct ovh_session;

enum doctor_verdict { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor_finding {
	enum doctor_verdict verdict;
	const char *area;  /* "machine", "ovh", "openstack", "dns" */
	const char *check; /* "clock" */
	const char *text;  /* one line */
	const char *mend;  /* a command, or what to do; NULL where nothing is to mend */
};

struct doctor {
	struct ctx *c;
	struct arena *arena;
	const struct http *http;
	const struct definition *def; /* or NULL */
	const char *file;	      /* its path, or NULL */
	const char *cloud;	      /* "local", "ovh", "openstack" */
	const char *project;	      /* --project, or NULL */
	const char *region;	      /* that is meant, or NULL: not known (yet) */
	const char *zone;	      /* of kbuild.dns, or NULL */

	int64_t volume_gib; /* of the definition; 0: none */
	int64_t vcpus, ram; /* of its flavor, MiB; 0: not known */

	const char **zone_servers; /* as OVH has them; NULL: not known */
	const struct node *rules;  /* of the consumer key; NULL: not read */
	struct ovh_session *ovh;   /* set by the first check of OVH; owned by the verb */
	bool project_known;	   /* the project was found and is in use */
	const char
		*open_error;  /* why the cloud could not be opened; NULL: it could, or needs not */
	struct cloud *opened; /* the cloud, once it could be opened; owned by the verb */
	struct os *os;	      /* signed in to OpenStack; NULL: not (yet) */

	const char *area; /* of the table at work */
	struct doctor_finding *v;
	size_t n, cap, count[3]; /* count: by verdict */
};

struct doctor_check {
	const char *name; /* of what it says where it fails as a whole */
	/* Negative: it could not be made, which is told as a failure of that name. */
	int (*run)(struct doctor *d, struct error *e);
	bool (*applies)(const struct doctor *d); /* NULL: always */
	const char *mend;			 /* where it fails as a whole */
};

/* Adds a finding. mend is borrowed for the life of the arena; NULL: with DOCTOR_OK only. */
void doctor_say(struct doctor *d, enum doctor_verdict v, const char *check, const char *mend,
	const char *fmt, ...) _printf_(5, 6);
/*
 * The finding "clock": our clock against another's ("OVH"). Certificates' ends, the dates of backups and what
 * servers are told depend on it, though signing in here does not.
 */
void doctor_say_clock(struct doctor *d, int64_t ahead_s, const char *whose);

/* A quota. max -1: no limit, or not said. */
struct doctor_limit {
	const char *what; /* "quota: servers" */
	int64_t max, used, wanted;
};
/* Its finding: a failure where there is no room for what is wanted, a warning where there is none for it twice. */
void doctor_say_limit(struct doctor *d, const struct doctor_limit *l, const char *mend);
/* That of key pairs, which are counted for each OpenStack user, and nobody tells how many there are. */
void doctor_say_key_pairs(struct doctor *d, int64_t max, const char *mend);
/* Walks a table, ended by {}. Negative only when interrupted. */
int doctor_walk(
	struct doctor *d, const char *area, const struct doctor_check *checks, struct error *e);

/* The tables. */
extern const struct doctor_check doctor_machine[], doctor_ovh[], doctor_openstack[], doctor_dns[];

/* All findings for people, or as one object of JSON. */
void doctor_print(const struct doctor *d, struct buf *out);
void doctor_json(const struct doctor *d, struct buf *out);
