/* What the verbs about servers share: which one is meant, and how one is shown. */
#pragma once

#include "base.h"

struct arena;
struct buf;
struct cloud;
struct ctx;
struct definition;
struct error;
struct provider;
struct server;
struct verb_args;

/* --cloud and --region, as every verb about servers takes them. */
#define OPTION_CLOUD                                                                                                                   \
	{ "cloud", "CLOUD",                                                                                                            \
		"local, ovh, openstack, or openstack:NAME of clouds.yaml (default: the definition's, else $KBUILD_CLOUD, else local)", \
		0 },                                                                                                                   \
	{                                                                                                                              \
		"region", "REGION",                                                                                                    \
			"of the cloud (default: the definition's, else what its configuration says)",                                  \
			0                                                                                                              \
	}

/* All clouds, in the order of help. NULL-terminated. */
const struct provider *const *clouds(void);

/*
 * The word for the cloud that is meant: --cloud; without it kbuild.server.cloud of the definition (NULL: there is
 * none), else $KBUILD_CLOUD, else "local". What a definition says goes before the environment, so that who
 * has that set to a cloud that costs money can still try a definition that is for this machine.
 */
const char *servers_cloud_name(const struct verb_args *a, const struct definition *def);

/*
 * Opens that cloud. The region: --region, else the definition's. Asks nothing of the network. ERR_USAGE with a suggestion when there
 * is no cloud of this name; else as provider.open(). What is in it borrows from all three.
 */
int servers_cloud(struct ctx *c, const struct verb_args *a, const struct definition *def,
	struct cloud *ret, struct error *e);
void servers_cloud_close(struct cloud *c); /* the form for _cleanup_; accepts {} */

/* A definition that a verb about servers reads for what it says of them. Returns new. */
int servers_definition(struct ctx *c, const char *path, struct definition **ret, struct error *e);

/*
 * The server NAME, or the only one when name is NULL. ERR_USAGE: there are several; ERR_FAILED:
 * there is none, or none of this name ("did you mean"; else the names that there are).
 */
int servers_pick(const struct cloud *cloud, const char *name, struct arena *a, struct server *ret,
	struct error *e);
/* The same on the cloud of the verb's options: what most verbs begin with. */
int servers_open(struct ctx *c, const struct verb_args *a, const char *name, struct cloud *ret,
	struct arena *arena, struct server *ret_server, struct error *e);

/* Tells the person, also with --quiet, what a list or a server lacks (see server.h); NULL: nothing. */
void servers_lack(const struct ctx *c, const char *lacks);

/* provider_x() returned CLOUD_ABSENT: it was destroyed in between. Returns negative. */
int servers_gone(const char *name, struct error *e);

/* The lines that "launch" and "status" print for people. */
void server_describe(const struct cloud *cloud, const struct server *s, struct buf *out);

/* A row of that, when there is a value; and what the agent says of itself (server.agent, or NULL) as rows. */
void server_row(struct buf *out, const char *what, const char *value);
void server_agent_text(const char *agent, int64_t now, struct buf *out);

/* The last word of the server on itself: "ready", "degraded: …"; appended. Nothing when it has none. */
void server_status_text(const struct server *s, struct buf *out);

/*
 * The ssh command line for it, in the arena, NULL-terminated; makes its known_hosts. patience_s: for programs,
 * which answer no questions, wait so long for a connection, and a minute for a server that has fallen silent;
 * 0: for a person.
 */
int server_ssh(const struct cloud *cloud, const struct server *s, unsigned patience_s,
	struct arena *a, const char *const *command, const char ***ret, struct error *e);
/* Keeps the host keys that it printed, while its console still has them. */
void server_learn_keys(const struct cloud *cloud, const struct server *s);
/* What a command there says. */
struct server_output {
	struct buf *out; /* its standard output; NULL: that is ours as it comes, its errors, too */
	struct buf *err; /* the end of its errors; NULL: not kept */
	uint64_t passed; /* how many bytes of its standard output became ours */
};
/*
 * Runs a command there. Returns its exit status; SERVER_UNREACHED: there was no connection, or it broke.
 * timeout_ms 0: as long as the server lives.
 */
#define SERVER_UNREACHED 255
int server_run(const struct cloud *cloud, const struct server *s, const char *const *command,
	struct server_output *o, int64_t timeout_ms, struct error *e);
/* SERVER_UNREACHED as an error: which of both it was. Returns negative. */
int server_unreached(const struct server *s, const struct server_output *o, struct error *e);

/*
 * Asks the server itself: s->agent, by ssh, bounded, else s->unasked says why not; and s->status from its console
 * then. What gives no answer is left as it is.
 */
void server_ask(const struct cloud *cloud, struct server *s, struct arena *a);

/* "3 h"; of seconds. */
void age_text(int64_t seconds, struct buf *out);

/* Prints one server as JSON, or as server_describe(). */
void server_print(const struct ctx *c, const struct cloud *cloud, const struct server *s);
