/*
 * Answers of OVH as anybody could write them: the first byte of each piece chooses a status, the rest up
 * to a NUL is the body. Whatever comes, each call ends, and a failed one has words.
 */
#include "arena.h"
#include "clock.h"
#include "error.h"
#include "http.h"
#include "json.h"
#include "node.h"
#include "provider.h"

#include "script.h"

#include <string.h>

static const long statuses[] = { 200, 200, 200, 200, 204, 400, 401, 403, 404, 409, 429, 503 };

static void words(int r, const struct error *e)
{
	if (r < 0 && (e->code != -r || !*e->msg))
		abort();
}

static void use(void *zone, struct arena *a)
{
	const struct dns_provider *p = &dns_provider_ovh;
	struct dns_record r = { 0, "A", "api", "192.0.2.1", 60 };
	struct dns_records found = { 0 };
	const char **servers;
	struct error e = { 0 };
	int64_t ttl;
	bool done;

	words(p->list(zone, &r, a, &found, &e), &e);
	for (size_t i = 0; i < found.n; i++)
		if (!found.v[i].target || !found.v[i].name || !found.v[i].type)
			abort();
	words(p->create(zone, &r, &e), &e);
	words(p->read(zone, &r, a, &e), &e);
	words(p->published(zone, &done, &e), &e);
	words(p->servers(zone, a, &servers, &e), &e);
	words(p->default_ttl(zone, &ttl, &e), &e);
	words(p->publish(zone, &e), &e);
	words(p->remove(zone, &r, &e), &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char signed_keys[] =
		"{\"application_key\":\"a\",\"application_secret\":\"b\","
		"\"consumer_key\":\"c\"}";
	static const char oauth_keys[] = "{\"client_id\":\"a\",\"client_secret\":\"b\"}";
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct script s = { data, size, statuses, ARRAY_SIZE(statuses), NULL, 0 };
	const struct http http = script_http(&s);
	const struct clock clock = script_clock(&s);
	const char *text = size % 2 ? signed_keys : oauth_keys;
	struct node *keys = NULL;
	struct error e = { 0 };
	void *zone = NULL;

	if (json_parse(&keys, a, "keys", text, strlen(text), &e) < 0 ||
		dns_provider_ovh.open(
			&(struct dns_place){ &http, &clock, "example.com", keys }, &zone, &e) < 0)
		abort();
	use(zone, a);
	dns_provider_ovh.close(zone);
	return 0;
}
