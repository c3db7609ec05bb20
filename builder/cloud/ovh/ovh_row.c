/*
 * The cloud "ovh". What it knows beyond OpenStack is asked of the native API, and only where the user has
 * keys for that: with OS_* alone, "ovh" is as good as "openstack" and its prices are known all the same.
 */
#include "ovh_row.h"

#include "arena.h"
#include "carbon.h"
#include "error.h"
#include "ovh_session.h"
#include "prices.h"
#include "progress.h"
#include "project.h"
#include "row.h"
#include "signin.h"

#include <string.h>

#define VOLUME_TYPE "classic" /* what Cinder gives where no type is asked for */

static bool given(const char *name)
{
	const char *text = getenv(name);

	return text && *text;
}

/* The user has a way into OpenStack: OS_* with somebody in it, or an entry of clouds.yaml that is named. */
static bool has_openstack(const struct row *r)
{
	static const char *const names[] = { "OS_CLOUD", "OS_USERNAME", "OS_USER_ID",
		"OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_NAME", "OS_TOKEN",
		"OS_CLIENT_ID" };

	if (r->cloud.account)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (given(names[i]))
			return true;
	}
	return false;
}

static void warn_of_open_files(const struct ovh_conf *conf, struct progress *p)
{
	for (size_t i = 0; conf->open_files[i]; i++)
		progress_note(p, "others may read %s, which holds secrets: 'chmod 600 %s'",
			conf->open_files[i], conf->open_files[i]);
}

/* An exported OS_CLOUD is easily forgotten, and what is destroyed in another cloud is gone all the same. */
static int check_ovh(const struct os_access *k, const struct ovh_conf *conf, struct error *e)
{
	if (!k->auth_url || signin_is_ovh(k->auth_url, conf))
		return 0;
	return error_set(e, ERR_FAILED,
		"the cloud is ovh, but %s signs in at %s, which is not OVH's: use --cloud openstack, or name another entry (unset OS_CLOUD and OS_* to go in by OVH's own keys)",
		k->from ? k->from : "what the environment says", k->auth_url);
}

static int ovh_row_open(struct row *r, struct os_access *ret, struct error *e)
{
	static const struct ovh_conf_ask ask = {};
	const bool theirs = has_openstack(r);
	struct ovh_session *s;
	int status = ovh_session_new(&s, &ask, !theirs, &r->http, r->cloud.clock, e);

	if (status < 0)
		return status;
	r->own = s;
	warn_of_open_files(&s->conf, r->cloud.progress);
	if (theirs) {
		status = os_access_read(ret, r->cloud.account, r->cloud.region, r->arena, e);
		return status < 0 ? status : check_ovh(ret, &s->conf, e);
	}
	/* OS_AUTH_URL alone: nobody's password but OVH's user's would go there. */
	status = check_ovh(
		&(struct os_access){ .from = "OS_AUTH_URL", .auth_url = signin_auth_url(&s->conf) },
		&s->conf, e);
	if (status < 0)
		return status;
	if (r->cloud.region)
		ret->region = r->cloud.region;
	else if (given("OS_REGION_NAME"))
		ret->region = arena_strdup(r->arena, getenv("OS_REGION_NAME"));
	return 0;
}

static void ovh_row_close(struct row *r)
{
	ovh_session_free(r->own);
}

static struct signin signin_of(struct row *r)
{
	struct ovh_session *s = r->own;

	return (struct signin){ .native = &s->native,
		.conf = &s->conf,
		.state_dir = r->cloud.state_dir,
		.clock = r->cloud.clock,
		.progress = r->cloud.progress,
		.description = signin_description(r->cloud.state_dir, r->arena),
		.looks = r->looks,
		.memory = &s->memory };
}

/* Keystone has refused the password that was kept: somebody has changed it. */
static int ovh_row_renew(void *arg, struct os_access *k, struct error *e)
{
	struct row *r = arg;
	const struct signin s = signin_of(r);

	return signin_renew(&s, r->arena, k, e);
}

static int ovh_row_access(struct row *r, struct os_access *ret, struct error *e)
{
	const struct signin s = signin_of(r);
	const struct native *ignored;
	int status;

	if (has_openstack(r))
		return 0;
	status = ovh_session_project(r->own, &ignored, e);
	if (status == 0)
		status = signin_complete(&s, r->arena, ret, e);
	if (status == SIGNIN_NONE) {
		r->no_user = s.description;
		return ROW_NO_USER;
	}
	if (status < 0)
		return status;
	ret->renew = ovh_row_renew;
	ret->renew_arg = r;
	return 0;
}

/* Whether OVH's own API can be asked. */
static bool asks(const struct ovh_session *s)
{
	return s->signed_in && !s->spared;
}

/*
 * What the native API has answered. With a way into OpenStack of the user's own it only knows more, so that keys
 * without rights (for DNS only) and its outages are told, once, and stop nothing.
 */
static int spare(struct row *r, int status, const struct error *why, struct error *e)
{
	struct ovh_session *s = r->own;

	if (status >= 0)
		return 0;
	if (!has_openstack(r) || (why->code != ERR_NETWORK && !why->denied)) {
		*e = *why;
		return status;
	}
	s->spared = true;
	progress_note(r->cloud.progress, "going on without OVH's own API: %s", why->msg);
	return 0;
}

/* Of what stops nobody, as prices, only an interrupt ends the verb. 0: go on, without. */
static int only_interrupted(int status, const struct error *why, struct error *e)
{
	if (status >= 0 || why->code != ERR_INTERRUPTED)
		return 0;
	*e = *why;
	return status;
}

int ovh_row_project(struct row *r, const char **ret, struct error *e)
{
	const char *id = r->access.project_id;
	struct os *os;
	int status;

	*ret = NULL;
	if (!has_openstack(r))
		return 0;
	if (id && *id) {
		*ret = id;
		return 0;
	}
	status = row_os(r, &os, e);
	return status < 0 ? status : os_project(os, r->arena, ret, e);
}

/* OVH's own API is asked about the project that OpenStack is signed in to, where nobody has asked it yet. */
static int take_project(struct row *r, struct error *e)
{
	struct ovh_session *s = r->own;
	const char *id = NULL, *words;
	struct error why = {};
	int status = s->native.project ? 0 : ovh_row_project(r, &id, &why);

	if (status < 0)
		return only_interrupted(status, &why, e);
	words = id ? ovh_session_agree(s, id) : NULL;
	if (words)
		progress_note(r->cloud.progress, "%s", words);
	return 0;
}

static int project_of(struct row *r, const struct native **ret, struct error *e)
{
	int status = take_project(r, e);

	return status < 0 ? status : ovh_session_project(r->own, ret, e);
}

static int flavors_of(
	struct row *r, const char *region, const struct ovh_flavors **ret, struct error *e)
{
	int status = take_project(r, e);

	return status < 0 ? status : ovh_session_flavors(r->own, region, ret, e);
}

static int ovh_check_region(struct row *r, const char *region, bool upload, struct error *e)
{
	struct ovh_session *s = r->own;
	const unsigned use = upload ? REGION_IMAGES : REGION_SERVERS | REGION_IMAGES;
	const struct native *n;
	struct error why = {};
	int status = asks(s) ? project_of(r, &n, &why) : 0;

	if (status == 0 && asks(s))
		status = project_region(n, region, use, s->arena, &s->region, &why);
	return spare(r, status, &why, e);
}

static int ovh_check_flavor(struct row *r, const char *region, const char *flavor, struct error *e)
{
	struct ovh_session *s = r->own;
	const struct ovh_flavors *v;
	const struct ovh_flavor *ignored;
	struct error why = {};
	int status = asks(s) ? flavors_of(r, region, &v, &why) : 0;

	if (status == 0 && asks(s))
		status = flavor_pick(v, flavor, &ignored, &why);
	return spare(r, status, &why, e);
}

/* The flavor's plan; without keys only the name is known, and OVH names plans after it. */
static int find_flavor(struct row *r, const char *region, const char *name, struct arena *a,
	struct ovh_flavor *ret, struct error *e)
{
	const struct ovh_flavors *v;
	struct error why = {};
	int status;

	*ret = (struct ovh_flavor){
		.name = name, .region = region, .hourly = arena_printf(a, "%s.consumption", name)
	};
	if (!asks(r->own))
		return 0;
	status = flavors_of(r, region, &v, &why);
	if (status == 0 && flavor_find(v, name))
		*ret = *flavor_find(v, name);
	return only_interrupted(status, &why, e);
}

/* NULL where there are none: prices stop nobody, and are asked for once. Negative: interrupted. */
static int find_prices(struct row *r, const struct ovh_prices **ret, struct error *e)
{
	struct ovh_session *s = r->own;
	struct error own = {};

	*ret = NULL;
	if (s->no_prices || ovh_session_prices(s, r->cloud.cache_dir, ret, &own) == 0)
		return 0;
	*ret = NULL;
	if (own.code == ERR_INTERRUPTED)
		return only_interrupted(-own.code, &own, e);
	s->no_prices = true;
	progress_note(r->cloud.progress, "no prices: %s", own.msg);
	return 0;
}

/* Said once, and only to who is shown a price: it may be that of another country. */
static void tell_whose(struct row *r, const struct ovh_prices *p)
{
	struct ovh_session *s = r->own;

	if (!p->assumed || s->told_prices)
		return;
	s->told_prices = true;
	progress_note(r->cloud.progress,
		"prices are those of OVH's catalogue for %s, as nobody says whose count: OVH_SUBSIDIARY, 'subsidiary' of ovh.conf, or a key that may GET /me",
		p->subsidiary);
}

/* GRA11, BHS5: names of old, none of which is a local zone or a region of three. */
static bool is_plain(const char *region)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", digits[] = "0123456789";
	size_t n = strspn(region, letters);

	return n > 0 && region[n] && region[n + strspn(region + n, digits)] == '\0' &&
	       strspn(region + n, digits) > 0;
}

/* What kind of region it is, for its volumes cost what that kind's do; NULL: not known. Negative: interrupted. */
static int find_type(struct row *r, const char *region, const char **ret, struct error *e)
{
	struct ovh_session *s = r->own;
	const struct native *n;
	struct error why = {};
	int status;

	*ret = is_plain(region) ? "region" : NULL;
	if (s->region.name && strcmp(s->region.name, region) == 0) {
		*ret = s->region.type ? s->region.type : *ret;
		return 0;
	}
	if (*ret || !asks(s))
		return 0;
	status = project_of(r, &n, &why);
	if (status == 0)
		status = project_region(n, region, 0, s->arena, &s->region, &why);
	if (status == 0)
		*ret = s->region.type;
	return only_interrupted(status, &why, e);
}

static int ovh_price(struct row *r, const char *region, const char *flavor, uint64_t volume_gib,
	struct arena *a, struct cloud_cost *ret, struct error *e)
{
	struct cloud_cost cost = { .carbon = -1 };
	const struct ovh_prices *prices;
	const char *type = NULL;
	struct ovh_flavor f = {};
	int status = find_prices(r, &prices, e);

	if (status == 0 && flavor)
		status = find_flavor(r, region, flavor, a, &f, e);
	if (status == 0 && prices)
		status = find_type(r, region, &type, e);
	if (status < 0)
		return status;
	/* Better no price than that of another kind of region. */
	if (prices && type)
		prices_cost(prices, flavor ? &f : NULL, type, VOLUME_TYPE,
			(int64_t)MIN(volume_gib, MIB), &cost);
	if (cost.currency)
		tell_whose(r, prices);
	if (flavor) {
		cost.carbon = carbon_month(region, f.vcpus);
		cost.carbon_basis = carbon_basis(region, f.vcpus);
	}
	*ret = cost;
	return 0;
}

static const struct row_hooks hooks = {
	.title = "OVH",
	.network = "Ext-Net",
	.open = ovh_row_open,
	.close = ovh_row_close,
	.access = ovh_row_access,
	.check_region = ovh_check_region,
	.check_flavor = ovh_check_flavor,
	.price = ovh_price,
};

static int ovh_open(struct cloud *c, struct error *e)
{
	return row_open(c, &hooks, e);
}

const struct provider provider_ovh = {
	.name = "ovh",
	.open = ovh_open,
	ROW_OPERATIONS,
};
