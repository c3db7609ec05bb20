/* Where clouds.yaml and secure.yaml are looked for: in the places of the official client, in its order. */
#include "os.h"

#include "arena.h"
#include "check.h"
#include "error.h"
#include "fd.h"
#include "tmpdir.h"

#include <string.h>
#include <unistd.h>

/*
 * openstacksdk's CONFIG_FILES and SECURE_FILES, row by row: of files that are all there the first is read. secret: the
 * one whose secret counts; NULL: none has any.
 */
static const struct search {
	const char *variable; /* OS_CLIENT_CONFIG_FILE */
	const char *secure;   /* OS_CLIENT_SECURE_FILE */
	const char *config_home, *config_dirs;
	const char *there;  /* files, each with a blank behind it */
	const char *clouds; /* the one that is read; NULL: none */
	const char *secret;
} searches[] = {
	{ NULL, NULL, NULL, NULL, "", NULL, NULL },
	{ "v.yaml", NULL, NULL, NULL, "v.yaml clouds.yaml ", "v.yaml", NULL },
	{ "none.yaml", NULL, NULL, NULL, "clouds.yaml ", "clouds.yaml", NULL },
	{ "none.yaml", NULL, NULL, NULL, "", NULL, NULL },
	{ NULL, NULL, NULL, NULL, "clouds.yml clouds.json ", "clouds.yml", NULL },
	{ NULL, NULL, NULL, NULL, "clouds.json home/.config/openstack/clouds.yaml ", "clouds.json",
		NULL },
	{ NULL, NULL, "xdg", NULL, "xdg/openstack/clouds.yml home/.config/openstack/clouds.yaml ",
		"xdg/openstack/clouds.yml", NULL },
	{ NULL, NULL, "xdg", NULL, "home/.config/openstack/clouds.json ",
		"home/.config/openstack/clouds.json", NULL },
	{ NULL, NULL, NULL, "site/",
		"site/openstack/clouds.yaml home/.config/openstack/clouds.yaml ",
		"home/.config/openstack/clouds.yaml", NULL },
	{ NULL, NULL, NULL, "site/", "site/openstack/clouds.yaml ", "site/openstack/clouds.yaml",
		NULL },
	{ NULL, NULL, NULL, "site:other", "site/openstack/clouds.yaml ", NULL, NULL },
	/* The secrets are looked for in the same places, but not beside the file. */
	{ "d/v.yaml", NULL, NULL, NULL, "d/v.yaml d/secure.yaml secure.yml ", "d/v.yaml",
		"secure.yml" },
	{ "d/v.yaml", NULL, NULL, NULL, "d/v.yaml d/secure.yaml ", "d/v.yaml", NULL },
	{ NULL, "s.json", NULL, NULL, "clouds.yaml s.json secure.yaml ", "clouds.yaml", "s.json" },
	{ NULL, "none.json", NULL, "site", "clouds.yaml site/openstack/secure.json ", "clouds.yaml",
		"site/openstack/secure.json" },
};

static void put_file(const char *name, const char *text)
{
	check_int(file_replace(tmp_fd(), name, text, strlen(text), 0600), 0);
}

/* A file of that name that says so: as clouds by its URL, as secrets by its token. */
static void put_search(const char *name, struct arena *a)
{
	const char *slash = strrchr(name, '/');
	bool secret = strstr(name, "secure") || strncmp(name, "s.", 2) == 0;
	const char *auth = secret ? arena_printf(a, "\"token\": \"%s\"", name)
				  : arena_printf(a,
					    "\"auth_url\": \"https://%s\", \"token\": \"none\", "
					    "\"project_id\": \"p\"",
					    name);

	if (slash)
		check_int(mkdir_all(tmp_fd(),
				  arena_printf(a, "all/%.*s", (int)(slash - name), name), 0700),
			0);
	put_file(arena_printf(a, "all/%s", name),
		arena_printf(a, "{\"clouds\": {\"gra\": {\"auth\": {%s}}}}", auth));
}

static void set_path(const char *variable, const char *value, struct arena *a)
{
	if (value)
		setenv(variable,
			value[0] == '/' ? value : tmp_name(arena_printf(a, "all/%s", value)), 1);
	else
		unsetenv(variable);
}

static void places_are_those_of_the_official_client(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(searches); i++) {
		const struct search *s = &searches[i];
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct os_access k = {};
		struct error e = {};
		int r;

		check_int(chdir(tmp_name("")), 0);
		remove_all(tmp_fd(), "all");
		check_int(mkdir_all(tmp_fd(), "all", 0700), 0);
		check_int(chdir(tmp_name("all")), 0);
		setenv("HOME", tmp_name("all/home"), 1);
		set_path("OS_CLIENT_CONFIG_FILE", s->variable, a);
		set_path("OS_CLIENT_SECURE_FILE", s->secure, a);
		set_path("XDG_CONFIG_HOME", s->config_home, a);
		set_path("XDG_CONFIG_DIRS", s->config_dirs ? s->config_dirs : "/nowhere", a);
		for (const char *p = s->there; *p; p += strcspn(p, " ") + 1)
			put_search(arena_strndup(a, p, strcspn(p, " ")), a);
		r = os_access_read(&k, "gra", NULL, a, &e);
		if (!s->clouds) {
			check_int(r, -ERR_FAILED);
			check(!s->variable || strstr(e.msg, "none.yaml of OS_CLIENT_CONFIG_FILE"));
			continue;
		}
		if (r < 0)
			check_fail("row %zu: %s", i, e.msg);
		check_str(k.auth_url, arena_printf(a, "https://%s", s->clouds));
		check_str(k.token, s->secret ? s->secret : "none");
	}
	check_int(chdir(tmp_name("")), 0);
}

int main(void)
{
	static const char *const names[] = { "OS_CLOUD", "OS_AUTH_URL", "OS_REGION_NAME" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unsetenv(names[i]);
	run(places_are_those_of_the_official_client);
	return done();
}
