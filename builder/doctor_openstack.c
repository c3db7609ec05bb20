/*
 * What `kbuild doctor` asks of OpenStack, OVH's or another one: signing in, the services of the region, how
 * images may come in, whether there are security groups, and Nova's and Cinder's own limits.
 */
#include "api.h"
#include "arena.h"
#include "ctx.h"
#include "doctor.h"
#include "error.h"
#include "node.h"
#include "os.h"
#include "provider.h"
#include "reply.h"
#include "row.h"

#include <inttypes.h>
#include <string.h>

static bool is_open(const struct doctor *d)
{
	return d->opened != NULL;
}

static bool signed_in(const struct doctor *d)
{
	return d->os && d->region;
}

/* OVH's clock is asked by its native API. */
static bool has_os(const struct doctor *d)
{
	return d->os && strcmp(d->cloud, "openstack") == 0;
}

/* OVH's are asked of its native API. */
static bool has_limits(const struct doctor *d)
{
	return signed_in(d) && strcmp(d->cloud, "openstack") == 0;
}

static int check_sign_in(struct doctor *d, struct error *e)
{
	struct row *row = row_of(d->opened);
	const char *project = "", *region = NULL;
	struct error unknown = {};
	struct os *os;
	int r;

	row->looks = true;
	r = row_os(row, &os, e);
	if (r < 0 && row->no_user) {
		doctor_say(d, DOCTOR_OK, "signing in", NULL,
			"not tried: the OpenStack user '%s' is made by what is more than a look, as 'kbuild list'",
			row->no_user);
		return 0;
	}
	if (r == 0)
		r = os_project(os, d->arena, &project, e);
	if (r < 0)
		return r;
	d->os = os;
	doctor_say(d, DOCTOR_OK, "signing in", NULL, "works, in the project %s", project);
	if (d->region)
		return 0;
	if (row_region(row, OS_COMPUTE, NULL, &region, &unknown) == 0)
		d->region = arena_strdup(d->arena, region);
	else
		doctor_say(d, DOCTOR_WARN, "region",
			"--region REGION, or kbuild.server.region in the definition",
			"none is chosen, so none was looked at: %s", unknown.msg);
	return 0;
}

/* Signs in once more, really: what the last run kept says nothing of now. */
static int check_clock(struct doctor *d, struct error *e)
{
	int64_t behind_s;
	int r = os_clock_behind(d->os, &behind_s, e);

	if (r == 0)
		doctor_say_clock(d, -behind_s, "Keystone");
	return r;
}

static int check_services(struct doctor *d, struct error *e)
{
	static const struct {
		enum os_service service;
		const char *name, *use;
		bool needed;
	} services[] = {
		{ OS_IMAGE, "image", "images are uploaded to it", true },
		{ OS_COMPUTE, "compute", "servers are made by it", true },
		{ OS_NETWORK, "network", "security groups are its", true },
		{ OS_VOLUME, "volume", "data volumes are its", false },
	};
	const char *all = "";

	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		bool there;
		int r = os_has(d->os, services[i].service, d->region, &there, e);

		if (r < 0)
			return r;
		if (there)
			all = arena_printf(
				d->arena, "%s%s%s", all, *all ? ", " : "", services[i].name);
		else
			doctor_say(d, services[i].needed ? DOCTOR_FAIL : DOCTOR_WARN,
				arena_printf(d->arena, "service: %s", services[i].name),
				"choose another region (--region), or activate this one",
				"is not in the catalogue for %s: %s", d->region, services[i].use);
	}
	doctor_say(d, *all ? DOCTOR_OK : DOCTOR_FAIL, "services",
		"choose another region: --region REGION", "%s: %s", d->region, *all ? all : "none");
	return 0;
}

static int get(struct doctor *d, enum os_service service, const char *path, struct node **ret,
	struct error *e)
{
	return os_call(d->os,
		&(struct os_query){
			.service = service, .region = d->region, .method = "GET", .path = path },
		d->arena, ret, e);
}

/* Uploading by PUT works everywhere; what else there is, is worth knowing. */
static int check_import(struct doctor *d, struct error *e)
{
	const char *all = "";
	struct node *answer;
	const struct node *methods;
	int r = get(d, OS_IMAGE, "/info/import", &answer, e);

	if (r < 0)
		return r;
	methods = r == 0 ? node_path(answer, "import-methods.value") : NULL;
	for (size_t i = 0; methods && methods->kind == NODE_LIST && i < methods->n; i++) {
		const char *one = node_str(methods->items[i]);

		all = arena_printf(d->arena, "%s%s%s", all, i ? ", " : "",
			one ? api_clean(d->arena, one) : "?");
	}
	doctor_say(d, DOCTOR_OK, "uploads", NULL,
		"by PUT; import methods: %s; no limit of the size is published",
		*all ? all : "none");
	return 0;
}

static int check_groups(struct doctor *d, struct error *e)
{
	struct node *answer;
	int r = get(d, OS_NETWORK, "/security-groups?limit=1&fields=id", &answer, e);

	if (r < 0)
		return r;
	if (r > 0)
		doctor_say(d, DOCTOR_FAIL, "security groups",
			"ask the cloud's operator, or set 'kbuild.firewall' alone",
			"cannot be had, so that nothing outside of a server closes its ports: %s",
			e->msg);
	else
		doctor_say(d, DOCTOR_OK, "security groups", NULL, "can be had");
	return 0;
}

struct limits {
	int64_t instances, instances_used, cores, cores_used, ram, ram_used;
};

static const struct field limit_fields[] = {
	{ "maxTotalInstances", reply_number, offsetof(struct limits, instances) },
	{ "totalInstancesUsed", reply_number, offsetof(struct limits, instances_used) },
	{ "maxTotalCores", reply_number, offsetof(struct limits, cores) },
	{ "totalCoresUsed", reply_number, offsetof(struct limits, cores_used) },
	{ "maxTotalRAMSize", reply_number, offsetof(struct limits, ram) },
	{ "totalRAMUsed", reply_number, offsetof(struct limits, ram_used) },
	{},
};

static void say_limit(struct doctor *d, const char *what, int64_t max, int64_t used)
{
	if (max < 0)
		doctor_say(d, DOCTOR_OK, what, NULL, "no limit");
	else
		doctor_say(d, used >= max ? DOCTOR_FAIL : DOCTOR_OK, what,
			"ask the cloud's operator for more, or remove something",
			"%" PRId64 " of %" PRId64 " used", used, max);
}

static int check_limits(struct doctor *d, struct error *e)
{
	struct limits l = { -1, 0, -1, 0, -1, 0 };
	struct node *answer;
	int r = os_must(d->os,
		&(struct os_query){ .service = OS_COMPUTE,
			.region = d->region,
			.method = "GET",
			.path = "/limits" },
		d->arena, &answer, e);

	if (r == 0)
		r = reply_read(node_path(answer, "limits.absolute"), "limits", limit_fields, &l,
			d->arena, e);
	if (r < 0)
		return r;
	say_limit(d, "quota: servers", l.instances, l.instances_used);
	say_limit(d, "quota: CPUs", l.cores, l.cores_used);
	say_limit(d, "quota: memory (MB)", l.ram, l.ram_used);
	return 0;
}

const struct doctor_check doctor_openstack[] = {
	{ "signing in", check_sign_in, is_open,
		"mend user, password and auth_url in clouds.yaml or OS_* (kbuild doctor --help)" },
	{ "clock", check_clock, has_os,
		"mend this machine's network, or auth_url in clouds.yaml or OS_*" },
	{ "services", check_services, signed_in, "choose another region: --region REGION" },
	{ "uploads", check_import, signed_in,
		"ask the cloud's operator for the right to make images" },
	{ "security groups", check_groups, signed_in,
		"ask the cloud's operator for the right to see networks" },
	{ "quotas", check_limits, has_limits,
		"ask the cloud's operator for a role in this project" },
	{},
};
