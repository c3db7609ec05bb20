/*
 * What is looked at: a row a kind of check in checks.c, a function each. A check adds findings; one it cannot
 * make (no such thing here, nobody answers whom it must ask) adds VERDICT_UNKNOWN, which changes nothing.
 */
#pragma once

#include "base.h"

struct agent;
struct arena;
struct error;
struct node;

enum verdict { VERDICT_UNKNOWN, VERDICT_GOOD, VERDICT_BAD };

struct finding {
	const char *name; /* "disk:/", "http:https://…": the same at each run */
	enum verdict verdict;
	const char *text; /* "/ is 91 % full (limit 85 %)": for people */
	double value;	  /* for metrics, with has_value */
	bool has_value;
};

struct findings {
	struct arena *arena;
	struct finding *v;
	size_t n, cap;
};

struct examination {
	struct agent *agent;
	struct arena *arena;	   /* strings of findings live there */
	const struct node *before; /* the state of the last run, or NULL */
	int64_t now;		   /* unix seconds */
	struct findings found;
	bool all_containers; /* each that there is has a finding */
	const struct node
		*first_boot; /* BOOT_STATE, once check_first_boot() has read it; NULL: none */
};

/* Adds one; fmt is its text. Returns it, to be given a value. */
struct finding *finding_add(struct examination *x, enum verdict verdict, const char *name,
	const char *fmt, ...) _printf_(4, 5);
void finding_value(struct finding *f, double value);
/* The one of this name, or NULL. */
const struct finding *finding_find(const struct findings *found, const char *name);

#define CONTAINER_CHECK	 "container:" /* and its name */
#define FIRST_BOOT_CHECK "first-boot"

/* Runs all rows. Never fails: what could not be looked at is a finding. */
void checks_run(struct examination *x);

/* The rows' functions. */
void check_http(struct examination *x);	 /* URLs, and the certificates they answered with */
void check_disks(struct examination *x); /* bytes and inodes */
void check_memory(struct examination *x);
void check_load(struct examination *x);
void check_clock(struct examination *x);      /* is it in sync */
void check_first_boot(struct examination *x); /* steps that failed; before check_units() */
void check_units(struct examination *x);      /* failed ones */
void check_containers(struct examination *x); /* restarting, unhealthy */
void check_backup(struct examination *x);     /* its age */
void check_gitops(struct examination *x);     /* stuck */

/*
 * Whether first boot, whose last walk left this document, should walk again: a failure was a passing one, and that walk
 * ended a while ago; or it is of the application, and a deployment after it succeeded.
 */
bool first_boot_goes_on(const struct node *doc, bool deployed, int64_t now);
/* Asks for that walk where it is so. */
void first_boot_go_on(const struct examination *x);
