/* Signing in to the registries that the operator gave credentials for; see gitops.h. */
#include "gitops.h"

#include "arena.h"
#include "broker.h"
#include "buf.h"
#include "credentials.h"
#include "error.h"
#include "ipc.h"
#include "node.h"

#include <string.h>
#include <unistd.h>

#define LOGIN_MS 90000

static int sign_in(const struct agent *a, const char *host, const struct node *who, struct error *e)
{
	const char *password = node_str(node_get(who, "password"));
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	_buf_ request = BUF_INIT;
	_close_ int fd = password ? ipc_memfd(password, strlen(password)) : -1;
	int r;

	if (fd < 0)
		return error_set(e, ERR_INVALID, "the credentials of '%s' have no password", host);
	ipc_begin_op(&request, "docker-login");
	ipc_add_str(&request, "registry", host);
	ipc_add_str(&request, "user", node_str(node_get(who, "user")));
	ipc_end(&request);
	r = broker_call(a, &request, &fd, 1, LOGIN_MS, &m, e);
	return r < 0 ? error_prefix(e, "logging in to %s", host) : 0;
}

int gitops_sign_in(const struct agent *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct error one = { 0 };
	const struct node *all;
	bool failed = false;
	int r = credential_read(a, "registry", arena, &all, e);

	if (r != 0)
		return r < 0 ? r : GITOPS_NO_REGISTRIES;
	for (size_t i = 0; i < all->n; i++) {
		if (sign_in(a, all->keys[i]->str, all->items[i], &one) == 0)
			continue;
		/* The others may be all that is needed; what may pass is what is told. */
		if (!failed || (one.transient && !e->transient))
			*e = one;
		failed = true;
	}
	return failed ? -e->code : 0;
}
