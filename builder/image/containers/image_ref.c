/* References, by the grammar of the distribution specification. */
#include "image_ref.h"

#include "arena.h"
#include "digest.h"

#include <string.h>

#define NAME_MAX_LEN 255
#define TAG_MAX_LEN  128
#define LOWER	     "abcdefghijklmnopqrstuvwxyz0123456789"
#define UPPER	     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool all_of(const char *s, const char *set)
{
	return *s && s[strspn(s, set)] == '\0';
}

/* Words of a-z0-9, with ".", "_", "__" or any number of "-" between two of them. */
static bool component_good(const char *s, size_t len)
{
	for (const char *end = s + len;;) {
		size_t word = strspn(s, LOWER), gap;

		if (word == 0 || s + word > end)
			return false;
		s += word;
		if (s == end)
			return true;
		gap = *s == '-' ? strspn(s, "-") : *s == '_' ? strspn(s, "_") : (size_t)(*s == '.');
		if (gap == 0 || (*s == '_' && gap > 2))
			return false;
		s += gap;
	}
}

static bool path_good(const char *path)
{
	for (const char *p = path;; p++) {
		size_t len = strcspn(p, "/");

		if (!component_good(p, len))
			return false;
		p += len;
		if (*p == '\0')
			return true;
	}
}

/* What stands before the first "/" is a registry when no repository of Docker Hub can be called so. */
static bool is_registry(const char *s)
{
	return strpbrk(s, ".:") || strcmp(s, "localhost") == 0 || strpbrk(s, UPPER);
}

static bool registry_good(const char *s)
{
	const char *colon = strchr(s, ':');
	size_t len = colon ? (size_t)(colon - s) : strlen(s);

	if (len == 0 || strspn(s, LOWER UPPER ".-") != len || strstr(s, "..") ||
		strchr(".-", s[0]) || strchr(".-", s[len - 1]))
		return false;
	return !colon || (all_of(colon + 1, "0123456789") && strlen(colon + 1) <= 5);
}

static bool is_loopback(const char *host)
{
	size_t len = strcspn(host, ":");

	return strncmp(host, "127.", 4) == 0 ? strspn(host, "0123456789.") == len
					     : len == 9 && strncmp(host, "localhost", len) == 0;
}

/* Cuts the digest and the tag off. */
static const char *take_ends(char *text, struct image_ref *ret)
{
	char *at = strchr(text, '@'), *slash, *colon;

	if (at) {
		*at = '\0';
		if (strncmp(at + 1, "sha256:", 7) != 0 || !sha256_valid(at + 8))
			return "its digest must be sha256: and 64 digits";
		ret->sha256 = at + 8;
	}
	slash = strrchr(text, '/');
	colon = strchr(slash ? slash : text, ':');
	if (!colon) {
		ret->tag = at ? NULL : "latest";
		return NULL;
	}
	*colon = '\0';
	ret->tag = colon + 1;
	if (!all_of(ret->tag, LOWER UPPER "_.-") || strlen(ret->tag) > TAG_MAX_LEN ||
		strchr(".-", ret->tag[0]))
		return "its tag is not one";
	return NULL;
}

const char *image_ref_parse(const char *text, struct arena *a, struct image_ref *ret)
{
	struct image_ref new = { .registry = "docker.io" };
	char *name = arena_strdup(a, text), *slash;
	const char *why = take_ends(name, &new);

	if (why)
		return why;
	if (strlen(name) > NAME_MAX_LEN)
		return "it is too long";
	slash = strchr(name, '/');
	if (slash) {
		*slash = '\0';
		if (is_registry(name)) {
			new.registry = name;
			name = slash + 1;
		} else {
			*slash = '/';
		}
	}
	if (!registry_good(new.registry))
		return "its registry is not HOST or HOST:PORT";
	if (!path_good(name))
		return "names of images are of a-z, 0-9 and single . _ - between them";
	if (strcmp(new.registry, "index.docker.io") == 0)
		new.registry = "docker.io";
	new.host = new.registry;
	new.repository = name;
	if (strcmp(new.registry, "docker.io") == 0) {
		new.host = "registry-1.docker.io";
		if (!strchr(name, '/'))
			new.repository = arena_printf(a, "library/%s", name);
	}
	new.loopback = is_loopback(new.host);
	*ret = new;
	return NULL;
}

const char *image_ref_url(
	const struct image_ref *ref, struct arena *a, const char *kind, const char *id)
{
	return arena_printf(a, "%s://%s/v2/%s/%s/%s", ref->loopback ? "http" : "https", ref->host,
		ref->repository, kind, id);
}

const char *image_ref_id(const struct image_ref *ref, struct arena *a)
{
	return ref->sha256 ? arena_printf(a, "sha256:%s", ref->sha256) : ref->tag;
}
