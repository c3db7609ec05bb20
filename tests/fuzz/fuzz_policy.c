/*
 * Rendered compose documents. What may run is read a second time by other eyes: whatever the policy
 * lets through must hold none of the ways out that are named here.
 */
#include "arena.h"
#include "error.h"
#include "json.h"
#include "node.h"
#include "policy.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is(const struct node *n, const char *word)
{
	return node_str(n) && strcmp(node_str(n), word) == 0;
}

static void judge_again(const struct policy *p, const struct node *service)
{
	const struct node *mounts = node_get(service, "volumes");
	bool yes = false;

	if (node_is_bool(node_get(service, "privileged"), &yes) && yes)
		abort();
	if (is(node_get(service, "pid"), "host") || is(node_get(service, "network_mode"), "host") ||
		is(node_get(service, "ipc"), "host") || node_str(node_get(service, "runtime")))
		abort();
	for (size_t i = 0; mounts && mounts->kind == NODE_LIST && i < mounts->n; i++) {
		const char *source = node_str(node_get(mounts->items[i], "source"));

		if (is(node_get(mounts->items[i], "type"), "bind") &&
			(!source || !policy_inside(p, source)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct policy p = { .release = "/release" };
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct node *services;
	struct error e = { 0 };
	struct verdict v;
	struct node *doc;

	if (json_parse(&doc, arena, "fuzz", (const char *)data, size, &e) < 0)
		return 0;
	if (policy_check(&p, doc, &v)) {
		if (!*v.where || !*v.why)
			abort();
		return 0;
	}
	services = node_get(doc, "services");
	for (size_t i = 0; i < services->n; i++)
		judge_again(&p, services->items[i]);
	return 0;
}
