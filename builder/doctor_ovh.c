/*
 * What `kbuild doctor` asks of OVH: the clock, the keys, each right by its name, the project, its regions,
 * flavors and quotas. Rights of a consumer key are read from its rules; others are tried where trying is
 * only looking.
 */
#include "api.h"
#include "arena.h"
#include "ctx.h"
#include "definition.h"
#include "doctor.h"
#include "error.h"
#include "node.h"
#include "ovh.h"
#include "ovh_row.h"
#include "ovh_session.h"
#include "project.h"
#include "reply.h"
#include "rights.h"
#include "row.h"
#include "signin.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define EXPIRES_SOON (14 * INT64_C(86400))

static bool has_session(const struct doctor *d)
{
	return d->ovh != NULL;
}

static bool signed_in(const struct doctor *d)
{
	return d->ovh && d->ovh->signed_in;
}

static bool has_project(const struct doctor *d)
{
	return d->project_known;
}

static bool has_region(const struct doctor *d)
{
	return d->project_known && d->region;
}

static bool has_flavor(const struct doctor *d)
{
	return has_region(d) && d->def && node_str(node_get(d->def->server, "flavor"));
}

/* --- configuration, clock, keys ----------------------------------------------------------------- */

/* Servers are made in that of OS_* or clouds.yaml, where there is one. Whether these are right is told later. */
static int agree_on_project(struct doctor *d, struct error *e)
{
	struct row *row = row_of(d->opened);
	const char *id, *words;
	struct error why = {};
	int r;

	row->looks = true;
	r = ovh_row_project(row, &id, &why);
	if (r < 0 && why.code == ERR_INTERRUPTED)
		*e = why;
	if (r < 0)
		return why.code == ERR_INTERRUPTED ? r : 0;
	words = id ? ovh_session_agree(d->ovh, id) : NULL;
	if (words)
		doctor_say(d, DOCTOR_WARN, "project of OpenStack",
			"say the same in both places, or unset OS_*", "%s", words);
	return 0;
}

static int check_configuration(struct doctor *d, struct error *e)
{
	const struct ovh_conf_ask ask = { .project = d->project };
	const struct ovh_conf *conf;
	struct error keys = {};
	int r = ovh_session_new(&d->ovh, &ask, false, d->http, d->c->clock, e);

	if (r < 0)
		return r;
	conf = &d->ovh->conf;
	for (size_t i = 0; conf->open_files[i]; i++)
		doctor_say(d, DOCTOR_WARN, "configuration",
			arena_printf(d->arena, "chmod 600 %s", conf->open_files[i]),
			"others may read %s, which holds secrets", conf->open_files[i]);
	if (!d->ovh->signed_in) {
		struct ovh_conf whole = *conf;

		whole.keys.visitor = false; /* what is missing, not what goes without */
		ovh_conf_check(&whole, &keys);
		doctor_say(d, d->opened ? DOCTOR_WARN : DOCTOR_FAIL, "configuration",
			"kbuild login ovh", "%s%s",
			d->opened ? "OpenStack alone, without OVH's own API: " : "", keys.msg);
		return 0;
	}
	doctor_say(d, DOCTOR_OK, "configuration", NULL, "%s, signing in with %s", conf->section,
		conf->keys.consumer_key ? "a consumer key"
		: conf->keys.client_id	? "a service account"
					: "an access token");
	if (d->open_error)
		doctor_say(d, DOCTOR_FAIL, "way into OpenStack",
			"mend clouds.yaml, or unset OS_* to let kbuild use a user of its own", "%s",
			d->open_error);
	return d->opened ? agree_on_project(d, e) : 0;
}

/* Calls are signed with OVH's time, so that a wrong clock stops nothing here; elsewhere it does. */
static int check_clock(struct doctor *d, struct error *e)
{
	struct node *answer;
	int64_t theirs;
	int r = ovh_must(d->ovh->api,
		&(struct ovh_query){ .method = "GET", .path = "/auth/time", .open = true },
		d->arena, &answer, e);

	if (r < 0)
		return r;
	if (!node_is_int(answer, &theirs) || theirs < 0)
		return error_set(e, ERR_FAILED, "OVH's time must be seconds since 1970, not %s",
			node_what(answer));
	doctor_say_clock(d, (int64_t)time(NULL) - theirs, "OVH");
	return 0;
}

struct credential {
	const char *status;
	int64_t expiration; /* 0: never */
	const struct node *rules;
};

static const struct field credential_fields[] = {
	{ "status", reply_word, offsetof(struct credential, status), FIELD_REQUIRED },
	{ "expiration", reply_time, offsetof(struct credential, expiration) },
	{ "rules", field_node, offsetof(struct credential, rules) },
	{},
};

static int check_key(struct doctor *d, struct error *e)
{
	struct credential key = {};
	struct node *answer;
	int64_t left;
	int r = ovh_must(d->ovh->api,
		&(struct ovh_query){ .method = "GET", .path = "/auth/currentCredential" }, d->arena,
		&answer, e);

	if (r == 0)
		r = reply_read(answer, "credential", credential_fields, &key, d->arena, e);
	if (r < 0)
		return r;
	d->rules = key.rules;
	left = key.expiration ? key.expiration - (int64_t)time(NULL) : INT64_MAX;
	if (strcmp(key.status, "validated") != 0 || left <= 0)
		doctor_say(d, DOCTOR_FAIL, "consumer key", "kbuild login ovh", "is %s%s",
			key.status, left <= 0 ? ", and has ended" : "");
	else if (left == INT64_MAX)
		doctor_say(d, DOCTOR_OK, "consumer key", NULL, "is validated, without an end");
	else
		doctor_say(d, left < EXPIRES_SOON ? DOCTOR_WARN : DOCTOR_OK, "consumer key",
			"kbuild login ovh", "is validated, and ends in %" PRId64 " days",
			left / 86400);
	return 0;
}

static int check_token(struct doctor *d, struct error *e)
{
	struct node *answer;
	const char *account;
	int r = ovh_must(d->ovh->api,
		&(struct ovh_query){ .method = "GET", .path = "/auth/details" }, d->arena, &answer,
		e);

	if (r < 0)
		return r;
	account = node_str(node_get(answer, "account"));
	doctor_say(d, DOCTOR_OK, "signing in", NULL, "works, as %s",
		account ? api_clean(d->arena, account) : "…");
	return 0;
}

static int check_credential(struct doctor *d, struct error *e)
{
	return d->ovh->conf.keys.consumer_key ? check_key(d, e) : check_token(d, e);
}

/* --- project, rights ------------------------------------------------------------------------------ */

static int check_project(struct doctor *d, struct error *e)
{
	const struct native *n;
	struct ovh_project p = {};
	int r = ovh_session_project(d->ovh, &n, e);

	if (r == 0)
		r = project_read(n, d->arena, &p, e);
	if (r < 0)
		return r;
	d->project_known = true;
	doctor_say(d, DOCTOR_OK, "project", NULL, "%s (%s), %s", p.id, p.name ? p.name : "no name",
		p.status);
	return 0;
}

/* 0: allowed; 1: denied; 2: cannot be known without doing it. */
static int try_right(
	struct doctor *d, const struct ovh_right *right, const char *path, struct error *e)
{
	int r;

	if (d->ovh->conf.keys.consumer_key)
		return ovh_rules_allow(d->rules, right->method, path) ? 0 : 1;
	if (right->own_user && d->ovh->conf.keys.client_id && signin_federates(&d->ovh->conf))
		return 0; /* it signs in to OpenStack by itself */
	if (!right->probe)
		return 2;
	r = ovh_call(d->ovh->api,
		&(struct ovh_query){ .method = "GET", .path = path, .may_be_denied = true },
		d->arena, NULL, e);
	if (r == OVH_DENIED)
		return 1;
	return r < 0 ? r : 0; /* absent is not denied: another check tells */
}

static const char *mend_right(const struct doctor *d)
{
	const char *project = d->ovh->native.project;
	const char *zone = d->zone ? arena_printf(d->arena, " --zone %s", d->zone) : "";
	bool key = d->ovh->conf.keys.consumer_key != NULL;

	return arena_printf(d->arena, "kbuild login ovh%s%s%s%s", key ? "" : " --iam",
		project ? " --project " : "", project ? project : "", zone);
}

static int check_rights(struct doctor *d, struct error *e)
{
	size_t untried = 0;

	for (const struct ovh_right *right = ovh_rights; right->what; right++) {
		const char *path, *check;
		int r;

		if (right->scope == RIGHT_ZONE && !d->zone)
			continue;
		path = ovh_right_path(right->path, d->ovh->native.project, d->zone, d->arena);
		check = arena_printf(d->arena, "right: %s", right->what);
		r = try_right(d, right, path, e);
		if (r < 0)
			return r;
		if (r == 0)
			doctor_say(d, DOCTOR_OK, check, NULL, "%s %s", right->method, path);
		else if (r == 1 && right->scope == RIGHT_ACCOUNT)
			doctor_say(d, DOCTOR_WARN, check, mend_right(d),
				"%s %s is not allowed, so that prices may be another country's",
				right->method, path);
		else if (r == 1)
			doctor_say(d, DOCTOR_FAIL, check, mend_right(d), "%s %s is not allowed",
				right->method, path);
		untried += r == 2;
	}
	if (untried)
		doctor_say(d, DOCTOR_OK, "rights to change", NULL,
			"%zu cannot be seen without using them; the first use tells", untried);
	return 0;
}

/* --- regions, flavors, quotas ---------------------------------------------------------------------- */

static const char *join(const char *const *names, struct arena *a)
{
	const char *all = "";

	for (size_t i = 0; names[i]; i++)
		all = arena_printf(a, "%s%s%s", all, i ? ", " : "", names[i]);
	return all;
}

static int check_regions(struct doctor *d, struct error *e)
{
	const struct native *n = &d->ovh->native;
	const char *none[] = { NULL }, **active = none, **more = none;
	int r = project_regions(n, d->arena, &active, e);

	if (r == 0)
		r = project_regions_available(n, d->arena, &more, e);
	if (r < 0)
		return r;
	doctor_say(d, active[0] ? DOCTOR_OK : DOCTOR_FAIL, "regions",
		arena_printf(d->arena, "kbuild doctor --cloud ovh --project %s --activate REGION",
			n->project),
		"active: %s%s%s", active[0] ? join(active, d->arena) : "none",
		more[0] ? "; could be: " : "", join(more, d->arena));
	if (!d->region && active[0] && !active[1])
		d->region = active[0];
	if (!d->region)
		doctor_say(d, DOCTOR_WARN, "region",
			"--region REGION, or kbuild.server.region in the definition",
			"none is chosen, so none was looked at");
	return 0;
}

static int check_region(struct doctor *d, struct error *e)
{
	struct ovh_region *region = &d->ovh->region;
	int r = project_region(&d->ovh->native, d->region, REGION_SERVERS | REGION_IMAGES,
		d->ovh->arena, region, e);

	if (r < 0)
		return r;
	doctor_say(d, DOCTOR_OK, "region", NULL, "%s is %s, and takes images of one's own",
		region->name, region->status);
	return 0;
}

static int check_flavor(struct doctor *d, struct error *e)
{
	const char *name = node_str(node_get(d->def->server, "flavor"));
	const struct ovh_flavors *all;
	const struct ovh_flavor *f = NULL;
	int r = ovh_session_flavors(d->ovh, d->region, &all, e);

	if (r == 0)
		r = flavor_pick(all, name, &f, e);
	if (r < 0 || !f)
		return r;
	doctor_say(d, DOCTOR_OK, "flavor", NULL,
		"%s is there: %" PRId64 " CPUs, %" PRId64 " MB, %" PRId64 " GB of disk", f->name,
		f->vcpus, f->ram, f->disk);
	return 0;
}

/* What one server of the definition would take. */
static int check_quotas(struct doctor *d, struct error *e)
{
	static const char mend[] =
		"raise it in the web console (Public Cloud, 'Quota and Regions'), or remove something";
	const struct ovh_flavors *all = &d->ovh->flavors;
	const struct ovh_flavor *f = NULL;
	struct ovh_quota q;
	int r = project_quota(&d->ovh->native, d->region, d->arena, &q, e);

	if (r < 0)
		return r;
	if (has_flavor(d) && all->region && strcmp(all->region, d->region) == 0)
		f = flavor_find(all, node_str(node_get(d->def->server, "flavor")));

	const struct doctor_limit limits[] = {
		{ "quota: servers", q.instances.max, q.instances.used, 1 },
		{ "quota: CPUs", q.cores.max, q.cores.used, f ? f->vcpus : 1 },
		{ "quota: memory (MB)", q.ram.max, q.ram.used, f ? f->ram : 2000 },
		{ "quota: volumes", q.volumes.max, q.volumes.used, d->volume_gib ? 1 : 0 },
		{ "quota: volumes (GB)", q.gigabytes.max, q.gigabytes.used, d->volume_gib },
	};

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		doctor_say_limit(d, &limits[i], mend);
	doctor_say_key_pairs(d, q.key_pairs.max, mend);
	return 0;
}

static int check_images(struct doctor *d, struct error *e)
{
	struct ovh_image *v;
	int64_t mib = 0;
	size_t n;
	int r = project_images(&d->ovh->native, d->region, d->arena, &v, &n, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		mib += v[i].mib;
	doctor_say(d, DOCTOR_OK, "private images", NULL,
		"%zu in %s, %" PRId64 " MiB; OVH publishes no limit of their size", n, d->region,
		mib);
	return 0;
}

const struct doctor_check doctor_ovh[] = {
	{ "configuration", check_configuration, NULL, "kbuild login ovh --help" },
	{ "clock", check_clock, has_session,
		"mend this machine's network, or its proxy (https_proxy)" },
	{ "credential", check_credential, signed_in, "kbuild login ovh" },
	{ "project", check_project, signed_in, "OVH_CLOUD_PROJECT_SERVICE=ID" },
	{ "rights", check_rights, signed_in, "kbuild login ovh" },
	{ "regions", check_regions, has_project, "kbuild login ovh" },
	{ "region", check_region, has_region,
		"choose another (--region), or activate this one, where that is what it lacks" },
	{ "flavor", check_flavor, has_flavor,
		"another flavor in kbuild.server.flavor; 'kbuild plan' names those there are" },
	{ "quotas", check_quotas, has_region, "kbuild login ovh" },
	{ "private images", check_images, has_region, "kbuild login ovh" },
	{},
};
