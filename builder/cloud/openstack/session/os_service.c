/* The services: what they are called, and the versions that kbuild speaks. */
#include "os_parts.h"

#include "arena.h"

#include <ctype.h>
#include <string.h>

/*
 * The types that a service has in catalogues, in the order of liking; all names of one thing. version is what
 * kbuild speaks, as it stands in paths; NULL: none.
 */
static const struct {
	const char *name, *version;
	const char *types[OS_TYPES_MAX];
} services[] = {
	[OS_IDENTITY] = { "identity", "v3", { "identity" } },
	[OS_IMAGE] = { "image", "v2", { "image" } },
	[OS_COMPUTE] = { "compute", "v2.1", { "compute" } },
	[OS_NETWORK] = { "network", "v2.0", { "network" } },
	[OS_VOLUME] = { "volume", "v3", { "block-storage", "volumev3", "block-store" } },
	[OS_PLACEMENT] = { "placement", NULL, { "placement" } },
};

const char *os_service_name(enum os_service service)
{
	return services[service].name;
}

const char *os_service_type(enum os_service service, size_t rank)
{
	return rank < OS_TYPES_MAX ? services[service].types[rank] : NULL;
}

/* The path of a URL: behind its host. */
static const char *path_of(const char *url)
{
	const char *host = strstr(url, "://");

	host = host ? host + 3 : url;
	return host + strcspn(host, "/");
}

/* The length of a segment "v2", "v2.1" at p, else 0. */
static size_t version_at(const char *p)
{
	size_t n = 1;

	if (*p != 'v' || !isdigit((unsigned char)p[1]))
		return 0;
	n += strspn(p + 1, "0123456789.");
	return p[n] == '\0' || p[n] == '/' ? n : 0;
}

/* The last segment of the path that is a version, or NULL. */
static const char *find_version(const char *url)
{
	const char *found = NULL;

	for (const char *p = strchr(path_of(url), '/'); p; p = strchr(p + 1, '/'))
		if (version_at(p + 1))
			found = p + 1;
	return found;
}

const char *os_versioned(
	enum os_service service, const char *url, const char *project, struct arena *a)
{
	const char *version = services[service].version, *at, *end;
	size_t len = strlen(url);
	char *base;

	while (len > 0 && url[len - 1] == '/')
		len--;
	base = arena_strndup(a, url, len);
	if (!version)
		return base;
	at = find_version(base);
	if (!at) {
		base = arena_printf(a, "%s/%s", base, version);
		return service == OS_VOLUME ? arena_printf(a, "%s/%s", base, project) : base;
	}
	end = at + version_at(at);
	switch (service) {
	case OS_COMPUTE: /* v2.1, v2.1/PROJECT; v2 of clouds that have nothing else */
		return base;
	case OS_VOLUME:
		return *end ? base : arena_printf(a, "%s/%s", base, project);
	default: /* "/v2" of images may come as "/v1", "/v3" of identities as "/v2.0" */
		return arena_printf(a, "%.*s%s", (int)(at - base), base, version);
	}
}
