/*
 * /etc/apt of the image: the same sources as in the lock, at the mirrors that its servers shall ask,
 * each with its Signed-By. What cloud-config would write on a stock image, without its detours.
 */
#include "lock.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "definition.h"
#include "error.h"
#include "keyring.h"
#include "node.h"
#include "rootfd.h"
#include "sources.h"

#include <stdio.h>
#include <string.h>

static int put(int root_fd, const char *path, const struct buf *b, struct error *e)
{
	int r = rootfd_write(root_fd, path, buf_str(b), b->len, 0644);

	return r < 0 ? error_errno(e, r, "writing /%s of the image", path) : 0;
}

static int put_key(int root_fd, const struct apt_source *s, struct error *e)
{
	_buf_ b = BUF_INIT;

	buf_adds(&b, s->key);
	if (b.len > 0 && b.data[b.len - 1] != '\n')
		buf_addc(&b, '\n');
	return put(root_fd, s->key_target + 1, &b, e);
}

/* kbuild.base.keyring, where a source of the image is signed by it. */
static int put_own_keyring(
	int root_fd, const struct apt_sources *s, const struct definition *def, struct error *e)
{
	for (size_t i = 0; i < s->n; i++) {
		_buf_ b = BUF_INIT;
		int r;

		if (strcmp(s->v[i].key_target, APT_OWN_KEYRING) != 0)
			continue;
		r = keyring_read(def->keyring, &b, e);
		return r < 0 ? r : put(root_fd, APT_OWN_KEYRING + 1, &b, e);
	}
	return 0;
}

/* The length of "extra.docker" in "extra.docker/noble"; 0: a source of the distribution's own file. */
static size_t own_name(const struct apt_source *s)
{
	return strncmp(s->id, "extra.", 6) == 0 ? strcspn(s->id, "/") : 0;
}

/* Sources of one file that differ only in their suite become one stanza, as people write them. */
static bool same_but_suite(const struct apt_source *a, const struct apt_source *b)
{
	size_t n = own_name(a);

	return n == own_name(b) && strncmp(a->id, b->id, n) == 0 && strcmp(a->uri, b->uri) == 0 &&
	       strcmp(a->components, b->components) == 0 &&
	       strcmp(a->key_target, b->key_target) == 0;
}

static void stanza(const struct apt_sources *all, size_t i, struct buf *out)
{
	const struct apt_source *s = &all->v[i];

	buf_printf(out, "Types: deb\nURIs: %s\nSuites: %s", s->uri, s->suite);
	for (size_t k = i + 1; k < all->n; k++) {
		if (same_but_suite(s, &all->v[k]))
			buf_printf(out, " %s", all->v[k].suite);
	}
	buf_addc(out, '\n');
	if (s->components[0])
		buf_printf(out, "Components: %s\n", s->components);
	buf_printf(out, "Signed-By: %s\n", s->key_target);
}

static bool is_first(const struct apt_sources *all, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (same_but_suite(&all->v[k], &all->v[i]))
			return false;
	}
	return true;
}

/* "extra.docker/noble" is in docker.sources, the pockets are in DISTRIBUTION.sources. */
static char *file_of(const struct apt_source *s, const struct definition *def)
{
	size_t n = own_name(s), prefix = strlen("extra.");

	if (n == 0)
		return xasprintf("etc/apt/sources.list.d/%s.sources", def->distribution);
	return xasprintf("etc/apt/sources.list.d/%.*s.sources", (int)(n - prefix), s->id + prefix);
}

static int put_sources(
	const struct apt_sources *all, const struct definition *def, int root_fd, struct error *e)
{
	for (size_t i = 0; i < all->n; i++) {
		_free_ char *path = file_of(&all->v[i], def);
		_buf_ b = BUF_INIT;
		bool done = false;
		int r;

		for (size_t k = 0; k < all->n; k++) {
			_free_ char *other = file_of(&all->v[k], def);

			if (strcmp(path, other) != 0)
				continue;
			done |= k < i; /* written with the first of this file */
			if (is_first(all, k)) {
				buf_adds(&b, b.len ? "\n" : "");
				stanza(all, k, &b);
			}
		}
		if (done)
			continue;
		r = put(root_fd, path, &b, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Under names of our own: what stands under cloud-init's (90cloud-init-aptproxy, 94cloud-init-config) it
 * removes at first boot, as its user-data has no apt any more. The numbers are the same: so is what wins.
 */
#define PROXY_CONF "etc/apt/apt.conf.d/90kbuild-proxy"
#define OTHER_CONF "etc/apt/apt.conf.d/94kbuild-conf"

static int put_conf(const struct definition *def, int root_fd, struct error *e)
{
	static const char *const proxies[][2] = {
		{ "proxy", "http" },
		{ "http_proxy", "http" },
		{ "https_proxy", "https" },
		{ "ftp_proxy", "ftp" },
	};
	const struct node *apt = definition_key(def, "apt");
	const char *conf = node_str(node_get(apt, "conf"));
	_buf_ b = BUF_INIT, proxy = BUF_INIT;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(proxies); i++) {
		const char *v = node_str(node_get(apt, proxies[i][0]));

		if (v)
			buf_printf(&proxy, "Acquire::%s::Proxy \"%s\";\n", proxies[i][1], v);
	}
	if (proxy.len > 0) {
		r = put(root_fd, PROXY_CONF, &proxy, e);
		if (r < 0)
			return r;
	}
	if (!conf)
		return 0;
	buf_printf(&b, "%s%s", conf, conf[0] && conf[strlen(conf) - 1] == '\n' ? "" : "\n");
	return put(root_fd, OTHER_CONF, &b, e);
}

int lock_write_apt_config(const struct definition *def, int root_fd, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct apt_sources sources;
	int r;

	r = apt_sources_read(&sources, a, def, e);
	if (r < 0)
		return r;
	r = apt_sources_place_image(&sources, a, def, root_fd, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < sources.n; i++) {
		if (!sources.v[i].key)
			continue;
		r = put_key(root_fd, &sources.v[i], e);
		if (r < 0)
			return r;
	}
	r = put_own_keyring(root_fd, &sources, def, e);
	if (r < 0)
		return r;
	/* The pockets are in a .sources file: an old list would name them twice. */
	r = rootfd_remove(root_fd, "etc/apt/sources.list");
	if (r < 0)
		return error_errno(e, r, "removing /etc/apt/sources.list of the image");
	r = put_sources(&sources, def, root_fd, e);
	if (r < 0)
		return r;
	return put_conf(def, root_fd, e);
}
