/* The ways into OVH's OpenStack, and patience with one that was made a moment ago. */
#include "signin.h"

#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "os.h"
#include "ovh_conf.h"
#include "progress.h"
#include "project.h"
#include "signin_user.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* OVH says "ok" of a user, and Keystone learns of it, and of its roles, a little later. */
#define PATIENCE_MS 60000
#define POLL_MS	    3000 /* OVH asks for 2 to 5 seconds */

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

/* Of an URL: from where, and how long. */
static const char *host_of(const char *url, size_t *ret)
{
	const char *at = strstr(url, "://");

	at = at ? at + 3 : url;
	*ret = strcspn(at, ":/?#");
	return at;
}

static bool same_host(const char *url, const char *other)
{
	size_t n = 0, m = 0;
	const char *x = url ? host_of(url, &n) : NULL, *y = other ? host_of(other, &m) : NULL;

	return x && y && n == m && strncasecmp(x, y, n) == 0;
}

bool signin_is_ovh(const char *url, const struct ovh_conf *conf)
{
	static const char *const domains[] = { ".ovh.net", ".ovh.us", ".ovh.ca", ".ovhcloud.com" };
	size_t n;
	const char *host = host_of(url, &n);

	for (size_t i = 0; i < ARRAY_SIZE(domains); i++) {
		const size_t len = strlen(domains[i]);

		if (n > len && strncasecmp(host + n - len, domains[i], len) == 0)
			return true;
	}
	/* A stand-in, which the user's own configuration names. */
	return same_host(url, conf->openstack_auth_url) || same_host(url, conf->keys.endpoint);
}

/* OVH's places for service accounts, as its guide has them. */
static const struct {
	const char *endpoint, *discovery, *provider; /* discovery NULL: not in the guide */
} federations[] = {
	{ "ovh-eu",
		"https://iam.ovh.net/role-adapter/urn:v1:eu:resource:publicCloudProject:pci/"
		".well-known/openid-configuration",
		"ovhcloud-emea" },
	{ "ovh-ca",
		"https://iam.ovh.ca/role-adapter/urn:v1:ca:resource:publicCloudProject:pci/"
		".well-known/openid-configuration",
		"ovhcloud-world" },
	{ "ovh-us", NULL, "ovhcloud-us" },
};

/* Where OVH's federation is found, NULL: nobody knows; whose it is. */
static const char *federation_of(const struct ovh_conf *conf, const char **ret_provider)
{
	const char *discovery = conf->openstack_discovery;

	*ret_provider = "ovhcloud-emea";
	for (size_t i = 0; i < ARRAY_SIZE(federations); i++) {
		if (strcmp(federations[i].endpoint, conf->section) != 0)
			continue;
		discovery = discovery ? discovery : federations[i].discovery;
		*ret_provider = federations[i].provider;
	}
	return discovery;
}

bool signin_federates(const struct ovh_conf *conf)
{
	const char *ignored;

	return federation_of(conf, &ignored) != NULL;
}

/* False: not a service account, or of an endpoint whose federation is not known. */
static bool by_service_account(const struct ovh_conf *conf, struct os_access *ret)
{
	const char *provider, *discovery = federation_of(conf, &provider);

	if (!conf->keys.client_id || !*conf->keys.client_id || !discovery)
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
	const struct signin *s, const struct signin_user *u, struct arena *a, struct os_access *ret)
{
	ret->user_name = u->name;
	ret->password = u->password;
	ret->user_domain_name = "Default";
	ret->from = signin_user_path(s, a);
}

int signin_complete(const struct signin *s, struct arena *a, struct os_access *ret, struct error *e)
{
	struct os_access k = *ret;
	struct signin_user u = {};
	int r;

	k.auth_url = signin_auth_url(s->conf);
	k.project_id = s->native->project;
	if (!by_service_account(s->conf, &k)) {
		if (s->looks && !signin_user_kept(s, &u, a))
			return SIGNIN_NONE;
		r = signin_user_get(s, a, NULL, &u, e);
		if (r < 0)
			return r;
		take_user(s, &u, a, &k);
	}
	*ret = k;
	return 0;
}

/*
 * Keystone has refused this password. 0 where that is no wonder, for it was made a moment ago, by this run or by
 * another one: then it has waited, and the same is to be tried again. Another password would end this one, and be as
 * new. 1: it is refused for good.
 */
static int be_patient(
	const struct signin *s, const char *password, struct arena *a, struct error *e)
{
	struct signin_memory *m = s->memory;
	const int64_t now = clock_now_ms(s->clock);

	if (!m->refused || strcmp(m->refused, password) != 0) {
		if (!signin_user_is_new(s, a))
			return 1;
		m->refused = arena_strdup(a, password);
		m->until = now + PATIENCE_MS;
		progress_note(s->progress,
			"Keystone does not know the new OpenStack user's password yet: it is tried again for a minute");
	}
	if (now >= m->until)
		return 1;
	if (clock_sleep_ms(s->clock, POLL_MS) < 0)
		return error_set(e, ERR_INTERRUPTED, "interrupted");
	return 0;
}

int signin_renew(const struct signin *s, struct arena *a, struct os_access *ret, struct error *e)
{
	struct signin_user u = {};
	int r;

	if (!ret->user_name || !ret->password || ret->oidc_client)
		return 1;
	r = be_patient(s, ret->password, a, e);
	if (r != 1)
		return r;
	/* What this run has made itself gets no better by another one. */
	if (s->memory->made && strcmp(s->memory->made, ret->password) == 0)
		return 1;
	if (s->looks)
		return error_set(e, ERR_FAILED,
			"Keystone refuses the password of kbuild's OpenStack user %s; it gets another by "
			"the next 'kbuild list --cloud ovh'",
			ret->user_name);
	r = signin_user_get(s, a, ret->password, &u, e);
	if (r == 0)
		take_user(s, &u, a, ret);
	return r;
}
