/*
 * The one figure at hand is that of the KoproGo project's infrastructure page: the French grid with 60 g
 * CO2/kWh (it names OVH's GRA11), and a small VPS that draws 10 W all the time, 0.43 kg a month. It is about
 * running, not making, the machine.
 */
#include "carbon.h"

#include "prices.h"

#include <string.h>

#define FRENCH_G_PER_KWH 60
#define SMALL_WATTS	 10
#define SMALL_VCPUS	 2 /* what was called a VPS there; nobody has said what larger ones draw */

/* OVH's places on that grid: Gravelines, Strasbourg, Roubaix, Paris. A number or a zone may follow. */
static bool in_france(const char *region)
{
	static const char *const places[] = { "GRA", "SBG", "RBX", "EU-WEST-PAR" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		size_t n = strlen(places[i]);

		if (strncmp(region, places[i], n) == 0 &&
			strspn(region + n, "0123456789-ABC") == strlen(region + n))
			return true;
	}
	return false;
}

static bool known(const char *region, int64_t vcpus)
{
	return region && in_france(region) && vcpus > 0 && vcpus <= SMALL_VCPUS;
}

int64_t carbon_month(const char *region, int64_t vcpus)
{
	if (!known(region, vcpus))
		return -1;
	return (int64_t)SMALL_WATTS * HOURS_A_MONTH * FRENCH_G_PER_KWH / 1000;
}

const char *carbon_basis(const char *region, int64_t vcpus)
{
	if (known(region, vcpus))
		return "60 g CO2/kWh, French grid, and 10 W for a small server, as the KoproGo project "
		       "publishes for GRA11; without making the machine";
	return region && in_france(region) ? "nobody has published what a server of this size draws"
					   : "nobody has published a figure for this region's grid";
}
