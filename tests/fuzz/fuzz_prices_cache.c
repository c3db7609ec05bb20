/* The file of prices of another day: whatever it holds, no price is negative, and none that is too old counts. */
#include "arena.h"
#include "node.h"
#include "prices.h"
#include "project.h"
#include "provider.h"

#define NOW 1800000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = { NULL, "region", "localzone", "region-3-az" };
	const struct ovh_flavor f = { .name = "d2-2", .hourly = "d2-2.consumption" };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct ovh_prices p;

	if (!prices_of_cache(&p, (const char *)data, size, NOW, a))
		return 0;
	if (!p.currency || !p.subsidiary || p.fetched > NOW || p.fetched < NOW - 86400)
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct cloud_cost cost = { 0 };

		prices_cost(&p, &f, types[i], "classic", 20, &cost);
		if (cost.currency && (cost.server < 0 || cost.volume < 0))
			abort();
	}
	return 0;
}
