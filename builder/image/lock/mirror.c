/*
 * Which mirror the standard sources are fetched from. What is given explicitly wins: the command
 * line, the definition, then what the apt of this machine uses. No host name stands in the code.
 */
#include "sources.h"

#include "arena.h"
#include "baseset.h"
#include "definition.h"
#include "error.h"
#include "node.h"

#include <errno.h>
#include <string.h>

/* apt.primary and apt.security: the entry for our architecture, else the one for "default". */
static const char *configured_mirror(const struct definition *def, const char *key)
{
	const struct node *list = node_get(definition_key(def, "apt"), key);
	const char *fallback = NULL;

	for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		const struct node *arches = node_get(list->items[i], "arches");
		const char *uri = node_str(node_get(list->items[i], "uri"));

		for (size_t j = 0; uri && arches && arches->kind == NODE_LIST && j < arches->n;
			j++) {
			const char *arch = node_str(arches->items[j]);

			if (arch && strcmp(arch, def->architecture) == 0)
				return uri;
			if (arch && strcmp(arch, "default") == 0)
				fallback = uri;
		}
	}
	return fallback;
}

static const char *without_slash(struct arena *a, const char *uri)
{
	size_t n = strlen(uri);

	while (n > 0 && uri[n - 1] == '/')
		n--;
	return arena_strndup(a, uri, n);
}

/* ".../debian" has its security archive beside it, at ".../debian-security". */
static const char *security_beside(struct arena *a, const struct distribution *d, const char *uri)
{
	size_t n = strlen(uri), m = strlen(d->name);

	if (!d->security_path)
		return uri;
	if (n <= m || uri[n - m - 1] != '/' || strcmp(uri + n - m, d->name) != 0)
		return NULL;
	return arena_printf(a, "%.*s%s", (int)(n - m), uri, d->security_path);
}

static int find_mirror(struct apt_sources *s, struct arena *a, const struct definition *def,
	const char *mirror, struct error *e)
{
	const struct distribution *d = distribution_find(def->distribution);
	const char *host_main, *host_security, *security = configured_mirror(def, "security");

	host_mirror("", def->distribution, a, &host_main, &host_security);
	if (!mirror)
		mirror = def->mirror;
	if (!mirror)
		mirror = configured_mirror(def, "primary");
	if (!mirror && !host_main)
		return error_set(e, ERR_INVALID,
			"no mirror of %s is known: give one with --mirror URL, or as "
			"kbuild.base.mirror in the definition",
			def->distribution);
	s->mirror_uri = without_slash(a, mirror ? mirror : host_main);
	if (!security && !mirror)
		security = host_security;
	if (!security)
		security = security_beside(a, d, s->mirror_uri);
	if (!security)
		security = host_security;
	s->security_uri = security ? without_slash(a, security) : NULL;
	if (!apt_word_is_safe(s->mirror_uri) || (security && !apt_word_is_safe(security)))
		return error_set(e, ERR_INVALID, "the mirror '%s' is no URL", s->mirror_uri);
	return 0;
}

int apt_sources_place(struct apt_sources *s, struct arena *a, const struct definition *def,
	const char *mirror, struct error *e)
{
	int r;

	r = find_mirror(s, a, def, mirror, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i].base == APT_MAIN)
			s->v[i].uri = s->mirror_uri;
		if (s->v[i].base == APT_SECURITY)
			s->v[i].uri = s->security_uri;
		if (!s->v[i].uri)
			return error_set(e, ERR_INVALID,
				"the mirror of %s is not known ('%s' does not end in /%s): give it "
				"as apt.security in the definition",
				s->v[i].id, s->mirror_uri, def->distribution);
	}
	return 0;
}

int apt_sources_check_keyrings(
	const struct apt_sources *s, const struct definition *def, struct error *e)
{
	const struct distribution *d = distribution_find(def->distribution);

	for (size_t i = 0; i < s->n; i++) {
		if (!s->v[i].keyring || access(s->v[i].keyring, R_OK) == 0)
			continue;
		if (def->keyring)
			return error_errno(
				e, errno, "reading kbuild.base.keyring '%s'", s->v[i].keyring);
		return error_set(e, ERR_FAILED,
			"the keys of the %s archive are not on this machine (%s): install the "
			"package %s, or name a keyring as kbuild.base.keyring",
			d->name, s->v[i].keyring, d->keyring_package);
	}
	return 0;
}
