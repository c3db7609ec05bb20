/*
 * kbuild's own user. Made twice it never is: a POST whose outcome is not known is followed by a look at
 * the list, as is every beginning, so that whoever was killed between the POST and the file finds the user
 * again, and asks for another password.
 */
#include "signin.h"

#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"
#include "json.h"
#include "native_reply.h"
#include "node.h"
#include "os.h"
#include "ovh.h"
#include "ovh_conf.h"
#include "progress.h"
#include "project.h"
#include "reply.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define STATE_MAX (64 * KIB)
#define WAIT_MS	  180000 /* a user becomes usable after seconds, at times a minute or two */
#define POLL_MS	  2000

/* What kbuild does in OpenStack, and no more; "administrator" would be all of it. */
#define ROLES                                                                                      \
	"\"image_operator\",\"compute_operator\",\"network_operator\","                            \
	"\"network_security_operator\",\"volume_operator\""

struct user {
	int64_t id;
	const char *name, *password, *status, *description;
};

static const struct field user_fields[] = {
	{ "id", field_int, offsetof(struct user, id), FIELD_REQUIRED },
	{ "username", field_string, offsetof(struct user, name), FIELD_REQUIRED },
	{ "status", field_string, offsetof(struct user, status), FIELD_REQUIRED },
	{ "description", reply_text, offsetof(struct user, description) },
	{ "password", reply_text, offsetof(struct user, password) },
	{},
};

static const struct field kept_fields[] = {
	{ "id", field_int, offsetof(struct user, id), FIELD_REQUIRED },
	{ "username", field_string, offsetof(struct user, name), FIELD_REQUIRED },
	{ "password", field_string, offsetof(struct user, password), FIELD_REQUIRED },
	{},
};

/* --- whose it is -------------------------------------------------------------------------------- */

/* Two machines may have the same name, and one machine several users with a state of their own. */
const char *signin_description(const char *state_dir, struct arena *a)
{
	char name[65] = "", hex[SHA256_HEX];
	_buf_ seed = BUF_INIT;

	if (gethostname(name, sizeof name - 1) < 0 || !*name)
		snprintf(name, sizeof name, "machine");
	(void)file_read(AT_FDCWD, "/etc/machine-id", 100, &seed);
	buf_printf(&seed, " %s %s", name, state_dir);
	sha256_bytes(seed.data, seed.len, hex);
	return arena_printf(a, "kbuild %s %.8s", name, hex);
}

/* --- the file ------------------------------------------------------------------------------------ */

static const char *state_path(const struct signin *s, struct arena *a)
{
	_buf_ name = BUF_INIT;

	/* A project's id is hexadecimal; whatever else somebody writes must not leave the directory. */
	for (const char *p = s->native->project; *p; p++)
		buf_addc(&name, *p == '/' || (p == s->native->project && *p == '.') ? '_' : *p);
	return arena_printf(a, "%s/ovh/%s.json", s->state_dir, buf_str(&name));
}

/* True when a user with its password is kept. What cannot be read is as good as lost. */
static bool read_kept(const struct signin *s, struct user *ret, struct arena *a)
{
	const char *path = state_path(s, a);
	_buf_ text = BUF_INIT;
	struct error ignored = {};
	struct node *doc;
	bool read;

	if (file_read(AT_FDCWD, path, STATE_MAX, &text) < 0)
		return false;
	read = json_parse(&doc, a, path, buf_str(&text), text.len, &ignored) == 0 &&
	       reply_read(doc, "user", kept_fields, ret, a, &ignored) == 0;
	if (text.data)
		explicit_bzero(text.data, text.len);
	return read;
}

static int keep(const struct signin *s, const struct user *u, struct arena *a, struct error *e)
{
	const char *path = state_path(s, a);
	_buf_ out = BUF_INIT;
	int r;

	buf_printf(&out, "{\"v\":1,\"id\":%" PRId64 ",\"username\":", u->id);
	json_write_string(&out, u->name, strlen(u->name));
	buf_adds(&out, ",\"password\":");
	json_write_string(&out, u->password, strlen(u->password));
	buf_adds(&out, "}\n");
	r = file_replace(AT_FDCWD, path, out.data, out.len, 0600);
	explicit_bzero(out.data, out.len);
	return r < 0 ? error_errno(e, r, "keeping the OpenStack user in %s", path) : 0;
}

/* --- the calls ------------------------------------------------------------------------------------ */

static int read_user(const struct node *answer, struct arena *a, struct user *ret, struct error *e)
{
	struct user u = {};
	int r = reply_read(answer, "user", user_fields, &u, a, e);

	if (r == 0)
		*ret = u;
	return r;
}

/* The one of our description, the oldest where there are several; 1: none. */
static int find_user(const struct signin *s, struct arena *a, struct user *ret, struct error *e)
{
	struct node *answer;
	bool found = false;
	int r = native_list(s->native, "/user", a, &answer, e);

	for (size_t i = 0; r == 0 && i < answer->n; i++) {
		struct user u = {};

		r = read_user(answer->items[i], a, &u, e);
		if (r < 0 || !u.description || strcmp(u.description, s->description) != 0 ||
			strcmp(u.status, "deleting") == 0 || strcmp(u.status, "deleted") == 0)
			continue;
		if (!found || u.id < ret->id)
			*ret = u;
		found = true;
	}
	return r < 0 ? r : !found;
}

/* A password nobody here knows: another. It may be asked for twice; the last one counts. */
static int new_password(const struct signin *s, struct arena *a, struct user *u, struct error *e)
{
	const char *path = native_path(
		s->native, arena_printf(a, "/user/%" PRId64 "/regeneratePassword", u->id), a);
	struct node *answer;
	int r = ovh_must(s->native->api,
		&(struct ovh_query){ .method = "POST", .path = path, .harmless = true }, a, &answer,
		e);

	if (r == 0)
		r = read_user(answer, a, u, e);
	if (r == 0 && (!u->password || !*u->password))
		return error_set(e, ERR_FAILED,
			"OVH: the new password of the user %s was not in the answer", u->name);
	return r;
}

/* Makes it. Where nobody knows whether that happened, the list tells. */
static int make_user(const struct signin *s, struct arena *a, struct user *ret, struct error *e)
{
	_buf_ body = BUF_INIT;
	struct node *answer;
	int r;

	buf_adds(&body, "{\"description\":");
	json_write_string(&body, s->description, strlen(s->description));
	buf_adds(&body, ",\"roles\":[" ROLES "]}");
	r = ovh_call(s->native->api,
		&(struct ovh_query){ .method = "POST",
			.path = native_path(s->native, "/user", a),
			.body = buf_str(&body) },
		a, &answer, e);
	if (r == OVH_UNSURE) {
		r = find_user(s, a, ret, e);
		if (r == 1)
			return error_set(e, ERR_NETWORK,
				"OVH did not say whether the OpenStack user was made, and there is "
				"none yet: run the same again in a minute");
		return r < 0 ? r : new_password(s, a, ret, e);
	}
	if (r != 0)
		return -e->code;
	r = read_user(answer, a, ret, e);
	return r < 0 || (ret->password && *ret->password) ? r : new_password(s, a, ret, e);
}

/* Until OVH has told Keystone of the user. Its roles may come a little later still. */
static int wait_for_user(const struct signin *s, struct arena *a, struct user *u, struct error *e)
{
	const char *path = arena_printf(a, "/user/%" PRId64, u->id);
	const int64_t end = clock_now_ms(s->clock) + WAIT_MS;

	while (strcmp(u->status, "ok") != 0) {
		const char *password = u->password;
		struct node *answer;
		int r;

		if (strcmp(u->status, "creating") != 0)
			return error_set(e, ERR_FAILED,
				"OVH's OpenStack user %s is '%.40s': remove it in the web console, "
				"then the next run makes another",
				u->name, u->status);
		if (clock_now_ms(s->clock) >= end)
			return error_set(e, ERR_NETWORK,
				"OVH's OpenStack user %s is still being created after %d s: run the "
				"same again",
				u->name, WAIT_MS / 1000);
		r = clock_sleep_ms(s->clock, POLL_MS);
		if (r < 0)
			return error_set(e, ERR_INTERRUPTED, "interrupted");
		r = native_get(s->native, path, a, &answer, e);
		if (r == OVH_ABSENT)
			continue; /* lists and objects become visible one after the other */
		if (r != 0)
			return -e->code;
		r = read_user(answer, a, u, e);
		if (r < 0)
			return r;
		u->password = password;
	}
	return 0;
}

/* Of two runs at once on this machine one makes the user, and the other finds it kept. */
static int lock(const struct signin *s, struct arena *a, int *ret, struct error *e)
{
	const char *dir = arena_printf(a, "%s/ovh", s->state_dir);
	_close_ int fd = -1;
	int r = mkdir_all(AT_FDCWD, dir, 0700);

	if (r < 0)
		return error_errno(e, r, "making %s", dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(e, errno, "opening %s", dir);
	while (flock(fd, LOCK_EX) < 0) {
		if (interrupted())
			return error_set(e, ERR_INTERRUPTED, "interrupted");
		if (errno != EINTR)
			return error_errno(e, errno, "locking %s", dir);
	}
	*ret = TAKE_FD(fd);
	return 0;
}

/* refused: a password that is kept but does not work; NULL: whatever is kept is right. */
static int find_or_make(const struct signin *s, struct arena *a, const char *refused,
	struct user *u, struct error *e)
{
	_close_ int held = -1;
	int r;

	if (!refused && read_kept(s, u, a))
		return 0;
	r = lock(s, a, &held, e);
	if (r < 0)
		return r;
	if (read_kept(s, u, a) && (!refused || strcmp(u->password, refused) != 0))
		return 0; /* another run has seen to it meanwhile */
	progress_begin(s->progress, "OpenStack user of the project", NULL, 0);
	r = find_user(s, a, u, e);
	if (r == 0) {
		progress_note(s->progress,
			"the OpenStack user %s (%s) gets a new password, which is kept in %s",
			u->name, s->description, state_path(s, a));
		r = new_password(s, a, u, e);
	} else if (r == 1) {
		r = make_user(s, a, u, e);
	}
	if (r == 0)
		r = keep(s, u, a, e); /* at once: what follows may be interrupted */
	if (r == 0)
		r = wait_for_user(s, a, u, e);
	if (r < 0)
		return error_prefix(e, "the OpenStack user of the project %s", s->native->project);
	progress_end(s->progress, u->name);
	return 0;
}

/* --- the ways ------------------------------------------------------------------------------------ */

const char *signin_auth_url(const struct ovh_conf *conf)
{
	const char *said = getenv("OS_AUTH_URL");

	if (said && *said)
		return said;
	if (conf->openstack_auth_url)
		return conf->openstack_auth_url;
	return strcmp(conf->section, "ovh-us") == 0 ? "https://auth.cloud.ovh.us/v3"
						    : "https://auth.cloud.ovh.net/v3";
}

/* OVH's places for service accounts, as its guide has them. */
static const struct {
	const char *endpoint, *discovery, *provider;
} federations[] = {
	{ "ovh-eu",
		"https://iam.ovh.net/role-adapter/urn:v1:eu:resource:publicCloudProject:pci/"
		".well-known/openid-configuration",
		"ovhcloud-emea" },
	{ "ovh-ca",
		"https://iam.ovh.ca/role-adapter/urn:v1:ca:resource:publicCloudProject:pci/"
		".well-known/openid-configuration",
		"ovhcloud-world" },
};

/* False: not a service account, or of an endpoint whose federation is not known. */
static bool by_service_account(const struct ovh_conf *conf, struct os_access *ret)
{
	const char *discovery = conf->openstack_discovery, *provider = "ovhcloud-emea";

	if (!conf->keys.client_id || !*conf->keys.client_id)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(federations); i++) {
		if (strcmp(federations[i].endpoint, conf->section) != 0)
			continue;
		discovery = discovery ? discovery : federations[i].discovery;
		provider = federations[i].provider;
	}
	if (!discovery)
		return false;
	ret->oidc_provider = provider;
	ret->oidc_protocol = "openid";
	ret->oidc_discovery = discovery;
	ret->oidc_client = conf->keys.client_id;
	ret->oidc_secret = conf->keys.client_secret;
	ret->oidc_scope = "openid profile email publicCloudProject/all";
	ret->from = "the service account of ovh.conf";
	return true;
}

static void take_user(
	const struct signin *s, const struct user *u, struct arena *a, struct os_access *ret)
{
	ret->user_name = u->name;
	ret->password = u->password;
	ret->user_domain_name = "Default";
	ret->from = state_path(s, a);
}

int signin_complete(const struct signin *s, struct arena *a, struct os_access *ret, struct error *e)
{
	struct os_access k = *ret;
	struct user u = {};
	int r;

	k.auth_url = signin_auth_url(s->conf);
	k.project_id = s->native->project;
	if (!by_service_account(s->conf, &k)) {
		if (s->looks && !read_kept(s, &u, a))
			return SIGNIN_NONE;
		r = find_or_make(s, a, NULL, &u, e);
		if (r < 0)
			return r;
		take_user(s, &u, a, &k);
	}
	*ret = k;
	return 0;
}

int signin_renew(const struct signin *s, struct arena *a, struct os_access *ret, struct error *e)
{
	struct user u = {};
	int r;

	if (!ret->user_name || !ret->password || ret->oidc_client)
		return 1;
	if (s->looks)
		return error_set(e, ERR_FAILED,
			"Keystone refuses the password of kbuild's OpenStack user %s; it gets another by "
			"the next 'kbuild list --cloud ovh'",
			ret->user_name);
	r = find_or_make(s, a, ret->password, &u, e);
	if (r == 0)
		take_user(s, &u, a, ret);
	return r;
}
