/* One HTTP exchange for the conductor; see core/http_role.c for the other side. */
#include "net.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "http.h"
#include "ipc.h"
#include "json.h"
#include "node.h"

#include <string.h>

#define BODY_MAX (16 * MIB) /* of a request from memory */

static int64_t number(const struct node *doc, const char *key)
{
	int64_t n = 0;

	return node_is_int(node_get(doc, key), &n) && n > 0 ? n : 0;
}

static const struct http_header *read_headers(struct arena *a, const struct node *list)
{
	size_t n = list && list->kind == NODE_LIST ? list->n : 0, k = 0;
	struct http_header *h = arena_alloc(a, (n + 1) * sizeof *h);

	for (size_t i = 0; i < n; i++) {
		const struct node *pair = list->items[i];

		if (pair->kind == NODE_LIST && pair->n == 2 && node_str(pair->items[0]) &&
			node_str(pair->items[1]))
			h[k++] = (struct http_header){ node_str(pair->items[0]),
				node_str(pair->items[1]) };
	}
	return h;
}

static int write_answer(
	const struct http_response *answer, struct role_reply *reply, struct error *e)
{
	_buf_ list = BUF_INIT;
	int fd;

	buf_addc(&list, '[');
	/* Room for the rest of the message: a server that sends more headers than this has too many. */
	for (size_t i = 0; i < answer->n_headers && list.len < IPC_MAX / 2; i++) {
		const struct http_header *h = &answer->headers[i];

		if (strlen(h->value) > 8 * KIB)
			continue;
		buf_adds(&list, list.len > 1 ? ",[" : "[");
		json_write_string(&list, h->name, strlen(h->name));
		buf_addc(&list, ',');
		json_write_string(&list, h->value, strlen(h->value));
		buf_addc(&list, ']');
	}
	buf_addc(&list, ']');
	fd = ipc_memfd(buf_str(&answer->body), answer->body.len);
	if (fd < 0)
		return error_errno(e, fd, "cannot hand over an answer");
	reply->fds[reply->n_fds++] = fd;
	ipc_begin(reply->json);
	ipc_add_int(reply->json, "status", answer->status);
	ipc_add_int(reply->json, "certificate_ends", answer->certificate_ends);
	ipc_add(reply->json, "headers", buf_str(&list));
	ipc_end(reply->json);
	return 0;
}

static int run(struct net *n, struct ipc_message *q, struct role_reply *reply, struct error *e)
{
	_cleanup_(http_response_free) struct http_response answer = HTTP_RESPONSE_INIT;
	const struct http http = http_curl_seam(n->curl);
	enum http_failure failure = 0;
	_buf_ body = BUF_INIT;
	bool stream = false, redirects = false;
	struct http_request request = {
		.method = node_str(node_get(q->doc, "method")),
		.url = node_str(node_get(q->doc, "url")),
		.connect_to = node_str(node_get(q->doc, "connect_to")),
		.headers = read_headers(q->arena, node_get(q->doc, "headers")),
		.timeout_ms = number(q->doc, "timeout_ms"),
		.max = (size_t)number(q->doc, "max"),
	};
	int r;

	(void)node_is_bool(node_get(q->doc, "stream"), &stream);
	(void)node_is_bool(node_get(q->doc, "redirects"), &redirects);
	request.redirects = redirects;
	if (!request.method || !request.url)
		return error_set(e, ERR_FAILED, "a request without method or URL");
	if (stream && q->n_fds == 1) {
		request.body_fd = q->fds[0];
		request.body_len = (size_t)number(q->doc, "body_len");
	} else if (q->n_fds == 1) {
		r = ipc_read_fd(q->fds[0], BODY_MAX, &body);
		if (r < 0)
			return error_errno(e, r, "cannot read a request's body");
		request.body = buf_str(&body);
		request.body_len = body.len;
	}
	r = http_send(&http, &request, &answer, &failure, e);
	if (r >= 0)
		return write_answer(&answer, reply, e);
	ipc_begin(reply->json);
	ipc_add_int(reply->json, "failure", failure);
	ipc_add_str(reply->json, "why", e->msg);
	ipc_end(reply->json);
	return 0;
}

const struct net_op net_http = { "http", run };
