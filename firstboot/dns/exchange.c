/* The conductor's side of roles/net_dns.c. */
#include "exchange.h"

#include "agent.h"
#include "buf.h"
#include "dns_wire.h"
#include "error.h"
#include "ipc.h"
#include "node.h"
#include "role.h"

#include <stdio.h>
#include <sys/socket.h>

#define ASK_MS 60000 /* the role's own bounds, for all addresses of a server, are below this */

static int ask(void *arg, const struct dns_question *q, struct buf *ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	struct agent *a = arg;
	_buf_ request = BUF_INIT;
	int r;

	ipc_begin_op(&request, "dns");
	ipc_add_str(&request, "server", q->server);
	ipc_add_str(&request, "name", q->name);
	ipc_add_int(&request, "type", q->type);
	ipc_end(&request);
	r = role_call(a->net, &request, NULL, 0, ASK_MS, &m, e);
	if (r < 0)
		return r;
	if (m.n_fds != 1)
		return error_set(e, ERR_FAILED, "the net process gave no answer that can be read");
	r = ipc_read_fd(m.fds[0], DNS_SIZE_MAX, ret);
	return r < 0 ? error_errno(e, r, "cannot read an answer of the net process") : 0;
}

static int source(void *arg, int family, char ret[46], struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	struct agent *a = arg;
	_buf_ request = BUF_INIT;
	const char *address;
	int r;

	ipc_begin_op(&request, "source");
	ipc_add_bool(&request, "ipv6", family == AF_INET6);
	ipc_end(&request);
	r = role_call(a->net, &request, NULL, 0, ASK_MS, &m, e);
	if (r < 0)
		return r;
	address = node_str(node_get(m.doc, "address"));
	snprintf(ret, 46, "%s", address ? address : "");
	return 0;
}

struct dns_exchange dns_exchange_of(struct agent *a)
{
	return (struct dns_exchange){ ask, source, a };
}
