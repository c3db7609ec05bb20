/*
 * HTTP through the net role: the request goes there as a message (its body as a file), the answer
 * comes back with the body as a file. See agent_http() in agent.h and roles/net_http.c.
 */
#include "agent.h"

#include "buf.h"
#include "error.h"
#include "ipc.h"
#include "json.h"
#include "node.h"
#include "role.h"

#include <string.h>

#define DEFAULT_MS  60000		       /* as in http.h */
#define BODY_MS	    (INT64_C(6) * 3600 * 1000) /* a body from a file may be gigabytes on a slow line */
#define GRACE_MS    5000
#define DEFAULT_MAX (16 * MIB)

static void add_headers(struct buf *m, const struct http_header *h)
{
	_buf_ list = BUF_INIT;

	buf_addc(&list, '[');
	for (; h && h->name; h++) {
		buf_adds(&list, list.len > 1 ? ",[" : "[");
		json_write_string(&list, h->name, strlen(h->name));
		buf_addc(&list, ',');
		json_write_string(&list, h->value, strlen(h->value));
		buf_addc(&list, ']');
	}
	buf_addc(&list, ']');
	ipc_add(m, "headers", buf_str(&list));
}

static void write_request(const struct http_request *q, struct buf *m)
{
	ipc_begin_op(m, "http");
	ipc_add_str(m, "method", q->method);
	ipc_add_str(m, "url", q->url);
	add_headers(m, q->headers);
	ipc_add_int(m, "timeout_ms", q->timeout_ms);
	ipc_add_int(m, "max", (int64_t)q->max);
	ipc_add_bool(m, "redirects", q->redirects);
	ipc_add_str(m, "connect_to", q->connect_to);
	ipc_add_bool(m, "stream", q->body_fd > 0);
	ipc_add_int(m, "body_len", (int64_t)q->body_len);
	ipc_end(m);
}

static int read_answer(
	struct ipc_message *m, size_t max, struct http_response *ret, struct error *e)
{
	const struct node *headers = node_get(m->doc, "headers");
	int64_t status;
	int r;

	if (!node_is_int(node_get(m->doc, "status"), &status) || m->n_fds != 1)
		return error_set(e, ERR_FAILED, "the net process gave no answer that can be read");
	for (size_t i = 0; headers && i < headers->n; i++) {
		const struct node *pair = headers->items[i];

		if (pair->kind == NODE_LIST && pair->n == 2 && node_str(pair->items[0]) &&
			node_str(pair->items[1]))
			http_response_add(ret, node_str(pair->items[0]), node_str(pair->items[1]));
	}
	r = ipc_read_fd(m->fds[0], max, &ret->body);
	if (r < 0)
		return error_errno(e, r, "cannot read an answer of the net process");
	(void)node_is_int(node_get(m->doc, "certificate_ends"), &ret->certificate_ends);
	ret->status = (long)status;
	return 0;
}

static int send_by_role(void *arg, const struct http_request *q, struct http_response *ret,
	enum http_failure *ret_failure, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	struct agent *a = arg;
	_buf_ request = BUF_INIT;
	_close_ int memory = -1;
	int fd = q->body_fd > 0 ? q->body_fd : -1, r;
	int64_t wait = q->timeout_ms ? q->timeout_ms : q->body_fd > 0 ? BODY_MS : DEFAULT_MS;
	int64_t failure;

	if (!a->net)
		return error_set(e, ERR_FAILED, "this command has no network");
	if (fd < 0 && q->body) {
		fd = memory = ipc_memfd(q->body, q->body_len);
		if (fd < 0)
			return error_errno(e, fd, "cannot hand over a request");
	}
	write_request(q, &request);
	if (ret_failure)
		*ret_failure = HTTP_MAYBE_SENT;
	r = role_call(a->net, &request, &fd, fd >= 0, wait + GRACE_MS, &m, e);
	if (r < 0)
		return r;
	/* No answer of the server is an answer of the role, which says how it failed. */
	if (node_is_int(node_get(m.doc, "failure"), &failure)) {
		const char *why = node_str(node_get(m.doc, "why"));

		if (ret_failure)
			*ret_failure = (enum http_failure)failure;
		return error_set(e, ERR_NETWORK, "%s", why ? why : "no answer");
	}
	return read_answer(&m, q->max ? q->max : DEFAULT_MAX, ret, e);
}

struct http agent_http(struct agent *a)
{
	return (struct http){ .send = send_by_role, .arg = a };
}
