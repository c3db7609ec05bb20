/* Finds how to sign in where the official clients look for it. */
#include "os_parts.h"

#include "os_clouds.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "mark.h"
#include "yaml_tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PLACES 5

/*
 * The folders of openstacksdk's CONFIG_SEARCH_PATH, in its order; "" is this one, NULL none. Of several in
 * XDG_CONFIG_DIRS it makes one path with ':' in it, which nobody has.
 */
static void places(struct arena *a, const char *ret[PLACES])
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	const char *site = getenv("XDG_CONFIG_DIRS");
	int len;

	site = site ? site : "/etc/xdg";
	for (len = (int)strlen(site); len > 0 && site[len - 1] == '/';)
		len--;
	ret[0] = "";
	ret[1] = os_given(config) ? arena_printf(a, "%s/openstack/", config) : NULL;
	ret[2] = arena_printf(a, "%s/.config/openstack/", home ? home : "");
	ret[3] = strchr(site, ':') ? NULL : arena_printf(a, "%.*s/openstack/", len, site);
	ret[4] = "/etc/openstack/";
}

/* As openstacksdk: what is not there is passed over, and what may not be read, too. */
static bool may_read(const char *path)
{
	return access(path, F_OK) == 0 && (access(path, R_OK) == 0 || errno != EACCES);
}

/* The first of that name (without its extension): as the variable says, else in the folders. NULL: nowhere. */
static const char *find_file(const char *variable, const char *name, struct arena *a)
{
	static const char *const ends[] = { "yaml", "yml", "json" };
	const char *dirs[PLACES], *said = variable ? getenv(variable) : NULL;

	if (os_given(said) && may_read(said))
		return said;
	places(a, dirs);
	for (size_t i = 0; i < PLACES; i++) {
		for (size_t j = 0; dirs[i] && j < ARRAY_SIZE(ends); j++) {
			const char *path = arena_printf(a, "%s%s.%s", dirs[i], name, ends[j]);

			if (may_read(path))
				return path;
		}
	}
	return NULL;
}

static int read_file(const char *path, struct arena *a, struct diags *d, const struct node **ret,
	struct error *e)
{
	struct node *root = NULL;
	int r = path ? yaml_read_file(&root, a, path, d, e) : 0;

	if (r < 0 && d->errors > 0)
		return os_first_diag(d, e);
	if (r == 0)
		*ret = root;
	return r;
}

/* The entry of files; the first one's path is given. */
static int read_entry(struct os_access *ret, const char *path, const char *name, struct arena *a,
	struct diags *d, struct error *e)
{
	struct os_clouds from = { .path = path };
	int r = read_file(path, a, d, &from.clouds, e);

	if (r == 0)
		r = read_file(
			find_file("OS_CLIENT_SECURE_FILE", "secure", a), a, d, &from.secure, e);
	if (r == 0)
		r = read_file(find_file(NULL, "clouds-public", a), a, d, &from.profiles, e);
	return r == 0 ? os_clouds_entry(ret, &from, name, a, d, e) : r;
}

static int nothing_found(const char *name, struct arena *a, struct error *e)
{
	const char *dirs[PLACES];

	places(a, dirs);
	if (name)
		error_set(e, ERR_FAILED, "there is no clouds.yaml with the cloud '%.100s'", name);
	else
		error_set(e, ERR_FAILED,
			"there is nothing to sign in to OpenStack with: neither OS_AUTH_URL is set, "
			"nor is there a clouds.yaml");
	error_append(e, " (looked for ");
	if (os_given(getenv("OS_CLIENT_CONFIG_FILE")))
		error_append(e, "%s of OS_CLIENT_CONFIG_FILE, ", getenv("OS_CLIENT_CONFIG_FILE"));
	error_append(e, "./clouds.yaml");
	for (size_t i = 1; i < PLACES; i++) {
		if (dirs[i])
			error_append(e, ", %sclouds.yaml", dirs[i]);
	}
	return error_append(e, ")");
}

int os_access_read(struct os_access *ret, const char *cloud, const char *region, struct arena *a,
	struct error *e)
{
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	const char *name = os_given(cloud) ? cloud : getenv("OS_CLOUD");
	const char *path = find_file("OS_CLIENT_CONFIG_FILE", "clouds", a),
		   *here = getenv("OS_REGION_NAME");
	struct os_access k = { 0 };
	int r;

	name = os_given(name) ? name : NULL;
	if (!name && os_given(getenv("OS_AUTH_URL")))
		r = os_environment(&k, a, e);
	else if (path)
		r = read_entry(&k, path, name, a, &d, e);
	else
		return nothing_found(name, a, e);
	if (r < 0)
		return r;
	if (os_given(here))
		k.region = arena_strdup(a, here);
	if (os_given(region))
		k.region = arena_strdup(a, region);
	*ret = k;
	return os_access_check(ret, e);
}
