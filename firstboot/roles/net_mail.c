/* One mail for the conductor; see health/channel_mail.c for the other side. */
#include "net.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "ipc.h"
#include "mail.h"
#include "node.h"

#include <string.h>

#define MAIL_MS	     45000 /* below what the conductor waits */
#define MESSAGE_MAX  MIB
#define PASSWORD_MAX (8 * KIB)

static const char **read_addresses(struct arena *a, const struct node *list)
{
	size_t n = list && list->kind == NODE_LIST ? list->n : 0, k = 0;
	const char **to = arena_alloc(a, (n + 1) * sizeof *to);

	for (size_t i = 0; i < n; i++)
		if (node_str(list->items[i]))
			to[k++] = node_str(list->items[i]);
	return to;
}

static int run(
	_unused_ struct net *n, struct ipc_message *q, struct role_reply *reply, struct error *e)
{
	_buf_ text = BUF_INIT;
	_buf_ password = BUF_INIT;
	_buf_ refused = BUF_INIT;
	int64_t port = 0;
	struct mail m = {
		.server = node_str(node_get(q->doc, "server")),
		.user = node_str(node_get(q->doc, "user")),
		.from = node_str(node_get(q->doc, "from")),
		.to = read_addresses(q->arena, node_get(q->doc, "to")),
		.timeout_ms = MAIL_MS,
		.refused = &refused,
	};
	int r;

	if (!m.server || !m.from || !m.to[0] || q->n_fds < 1 ||
		!node_is_int(node_get(q->doc, "port"), &port))
		return error_set(e, ERR_FAILED, "a mail without server, sender or receiver");
	m.port = (unsigned)port;
	r = ipc_read_fd(q->fds[0], MESSAGE_MAX, &text);
	if (r >= 0 && q->n_fds > 1)
		r = ipc_read_fd(q->fds[1], PASSWORD_MAX, &password);
	if (r < 0)
		return error_errno(e, r, "cannot read a mail");
	m.text = buf_str(&text);
	m.len = text.len;
	m.password = q->n_fds > 1 ? buf_str(&password) : NULL;
	r = mail_send(&m, e);
	if (password.data)
		explicit_bzero(password.data, password.len);
	if (r < 0)
		return r;
	ipc_begin(reply->json);
	ipc_add_str(reply->json, "refused", buf_str(&refused));
	ipc_end(reply->json);
	return 0;
}

const struct net_op net_mail = { "mail", run };
