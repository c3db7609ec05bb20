/*
 * What the engine has to know of a rendered Compose document, service by service. The document is
 * foreign: it is read in the parse process (roles/parse_plan.c), which answers this table; a document
 * holds secrets (its environments), this table does not.
 */
#pragma once

#include "base.h"

struct agent;
struct arena;
struct error;
struct node;

struct plan_service {
	const char *name;
	const char *hash;  /* SHA-256 of its definition and of the networks, volumes … it names */
	const char *image; /* as the document has it; once pulled: by digest */
	const char *config; /* Compose's own hash of it while it was good, or NULL */
	const char *
		alone; /* the hash of a container that Compose makes without what it depends on, or NULL: that one */
	int64_t replicas;
	bool stateful; /* has a named volume, is the database, or label kbuild.stateful=true */
	bool keeps_image; /* is the database, or label kbuild.stateful=true: whatever its tag means by now */
	bool nameless;	/* has a volume without a name, which stays with its container */
	bool database;	/* what is backed up */
	bool restarts;	/* its restart policy starts it again whatever it ended with */
	bool retries;	/* … when it ended badly */
	bool oneshot;	/* has one thing to do, and ends: ended well is well, whatever its policy */
	bool unsafe;	/* label kbuild.rollback=unsafe */
	bool dump;	/* label kbuild.dump=before: dump the databases before it is replaced */
	bool named;	/* container_name: there can be only one of it */
	bool published; /* has ports on the host: likewise */
	int64_t memory; /* its limit in bytes; 0: none */
	const char *
		data; /* its named volumes, "TARGET NAME" a line; NULL: none, or it may begin with others */
	const char **shares; /* the services whose name spaces it is in; NULL: it has its own */
	const char
		*drain; /* label kbuild.drain: a file that makes its health check fail; or NULL */
};

struct plan {
	const char *address; /* where its port for the health URL is published, or NULL: anywhere */
	struct plan_service *services;
	size_t n;
};

/*
 * The table of a rendered document, as a tree that the ledger keeps with its revision. doc: the fd the
 * broker gave, at any offset.
 */
int plan_table(struct agent *a, int doc, struct arena *arena, struct node **ret, struct error *e);
/* Sets key ("image", "config") of a service's row in a table; one that is not there: nothing. */
void plan_set(struct node *table, struct arena *arena, const char *service, const char *key,
	const char *value);
/* A table as C sees it; borrows from it. ERR_FAILED when it is none. */
int plan_parse(const struct node *table, struct arena *arena, struct plan *ret, struct error *e);

/*
 * A service differs when its definition does, or the image its tag now means. The image alone does not
 * count for one that keeps it: a database is not restarted because somebody moved a tag. old may be NULL.
 */
bool plan_differs(const struct plan_service *new, const struct plan_service *old);

/* NULL: there is none of this name. */
const struct plan_service *plan_find(const struct plan *p, const char *name);

/* Whether a list, NULL-terminated or NULL, has this name. */
bool plan_names(const char *const *names, const char *name);

/* It has one thing to do, and nothing starts it again when that is done: until it has ended it is not well. */
bool plan_is_awaited(const struct plan_service *s);

/* Whether a service is in the name spaces of another one, or another one in its. */
bool plan_shares(const struct plan *p, const struct plan_service *s);
/* Of the plan's services those of these names, and who is in their name spaces, and in theirs; in the arena. */
const char **plan_with_sharers(const struct plan *p, struct arena *arena, const char *const *names);
