/* What the files of the policy share. Nobody else includes this. */
#pragma once

#include "policy.h"

struct look {
	const struct policy *p;
	struct verdict *v;
	const char *where;	    /* what is looked at now: "services.web" */
	const char *name;	    /* its last part: "web" */
	const struct node *service; /* all of it */
	const char *publisher;	    /* the service that publishes to the world, once there is one */
};

/* A key that is known, and what is allowed to stand there: NULL, anything. */
struct rule {
	const char *key;
	int (*check)(struct look *l, const char *key, const struct node *value);
};

int refuse(struct look *l, const char *key, const char *fmt, ...) _printf_(3, 4);

/* Each key of the map by its rule; one without a rule is refused. x-… is for people, and allowed. */
int check_keys(struct look *l, const struct node *map, const struct rule *rules);
/* Compose writes keys that say nothing: null, false, "", [], {}. */
bool policy_says_nothing(const struct node *n);
/* That a value is one of these words (NULL-terminated), or absent. */
int check_word(struct look *l, const char *key, const struct node *value, const char *const *words);

/* A service's mounts, ports, and what a service's network and volume may be. */
int check_mounts(struct look *l, const char *key, const struct node *list);
int check_ports(struct look *l, const char *key, const struct node *list);
int check_volumes_from(struct look *l, const char *key, const struct node *list);
/* Whether another service is the one that has the engine's socket: what leads into it leads to the machine. */
bool policy_has_socket(const struct look *l, const char *service);
/* A rule: a name as the engine's own pattern has it; Compose passes others on, "/" as a volume among them. */
int policy_check_name(struct look *l, const char *key, const struct node *value);
/* A rule: nothing that is made outside of the application. */
int policy_no_external(struct look *l, const char *key, const struct node *value);
int check_network(struct look *l, const struct node *network);
int check_volume(struct look *l, const struct node *volume);
/* A top-level config or secret. */
int check_file(struct look *l, const struct node *file);
