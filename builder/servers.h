/* What the verbs about servers share: which one is meant, and how one is shown. */
#pragma once

#include "base.h"

struct arena;
struct buf;
struct ctx;
struct error;
struct provider;
struct server;
struct verb_args;

/* --cloud, as every verb about servers takes it. */
#define OPTION_CLOUD                                                                               \
	{                                                                                          \
		"cloud", "CLOUD", "local (the default)", 0                                         \
	}

/* The cloud of --cloud. ERR_USAGE with a suggestion when there is none of this name. */
int servers_provider(const struct verb_args *a, const struct provider **ret, struct error *e);

/*
 * The server NAME, or the only one when name is NULL. ERR_USAGE: there are several; ERR_FAILED:
 * there is none, or none of this name ("did you mean"; else the names that there are).
 */
int servers_pick(struct ctx *c, const struct provider *p, const char *name, struct arena *a,
	struct server *ret, struct error *e);

/* provider_x() returned CLOUD_ABSENT: it was destroyed in between. Returns negative. */
int servers_gone(const char *name, struct error *e);

/* The lines that "launch" and "status" print for people. */
void server_describe(const struct server *s, struct buf *out);

/* The last word of the server on itself: "ready", "degraded: …"; appended. Nothing when it has none. */
void server_status_text(const struct server *s, struct buf *out);

/* The ssh command line for it, in the arena, NULL-terminated; makes its known_hosts. */
int server_ssh(struct ctx *c, const struct provider *p, const struct server *s, struct arena *a,
	const char *const *command, const char ***ret, struct error *e);

/* Prints one server as JSON, or as server_describe(). */
void server_print(const struct ctx *c, const struct server *s);
