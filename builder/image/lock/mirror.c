/*
 * Which mirrors the standard sources have. While building: what is given explicitly wins, for all pockets,
 * the command line, the definition, then what the apt of this machine uses. In the image: only what the definition
 * gives to its servers, else what the tree's own cloud-init would write. A builder's mirror may be a cache
 * that no server reaches, a snapshot that never gets a security update, or have a password in its URL.
 */
#include "sources.h"

#include "alloc.h"
#include "arena.h"
#include "baseset.h"
#include "buf.h"
#include "definition.h"
#include "error.h"
#include "http.h"
#include "mark.h"
#include "node.h"
#include "rootfd.h"
#include "yaml_tree.h"

#include <string.h>

#define CLOUD_CFG "/etc/cloud/cloud.cfg"

struct mirrors {
	const char *primary, *security; /* NULL: not known */
};

/* Of cloud-init's lists by architecture: the entry for ours, else the one for "default". */
static const char *mirror_for(
	const struct node *list, const struct definition *def, const char *path)
{
	const char *fallback = NULL;

	for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		const struct node *arches = node_get(list->items[i], "arches");
		const char *uri = node_str(node_path(list->items[i], path));

		const size_t n = !arches ? 0 : arches->kind == NODE_LIST ? arches->n : 1;

		for (size_t j = 0; uri && j < n; j++) {
			const char *arch =
				node_str(arches->kind == NODE_LIST ? arches->items[j] : arches);

			if (arch && strcmp(arch, def->architecture) == 0)
				return uri;
			if (arch && strcmp(arch, "default") == 0)
				fallback = uri;
		}
	}
	return fallback;
}

/* apt.primary and apt.security. */
static const char *configured_mirror(const struct definition *def, const char *key)
{
	return mirror_for(node_get(definition_key(def, "apt"), key), def, "uri");
}

static const char *without_slash(struct arena *a, const char *uri)
{
	size_t n = strlen(uri);

	while (n > 0 && uri[n - 1] == '/')
		n--;
	return arena_strndup(a, uri, n);
}

/* "20250101T000000Z", as archives of snapshots name theirs. */
static bool is_snapshot(const char *word, size_t len)
{
	static const char form[] = "########T######Z";

	for (size_t i = 0; i < len && form[i]; i++) {
		if (form[i] == '#' ? word[i] < '0' || word[i] > '9' : word[i] != form[i])
			return false;
	}
	return len == strlen(form);
}

/*
 * ".../debian" has its security archive beside it, at ".../debian-security", and a snapshot,
 * ".../debian/TIME", at ".../debian-security/TIME". NULL: not known.
 */
static const char *security_beside(struct arena *a, const struct distribution *d, const char *uri)
{
	size_t end = strlen(uri), m = strlen(d->name);
	const char *last = strrchr(uri, '/');

	if (!d->security_path)
		return uri;
	if (last && is_snapshot(last + 1, strlen(last + 1)))
		end = (size_t)(last - uri);
	if (end <= m || uri[end - m - 1] != '/' || strncmp(uri + end - m, d->name, m) != 0)
		return NULL;
	return arena_printf(a, "%.*s%s%s", (int)(end - m), uri, d->security_path, uri + end);
}

static int set_mirrors(struct apt_sources *s, struct arena *a, const char *primary,
	const char *security, struct error *e)
{
	_free_ char *shown = http_without_login(primary);

	s->mirror_uri = without_slash(a, primary);
	s->security_uri = security ? without_slash(a, security) : NULL;
	if (!apt_word_is_safe(s->mirror_uri) || (security && !apt_word_is_safe(security)))
		return error_set(e, ERR_INVALID, "the mirror '%s' is no URL", shown);
	return 0;
}

static bool has_security(const struct apt_sources *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i].base == APT_SECURITY)
			return true;
	}
	return false;
}

/*
 * What is given for building holds for all pockets: it is there because the others cannot be reached,
 * or have other versions. So the host's is no stand-in, and the servers' own is one that is told.
 */
static struct mirrors given_mirrors(
	struct apt_sources *s, struct arena *a, const struct definition *def, const char *mirror)
{
	struct mirrors m = { .primary = mirror };

	m.security =
		security_beside(a, distribution_find(def->distribution), without_slash(a, mirror));
	if (m.security)
		return m;
	m.security = configured_mirror(def, "security");
	if (m.security && has_security(s)) {
		_free_ char *shown = http_without_login(mirror);
		_free_ char *instead = http_without_login(m.security);

		s->note = arena_printf(a,
			"the mirror '%s' does not end in /%s, so that its security archive is not known: "
			"that of apt.security is used, %s",
			shown, def->distribution, instead);
	}
	return m;
}

static struct mirrors other_mirrors(struct arena *a, const struct definition *def)
{
	struct mirrors host,
		m = { configured_mirror(def, "primary"), configured_mirror(def, "security") };

	host_mirror("", def->distribution, a, &host.primary, &host.security);
	if (!m.primary) {
		m.primary = host.primary;
		m.security = m.security ? m.security : host.security;
	}
	if (!m.security && m.primary)
		m.security = security_beside(
			a, distribution_find(def->distribution), without_slash(a, m.primary));
	if (!m.security)
		m.security = host.security;
	return m;
}

static int find_mirror(struct apt_sources *s, struct arena *a, const struct definition *def,
	const char *mirror, struct error *e)
{
	const char *given = mirror ? mirror : def->mirror;
	struct mirrors m = given ? given_mirrors(s, a, def, given) : other_mirrors(a, def);

	if (!m.primary)
		return error_set(e, ERR_INVALID,
			"no mirror of %s is known: give one with --mirror URL, or as "
			"kbuild.base.mirror in the definition",
			def->distribution);
	return set_mirrors(s, a, m.primary, m.security, e);
}

static int place(struct apt_sources *s, const struct definition *def, struct error *e)
{
	_free_ char *shown = http_without_login(s->mirror_uri);

	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i].base == APT_MAIN)
			s->v[i].uri = s->mirror_uri;
		if (s->v[i].base == APT_SECURITY)
			s->v[i].uri = s->security_uri;
		if (!s->v[i].uri)
			return error_set(e, ERR_INVALID,
				"the mirror of %s is not known ('%s' does not end in /%s): give it "
				"as apt.security in the definition",
				s->v[i].id, shown, def->distribution);
	}
	return 0;
}

int apt_sources_place(struct apt_sources *s, struct arena *a, const struct definition *def,
	const char *mirror, struct error *e)
{
	int r = find_mirror(s, a, def, mirror, e);

	return r < 0 ? r : place(s, def, e);
}

/* What cloud-init would write where the cloud names no mirror; {}: the tree has no cloud-init. */
static int cloud_mirrors(struct mirrors *ret, struct arena *a, const struct definition *def,
	int root_fd, struct error *e)
{
	_cleanup_(diags_free) struct diags diags = DIAGS_INIT;
	_buf_ text = BUF_INIT;
	const struct node *list;
	struct node *cfg;
	int r;

	*ret = (struct mirrors){};
	if (!rootfd_exists(root_fd, CLOUD_CFG))
		return 0;
	r = rootfd_read(root_fd, CLOUD_CFG, YAML_SIZE_MAX, &text);
	if (r < 0)
		return error_errno(e, r, "reading " CLOUD_CFG " of the image");
	r = yaml_parse(&cfg, a, CLOUD_CFG, buf_str(&text), text.len, &diags, e);
	if (r < 0)
		return error_prefix(e, "cloud-init's own settings in the image");
	list = node_path(cfg, "system_info.package_mirrors");
	ret->primary = mirror_for(list, def, "failsafe.primary");
	ret->security = mirror_for(list, def, "failsafe.security");
	return 0;
}

static bool is_at(const char *uri, struct arena *a, const char *mirror)
{
	return uri && mirror && strcmp(uri, without_slash(a, mirror)) == 0;
}

/*
 * What the servers ask elsewhere than at the distribution's own mirrors is signed by the keys that the lock was made
 * with; a mirror that signs anew has others than the distribution's. Unless the build asks a mirror of its own: then the
 * keyring is that one's.
 */
static void place_keys(struct apt_sources *s, struct arena *a, const struct definition *def,
	const struct mirrors *own)
{
	const char *dist = distribution_find(def->distribution)->target_keyring;

	for (size_t i = 0; def->keyring && i < s->n; i++) {
		struct apt_source *x = &s->v[i];
		const bool given =
			x->base == APT_OWN ||
			(!def->mirror && (configured_mirror(def, "primary") ||
						 (x->base == APT_SECURITY &&
							 configured_mirror(def, "security"))));

		if (!x->key && strcmp(x->key_target, dist) == 0 && given &&
			!is_at(x->uri, a, own->primary) && !is_at(x->uri, a, own->security))
			x->key_target = APT_OWN_KEYRING;
	}
}

int apt_sources_place_image(struct apt_sources *s, struct arena *a, const struct definition *def,
	int root_fd, struct error *e)
{
	const char *primary = configured_mirror(def, "primary");
	const char *security = configured_mirror(def, "security");
	struct mirrors cloud;
	int r = cloud_mirrors(&cloud, a, def, root_fd, e);

	if (r < 0)
		return r;
	if (primary && !security)
		security = security_beside(
			a, distribution_find(def->distribution), without_slash(a, primary));
	if (!primary)
		primary = cloud.primary;
	if (primary)
		r = set_mirrors(s, a, primary, security ? security : cloud.security, e);
	else
		r = find_mirror(s, a, def, NULL, e);
	if (r == 0 && !primary && security)
		r = set_mirrors(s, a, s->mirror_uri, security, e);
	if (r == 0)
		r = place(s, def, e);
	if (r == 0)
		place_keys(s, a, def, &cloud);
	return r;
}
