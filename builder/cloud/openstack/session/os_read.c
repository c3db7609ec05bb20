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

#define PLACES 3

/* The folders, in order: this one, the user's, the machine's. "" is this one. */
static void places(struct arena *a, const char *ret[PLACES])
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	ret[0] = "";
	ret[1] = os_given(config) ? arena_printf(a, "%s/openstack/", config)
				  : arena_printf(a, "%s/.config/openstack/", home ? home : "");
	ret[2] = "/etc/openstack/";
}

/* The file of that name (without its extension) in that folder, or NULL. */
static const char *file_in(const char *dir, const char *name, struct arena *a)
{
	static const char *const ends[] = { "yaml", "yml", "json" };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		const char *path = arena_printf(a, "%s%s.%s", dir, name, ends[i]);

		if (access(path, F_OK) == 0)
			return path;
	}
	return NULL;
}

/* Beside the file that was found first, then in the folders. NULL: nowhere. */
static const char *file_beside(
	const char *first, const char *name, const char *variable, struct arena *a)
{
	const char *dirs[PLACES], *slash = strrchr(first, '/'), *path = NULL;
	const char *said = getenv(variable);

	if (os_given(said))
		return said;
	if (slash)
		path = file_in(arena_printf(a, "%.*s", (int)(slash + 1 - first), first), name, a);
	places(a, dirs);
	for (size_t i = 0; i < PLACES && !path; i++)
		path = file_in(dirs[i], name, a);
	return path;
}

static const char *clouds_file(struct arena *a)
{
	const char *dirs[PLACES], *said = getenv("OS_CLIENT_CONFIG_FILE"), *path = NULL;

	if (os_given(said))
		return said;
	places(a, dirs);
	for (size_t i = 0; i < PLACES && !path; i++)
		path = file_in(dirs[i], "clouds", a);
	return path;
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
		r = read_file(file_beside(path, "secure", "OS_CLIENT_SECURE_FILE", a), a, d,
			&from.secure, e);
	if (r == 0)
		r = read_file(file_beside(path, "clouds-public", "OS_CLIENT_VENDOR_FILE", a), a, d,
			&from.profiles, e);
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
	return error_append(
		e, " (looked for ./clouds.yaml, %sclouds.yaml, %sclouds.yaml)", dirs[1], dirs[2]);
}

int os_access_read(struct os_access *ret, const char *cloud, const char *region, struct arena *a,
	struct error *e)
{
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	const char *name = os_given(cloud) ? cloud : getenv("OS_CLOUD");
	const char *path = clouds_file(a), *here = getenv("OS_REGION_NAME");
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
