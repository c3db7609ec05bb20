/*
 * What every verb of the agent gets: its configuration, where things are kept, its helpers. Made by
 * main(), passed explicitly. (The broker gets one too, without helpers.)
 */
#pragma once

#include "base.h"
#include "http.h"

struct agent_config;
struct arena;
struct clock;
struct error;
struct node;
struct role;
struct role_type;

struct ctx; /* what common/verb.h calls it */

struct agent {
	const struct agent_config *config; /* NULL for verbs that need none */
	const char *config_path;	   /* --config */
	const char *state_dir;		   /* --state: /var/lib/kbuild */
	int state_fd;			   /* the same, open; -1 when it is not there */
	const char *broker_path;	   /* --broker: /run/kbuild/broker.sock */
	const struct clock *clock;
	bool json;
	bool verbose;
	/* Helpers; NULL until agent_start_roles() made them. */
	struct role *net, *tip, *git, *parse;
	/* Credentials that this run itself took from the handoff, name -> map; NULL: none. Borrowed. */
	const struct node *handed;
	struct arena *arena; /* of what root read for a verb run by hand; NULL: nothing */
};

/* struct ctx is the agent. */
static inline struct agent *agent_of(struct ctx *c)
{
	return (struct agent *)c;
}

enum agent_roles {
	AGENT_NET = 1,
	AGENT_GIT = 2, /* tip and git */
	AGENT_PARSE = 4,
};

/*
 * Starts the roles a verb needs, then confines the calling process itself: neither network nor exec
 * from here on. Called once, first thing in a verb.
 */
int agent_start_roles(struct agent *a, unsigned roles, struct error *e);
void agent_stop_roles(struct agent *a);

/*
 * For verbs that people run by hand: root reads the credentials, then becomes the user that the state
 * directory belongs to, as which the timers run, so that nothing is left there that these cannot read.
 * agent_lock() and agent_start_roles() do this first; what else only root can read is read before.
 */
int agent_become_owner(struct agent *a, struct error *e);

/* The HTTP of the net role: requests are sent there, answers are parsed here. */
struct http agent_http(struct agent *a);

/*
 * The whole verb's lock: an flock on STATE/lock-NAME that the kernel drops at death. AGENT_BUSY when
 * another run of it is at work. The fd is kept open for the life of the process.
 */
#define AGENT_BUSY 1
int agent_lock(struct agent *a, const char *name, struct error *e);
/* The same for a part of a process's life: until *ret, which is the fd, is closed. */
int agent_lock_part(struct agent *a, const char *name, int *ret, struct error *e);
