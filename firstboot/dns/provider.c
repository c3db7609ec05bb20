/* The table of providers. */
#include "provider.h"

#include <string.h>

static const struct dns_provider *const providers[] = {
	&dns_provider_ovh,
};

const struct dns_provider *dns_provider_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(providers); i++)
		if (strcmp(providers[i]->name, name) == 0)
			return providers[i];
	return NULL;
}
