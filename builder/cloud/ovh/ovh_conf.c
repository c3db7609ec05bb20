/*
 * Finding keys. What each value is worth is decided by ovh_keys_check(); this file knows where values
 * come from, and says so when they do not go together.
 */
#include "ovh_conf.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "ini.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define ENDPOINT_DEFAULT "ovh-eu"

static const struct {
	const char *key, *env;
	size_t offset; /* in struct ovh_conf */
	bool secret;
} keys[] = {
	{ "application_key", "OVH_APPLICATION_KEY", offsetof(struct ovh_conf, keys.application_key),
		false },
	{ "application_secret", "OVH_APPLICATION_SECRET",
		offsetof(struct ovh_conf, keys.application_secret), true },
	{ "consumer_key", "OVH_CONSUMER_KEY", offsetof(struct ovh_conf, keys.consumer_key), true },
	{ "client_id", "OVH_CLIENT_ID", offsetof(struct ovh_conf, keys.client_id), false },
	{ "client_secret", "OVH_CLIENT_SECRET", offsetof(struct ovh_conf, keys.client_secret),
		true },
	{ "access_token", "OVH_ACCESS_TOKEN", offsetof(struct ovh_conf, keys.access_token), true },
	{ "token_url", "OVH_TOKEN_URL", offsetof(struct ovh_conf, keys.token_url), false },
	{ "openstack_auth_url", "OVH_OPENSTACK_AUTH_URL",
		offsetof(struct ovh_conf, openstack_auth_url), false },
	{ "openstack_discovery", "OVH_OPENSTACK_DISCOVERY",
		offsetof(struct ovh_conf, openstack_discovery), false },
	{ "subsidiary", "OVH_SUBSIDIARY", offsetof(struct ovh_conf, subsidiary), false },
};
_Static_assert(ARRAY_SIZE(keys) == ARRAY_SIZE(((struct ovh_conf *)0)->places), "a place for each");

static const char *given(const char *text)
{
	return text && *text ? text : NULL;
}

const char *ovh_conf_home_file(struct arena *a)
{
	const char *home = given(getenv("HOME"));

	return arena_printf(a, "%s/.ovh.conf", home ? home : "/root");
}

/* Wrong permissions matter only for a file with something to read in it. */
static bool holds_secret(const struct ini *i, const char *file)
{
	for (size_t n = 0; n < i->n; n++) {
		if (i->v[n].file != file)
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
			if (keys[k].secret && *i->v[n].value &&
				strcmp(i->v[n].key, keys[k].key) == 0)
				return true;
		}
	}
	return false;
}

static void remember(const char **list, const char *file)
{
	while (*list)
		list++;
	*list = file;
}

static int read_one(
	struct ovh_conf *c, struct ini *ini, struct arena *a, const char *file, struct error *e)
{
	_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);
	_buf_ text = BUF_INIT;
	struct stat st;
	int r;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return error_errno(e, errno, "reading %s", file);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return error_set(e, ERR_FAILED, "%s is not a file", file);
	r = fd_read(fd, INI_SIZE_MAX, &text);
	if (r < 0)
		return error_errno(e, r, "reading %s", file);
	r = ini_add(ini, a, file, buf_str(&text), text.len, e);
	if (text.data)
		explicit_bzero(text.data, text.len);
	if (r < 0)
		return r;
	remember(c->read, file);
	if ((st.st_mode & 077) && holds_secret(ini, file))
		remember(c->open_files, file);
	return 0;
}

/* One value by its precedence. */
static const char *find(const struct ini *ini, const char *section, const char *key,
	const char *env, struct arena *a, struct ovh_place *ret)
{
	const char *text = given(getenv(env));
	const struct ini_value *v;

	if (text) {
		*ret = (struct ovh_place){ .text = env };
		return arena_strdup(a, text);
	}
	v = ini_get(ini, section, key);
	if (!v || !*v->value)
		return NULL;
	*ret = (struct ovh_place){ arena_printf(a, "%s:%u", v->file, v->line), v->file };
	return v->value;
}

static void find_endpoint(
	struct ovh_conf *c, const struct ini *ini, const struct ovh_conf_ask *ask, struct arena *a)
{
	struct ovh_place ignored;
	const char *name = given(ask->endpoint);

	if (!name)
		name = find(ini, "default", "endpoint", "OVH_ENDPOINT", a, &ignored);
	c->section = name ? name : ENDPOINT_DEFAULT;
	c->keys.endpoint = c->section;
}

static void find_project(
	struct ovh_conf *c, const struct ini *ini, const struct ovh_conf_ask *ask, struct arena *a)
{
	static const char env[] = "OVH_CLOUD_PROJECT_SERVICE";

	c->project = given(ask->project);
	c->project_at = (struct ovh_place){ .text = "--project" };
	if (!c->project)
		c->project = find(ini, c->section, "project", env, a, &c->project_at);
	if (!c->project) /* as OVH's own command keeps it */
		c->project = find(ini, "ovh-cli", "default_cloud_project", env, a, &c->project_at);
	if (!c->project)
		c->project_at = (struct ovh_place){};
}

int ovh_conf_read(
	struct ovh_conf *ret, const struct ovh_conf_ask *ask, struct arena *a, struct error *e)
{
	const char *const usual[] = { "ovh.conf", ovh_conf_home_file(a), "/etc/ovh.conf" };
	const char *const *files = ask->files ? ask->files : usual;
	_cleanup_(ini_free) struct ini ini = INI_INIT;
	struct ovh_conf c = {};

	for (size_t i = ARRAY_SIZE(usual); i > 0; i--) { /* the last one read wins */
		int r = read_one(&c, &ini, a, files[i - 1], e);

		if (r < 0)
			return r;
	}
	find_endpoint(&c, &ini, ask, a);
	find_project(&c, &ini, ask, a);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char **out = (const char **)((char *)&c + keys[i].offset);

		*out = find(&ini, c.section, keys[i].key, keys[i].env, a, &c.places[i]);
	}
	c.application = c.places[0];
	*ret = c;
	return 0;
}

static void say_where_we_looked(const struct ovh_conf *c, struct error *e)
{
	error_append(e,
		"; looked at OVH_* and, in ./ovh.conf, ~/.ovh.conf and /etc/ovh.conf, at [%s]",
		c->section);
	for (size_t i = 0; c->read[i]; i++)
		error_append(e, "%s%s", i ? ", " : " (there: ", c->read[i]);
	error_append(e, "%s; 'kbuild login ovh' makes keys", c->read[0] ? ")" : " (none is there)");
}

int ovh_conf_check(const struct ovh_conf *c, struct error *e)
{
	const char *between = "; given: ";
	int r = ovh_keys_check(&c->keys, e);

	if (r == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!c->places[i].text)
			continue;
		error_append(e, "%s%s (%s)", between, keys[i].key, c->places[i].text);
		between = ", ";
	}
	if (strcmp(between, ", ") != 0)
		say_where_we_looked(c, e);
	return r;
}

/* A new file has to name the endpoint too, or its section is not read. */
static void begin_file(const struct ovh_conf *c, struct buf *text)
{
	ini_set("", 0, "default", "endpoint", c->section, text);
}

/*
 * The file to write to: where that key stands already, because it hides others; else where its
 * application_key is; else at home. Through links, which people keep such files behind.
 */
static const char *choose_file(const struct ovh_conf *c, const char *key, struct arena *a)
{
	const char *file = c->application.file ? c->application.file : ovh_conf_home_file(a);
	_free_ char *real = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (c->places[i].file && strcmp(keys[i].key, key) == 0)
			file = c->places[i].file;
	}
	real = realpath(file, NULL);
	return real ? arena_strdup(a, real) : file;
}

int ovh_conf_store(const struct ovh_conf *c, const char *key, const char *value, struct arena *a,
	const char **ret_file, struct error *e)
{
	const char *file = choose_file(c, key, a);
	_buf_ old = BUF_INIT;
	_buf_ new = BUF_INIT;
	int r = file_read(AT_FDCWD, file, INI_SIZE_MAX, &old);

	if (r == -ENOENT)
		begin_file(c, &old);
	else if (r < 0)
		return error_errno(e, r, "reading %s", file);
	ini_set(buf_str(&old), old.len, c->section, key, value, &new);
	r = file_replace(AT_FDCWD, file, new.data, new.len, 0600);
	explicit_bzero(new.data, new.len);
	if (old.data)
		explicit_bzero(old.data, old.len);
	if (r < 0)
		return error_errno(e, r, "writing %s", file);
	*ret_file = file;
	return 0;
}
