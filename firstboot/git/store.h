/*
 * What the git role keeps and does: STATE/repo.git, STATE/releases, one operation a request. And what the tip
 * role does: one question to the server. client.h has the words that the conductor uses for it.
 */
#pragma once

#include "base.h"

struct agent;
struct error;
struct ipc_message;
struct role_reply;
struct store;

/*
 * Everything that must be opened before the process is confined: library, directories, credential, the lock
 * that lets one process at a time work on the repository. Returns new.
 */
int store_new(struct store **ret, const struct agent *a, struct error *e);

/* What it writes, for confine_enter(); borrowed. */
const char *const *store_directories(const struct store *s);

/* One request of the git role. */
/* Its way to the server; borrowed. */
struct remote *store_remote(struct store *s);
int store_handle(struct store *s, struct ipc_message *q, struct role_reply *reply, struct error *e);
