/*
 * A zone at OVH and its name server in one process, behind the HTTP seam and the seam to name servers,
 * with a clock that moves when somebody sleeps. It can die at any call: before it is carried out, after
 * it, or with only its answer lost. (tests/cloud/ovh_double.py is the large one, over the network.)
 */
#pragma once

#include "arena.h"
#include "buf.h"
#include "check.h"
#include "clock.h"
#include "dns_wire.h"
#include "error.h"
#include "exchange.h"
#include "http.h"
#include "json.h"
#include "node.h"
#include "records.h"

#include <arpa/inet.h>
#include <strings.h>

#define FAKE_MAX 32
#define FAKE_URL "http://ovh/1.0"

struct fake_record {
	int64_t id;
	char type[8], name[64], target[64];
	long long ttl;
	int64_t born_ms;
};

enum fake_death { NOT_DYING, DIE_BEFORE, DIE_AFTER, LOSE_ANSWER };

struct fake_zone {
	struct fake_record now[FAKE_MAX], published[FAKE_MAX];
	size_t n, n_published;
	int64_t next_id;
	int64_t lag_get_ms, lag_list_ms; /* until a new record is seen */
	bool zero_id;			 /* what POST answers */
	bool never_done;		 /* isDeployed stays false */
	bool mute;			 /* of the name server */
	bool lost;			 /* refreshes do nothing, this many */
	int busy_after, busy;		 /* so often not deployed yet, after a refresh */
	const char *error;		 /* of the last refresh: the zone is not deployed */
	int error_shown;		 /* so often still, after the next one */
	const char *fails;		 /* what refreshes end with */
	unsigned calls, writes, refreshes;
	unsigned die_at; /* the call, from 1 */
	enum fake_death how;
	const char *reply_to, *reply; /* a path, and what is answered to it with status 200 */
	int64_t now_ms;
	const char *ipv4, *ipv6; /* of the routes */
	const char *delegated;	 /* to whom; NULL: nobody can tell */
};

static inline void fake_add(
	struct fake_zone *z, const char *type, const char *name, const char *target, long long ttl)
{
	struct fake_record *r = &z->now[z->n++];

	check(z->n < FAKE_MAX);
	*r = (struct fake_record){
		.id = 5420906913 + 7 * z->next_id++, .ttl = ttl, .born_ms = INT64_MIN / 2
	};
	snprintf(r->type, sizeof r->type, "%s", type);
	snprintf(r->name, sizeof r->name, "%s", name);
	snprintf(r->target, sizeof r->target, "%s", target);
}

static inline void fake_publish(struct fake_zone *z)
{
	memcpy(z->published, z->now, sizeof z->now);
	z->n_published = z->n;
}

static inline struct fake_record *fake_find(struct fake_zone *z, long long id)
{
	for (size_t i = 0; i < z->n; i++)
		if (z->now[i].id == id)
			return &z->now[i];
	return NULL;
}

static inline void fake_json(const struct fake_record *r, long long id, struct buf *out)
{
	buf_printf(out,
		"{\"id\":%lld,\"zone\":\"example.com\",\"fieldType\":\"%s\",\"subDomain\":\"%s\","
		"\"target\":\"%s\",\"ttl\":%lld}",
		id, r->type, r->name, r->target, r->ttl);
}

static inline void fake_read_body(struct fake_record *r, const struct node *body)
{
	int64_t ttl = 0;

	snprintf(r->name, sizeof r->name, "%s", node_str(node_get(body, "subDomain")));
	snprintf(r->target, sizeof r->target, "%s", node_str(node_get(body, "target")));
	check(node_is_int(node_get(body, "ttl"), &ttl));
	r->ttl = ttl;
}

static inline void fake_list(
	struct fake_zone *z, const char *type, const char *sub, struct buf *out)
{
	size_t k = 0;

	buf_addc(out, '[');
	for (size_t i = 0; i < z->n; i++) {
		struct fake_record *r = &z->now[i];

		/* Loose: what begins so; nothing given gives all. */
		if (strncasecmp(r->type, type, strlen(type)) != 0 ||
			strncasecmp(r->name, sub, strlen(sub)) != 0 ||
			z->now_ms < r->born_ms + z->lag_list_ms)
			continue;
		buf_printf(out, "%s%lld", k++ ? "," : "", (long long)r->id);
	}
	buf_addc(out, ']');
}

static inline long fake_record_call(struct fake_zone *z, const struct http_request *q, long long id,
	const struct node *body, struct buf *out)
{
	struct fake_record *r = fake_find(z, id);

	if (!r || (strcmp(q->method, "GET") == 0 && z->now_ms < r->born_ms + z->lag_get_ms))
		return 404;
	if (strcmp(q->method, "GET") == 0) {
		fake_json(r, r->id, out);
	} else if (strcmp(q->method, "PUT") == 0) {
		fake_read_body(r, body);
	} else {
		check_str(q->method, "DELETE");
		memmove(r, r + 1, (size_t)(&z->now[z->n] - r - 1) * sizeof *r);
		z->n--;
	}
	return 200;
}

static inline void fake_refresh(struct fake_zone *z)
{
	z->refreshes++;
	if (z->fails)
		z->error = z->fails;
	else if (!z->lost)
		fake_publish(z);
	z->lost = false;
	z->busy = z->busy_after;
}

static inline void fake_status(struct fake_zone *z, struct buf *out)
{
	bool shown = z->error && (z->refreshes == 0 || z->fails || z->error_shown-- > 0);

	buf_printf(out, "{\"isDeployed\":%s,\"errors\":[%s%s%s],\"warnings\":[]}",
		z->never_done || z->busy > 0 || shown ? "false" : "true", shown ? "\"" : "",
		shown ? z->error : "", shown ? "\"" : "");
	z->busy -= z->busy > 0;
}

static inline long fake_carry_out(struct fake_zone *z, const struct http_request *q,
	const char *path, const struct node *body, struct buf *out)
{
	char type[16] = "", sub[64] = "";
	long long id;

	if (strcmp(path, "/auth/time") == 0) {
		buf_adds(out, "1800000000");
		return 200;
	}
	check(strncmp(path, "/domain/zone/example.com", 24) == 0);
	path += 24;
	z->writes += strcmp(q->method, "GET") != 0;
	if (sscanf(path, "/record/%lld", &id) == 1)
		return fake_record_call(z, q, id, body, out);
	if (sscanf(path, "/record?fieldType=%15[A-Z]&subDomain=%63s", type, sub) >= 1) {
		fake_list(z, type, sub, out);
	} else if (strcmp(path, "/record") == 0) {
		fake_add(z, node_str(node_get(body, "fieldType")), "", "", 0);
		fake_read_body(&z->now[z->n - 1], body);
		z->now[z->n - 1].born_ms = z->now_ms;
		fake_json(&z->now[z->n - 1], z->zero_id ? 0 : (long long)z->now[z->n - 1].id, out);
	} else if (strcmp(path, "/refresh") == 0) {
		fake_refresh(z);
		buf_adds(out, "null");
	} else if (strcmp(path, "/status") == 0) {
		fake_status(z, out);
	} else if (strcmp(path, "/soa") == 0) {
		buf_adds(out, "{\"ttl\":3600,\"serial\":1}");
	} else {
		check_str(path, "");
		buf_adds(out, "{\"name\":\"example.com\",\"nameServers\":[\"dns104.ovh.net\"]}");
	}
	return 200;
}

static inline int fake_send(void *arg, const struct http_request *q, struct http_response *ret,
	enum http_failure *ret_failure, struct error *e)
{
	struct fake_zone *z = arg;
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *path = q->url + strlen(FAKE_URL);
	struct node *body = NULL;
	bool now = ++z->calls == z->die_at;

	check(strncmp(q->url, FAKE_URL, strlen(FAKE_URL)) == 0);
	if (q->body)
		check_int(json_parse(&body, a, "body", q->body, q->body_len, e), 0);
	*ret_failure = HTTP_MAYBE_SENT;
	/* Whoever is interrupted stops at once and writes nothing more: as good as killed. */
	if (now && z->how == DIE_BEFORE)
		return error_set(e, ERR_INTERRUPTED, "killed");
	if (z->reply_to && strcmp(path, z->reply_to) == 0) {
		buf_adds(&ret->body, z->reply);
		ret->status = 200;
		return 0;
	}
	ret->status = fake_carry_out(z, q, path, body, &ret->body);
	if (!now)
		return 0;
	http_response_free(ret);
	return error_set(e, z->how == DIE_AFTER ? ERR_INTERRUPTED : ERR_NETWORK, "lost");
}

/* --- the name server ------------------------------------------------------------------------------ */

static inline void fake_put16(struct buf *out, unsigned v)
{
	buf_addc(out, (char)(v >> 8));
	buf_addc(out, (char)v);
}

/* What a resolver says of the zone's name servers. */
static inline int fake_delegation(
	const struct fake_zone *z, const struct dns_question *q, struct buf *ret, struct error *e)
{
	_buf_ name = BUF_INIT;

	if (!z->delegated)
		return error_set(e, ERR_NETWORK, "this machine has no resolver");
	check_int(q->type, DNS_NS);
	check_int(dns_query_write(ret, 7, q->name, q->type, true), 0);
	check_int(dns_query_write(&name, 0, z->delegated, 0, false), 0);
	ret->data[2] = (char)0x81; /* a reply, of somebody who asked on */
	ret->data[7] = 1;
	buf_add(ret, "\xc0\x0c", 2);
	fake_put16(ret, DNS_NS);
	fake_put16(ret, 1);
	fake_put16(ret, 0);
	fake_put16(ret, 60);
	fake_put16(ret, (unsigned)name.len - 16);
	buf_add(ret, name.data + 12, name.len - 16);
	return 0;
}

static inline int fake_ask(
	void *arg, const struct dns_question *q, struct buf *ret, struct error *e)
{
	struct fake_zone *z = arg;
	unsigned char bytes[16];
	unsigned n = 0;

	if (!q->server)
		return fake_delegation(z, q, ret, e);
	if (z->mute)
		return error_set(e, ERR_NETWORK, "does not answer: timed out");
	check_int(dns_query_write(ret, 7, q->name, q->type, false), 0);
	ret->data[2] = (char)0x84; /* a reply, authoritative */
	for (size_t i = 0; i < z->n_published; i++) {
		const struct fake_record *r = &z->published[i];
		_cleanup_(arena_freep) struct arena *a = arena_new();
		size_t len = q->type == DNS_A ? 4 : 16;

		if (strcasecmp(dns_full_name(a, r->name, "example.com"), q->name) != 0 ||
			strcmp(r->type, dns_type_name(q->type)) != 0)
			continue;
		check_int(inet_pton(len == 4 ? AF_INET : AF_INET6, r->target, bytes), 1);
		buf_add(ret, "\xc0\x0c", 2);
		fake_put16(ret, q->type);
		fake_put16(ret, 1);
		fake_put16(ret, 0);
		fake_put16(ret, 60);
		fake_put16(ret, (unsigned)len);
		buf_add(ret, bytes, len);
		n++;
	}
	ret->data[7] = (char)n;
	return 0;
}

static inline int fake_source(void *arg, int family, char ret[46], _unused_ struct error *e)
{
	const struct fake_zone *z = arg;
	const char *address = family == AF_INET ? z->ipv4 : z->ipv6;

	snprintf(ret, 46, "%s", address ? address : "");
	return 0;
}

static inline int64_t fake_now(void *arg)
{
	return ((struct fake_zone *)arg)->now_ms;
}

static inline int fake_sleep(void *arg, int64_t ms)
{
	((struct fake_zone *)arg)->now_ms += ms;
	return 0;
}

/* Type, name, target and ttl of all records, one a line, sorted by type, name, target. */
static inline void fake_show(const struct fake_record *v, size_t n, struct buf *out)
{
	char lines[FAKE_MAX][192];

	for (size_t i = 0; i < n; i++) {
		size_t k = i;
		char line[192];

		snprintf(line, sizeof line, "%s %s %s %lld\n", v[i].type,
			*v[i].name ? v[i].name : "@", v[i].target, v[i].ttl);
		for (; k > 0 && strcmp(lines[k - 1], line) > 0; k--)
			memcpy(lines[k], lines[k - 1], sizeof line);
		memcpy(lines[k], line, sizeof line);
	}
	for (size_t i = 0; i < n; i++)
		buf_adds(out, lines[i]);
}
