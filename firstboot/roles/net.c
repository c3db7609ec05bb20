/*
 * The net role: the only process of the agent that speaks to the world (but for git). It knows neither
 * secrets beyond the request it is given nor files beyond the certificates, and can start nothing.
 */
#include "net.h"

#include "agent.h"
#include "alloc.h"
#include "confine.h"
#include "error.h"
#include "http.h"
#include "ipc.h"
#include "lookup.h"
#include "node.h"

#include <string.h>

static const struct net_op *const ops[] = {
	&net_dns,
	&net_http,
	&net_mail,
	&net_source,
};

static int enter(_unused_ const struct agent *a, void **ret_state, struct error *e)
{
	static const char *const read[] = { "/etc/ssl", "/usr/share/ca-certificates", NULL };
	struct net *n = xcalloc(1, sizeof *n);
	int r;

	r = lookup_start(e);
	if (r < 0)
		return r;
	n->curl = http_curl_new();
	net_read_resolvers(n);
	*ret_state = n;
	return confine_enter(CONFINE_NET, &(struct confine_files){ .read = read }, e);
}

static int handle(void *state, struct ipc_message *q, struct role_reply *reply, struct error *e)
{
	const char *op = node_str(node_get(q->doc, "op"));

	for (size_t i = 0; op && i < ARRAY_SIZE(ops); i++) {
		if (strcmp(ops[i]->name, op) == 0)
			return ops[i]->run(state, q, reply, e);
	}
	return error_set(e, ERR_FAILED, "the net process does not know '%s'", op ? op : "");
}

const struct role_type role_net = { "net", enter, handle };
