/* Names of images mean what they mean to docker. */
#include "image_ref.h"

#include "arena.h"
#include "check.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *text, *registry, *manifests; /* registry NULL: it is refused */
} rows[] = {
	{ "postgres", "docker.io",
		"https://registry-1.docker.io/v2/library/postgres/manifests/latest" },
	{ "postgres:16-alpine", "docker.io",
		"https://registry-1.docker.io/v2/library/postgres/manifests/16-alpine" },
	{ "owner/app:1", "docker.io", "https://registry-1.docker.io/v2/owner/app/manifests/1" },
	{ "docker.io/owner/app", "docker.io",
		"https://registry-1.docker.io/v2/owner/app/manifests/latest" },
	{ "index.docker.io/nginx", "docker.io",
		"https://registry-1.docker.io/v2/library/nginx/manifests/latest" },
	{ "ghcr.io/a/b/c:v1", "ghcr.io", "https://ghcr.io/v2/a/b/c/manifests/v1" },
	{ "host:5000/x", "host:5000", "https://host:5000/v2/x/manifests/latest" },
	{ "localhost/x", "localhost", "http://localhost/v2/x/manifests/latest" },
	{ "localhost:5000/x", "localhost:5000", "http://localhost:5000/v2/x/manifests/latest" },
	{ "127.0.0.1:5000/x", "127.0.0.1:5000", "http://127.0.0.1:5000/v2/x/manifests/latest" },
	{ "127.evil.org/x", "127.evil.org", "https://127.evil.org/v2/x/manifests/latest" },
	{ "a/b@sha256:" HEX, "docker.io",
		"https://registry-1.docker.io/v2/a/b/manifests/sha256:" HEX },
	{ "a/b:1@sha256:" HEX, "docker.io",
		"https://registry-1.docker.io/v2/a/b/manifests/sha256:" HEX },
	{ "a__b/c-d--e/f.g", "docker.io",
		"https://registry-1.docker.io/v2/a__b/c-d--e/f.g/manifests/latest" },
	{ "" },
	{ "Upper" },
	{ "a//b" },
	{ "/a" },
	{ "a/" },
	{ "a___b" },
	{ "a..b/c" },
	{ "-a" },
	{ "a:" },
	{ "a:.b" },
	{ "a:b/c:d:e" },
	{ "a b" },
	{ "a@sha256:12" },
	{ "a@sha512:" HEX },
	{ "a@" },
	{ "host:/a" },
	{ "host:port/a" },
	{ "host:123456/a" },
	{ "user@host.org/a" },
	{ "https://ghcr.io/a" },
	{ "ghcr.io/a?b" },
	{ "ghcr.io/../a" },
};

static void names_lead_to_their_registry(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct image_ref ref = {};
		const char *why = image_ref_parse(rows[i].text, a, &ref);

		if (!rows[i].registry != (why != NULL))
			check_fail("'%s': %s", rows[i].text, why ? why : "was taken");
		if (why)
			continue;
		check_str(ref.registry, rows[i].registry);
		check_str(image_ref_url(&ref, a, "manifests", image_ref_id(&ref, a)),
			rows[i].manifests);
	}
}

static void long_names_are_refused(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct image_ref ref;
	char name[400] = "a:";

	memset(name + 2, 'b', 129);
	check(image_ref_parse(name, a, &ref) != NULL);
	name[2 + 128] = '\0';
	check(image_ref_parse(name, a, &ref) == NULL);
	memset(name, 'a', 256);
	name[256] = '\0';
	check(image_ref_parse(name, a, &ref) != NULL);
}

int main(void)
{
	run(names_lead_to_their_registry);
	run(long_names_are_refused);
	return done();
}
