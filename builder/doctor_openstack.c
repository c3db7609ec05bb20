/*
 * What `kbuild doctor` asks of OpenStack, OVH's or another one: signing in, the services of the region, how
 * images may come in, whether there are security groups, and the services' own limits.
 */
#include "api.h"
#include "arena.h"
#include "cinder.h"
#include "ctx.h"
#include "definition.h"
#include "doctor.h"
#include "error.h"
#include "glance.h"
#include "neutron.h"
#include "node.h"
#include "nova.h"
#include "os.h"
#include "ovh_session.h"
#include "provider.h"
#include "row.h"

#include <inttypes.h>
#include <string.h>

#define LEAST_RAM 512 /* MB: less than that boots none of our images */

static bool is_open(const struct doctor *d)
{
	return d->opened != NULL;
}

static bool signed_in(const struct doctor *d)
{
	return d->os && d->region;
}

/* OVH's are asked of its native API, which does not know those of networks. */
static bool has_limits(const struct doctor *d)
{
	return signed_in(d) && !(d->ovh && d->ovh->signed_in);
}

/* The one that is meant has to be in the catalogue: of one that is not there no service needs to be looked for. */
static int find_region(struct doctor *d, struct error *e)
{
	static const char mend[] = "--region REGION, or kbuild.server.region in the definition";
	const char *region = NULL, *asked = TAKE(d->region);
	struct error unknown = {};

	if (row_region(row_of(d->opened), OS_COMPUTE, asked, &region, &unknown) == 0) {
		d->region = arena_strdup(d->arena, region);
	} else if (unknown.code == ERR_INTERRUPTED) {
		*e = unknown;
		return -e->code;
	} else if (asked) {
		doctor_say(d, DOCTOR_FAIL, "region", mend, "%s", unknown.msg);
	} else {
		doctor_say(d, DOCTOR_WARN, "region", mend,
			"none is chosen, so none was looked at: %s", unknown.msg);
	}
	return 0;
}

/* Really, whatever the last run has kept: that says nothing of now, neither of a password nor of the catalogue. */
static int check_sign_in(struct doctor *d, struct error *e)
{
	struct row *row = row_of(d->opened);
	const char *project = "";
	int64_t behind_s = 0;
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
		r = os_clock_behind(os, &behind_s, e);
	if (r == 0)
		r = os_project(os, d->arena, &project, e);
	if (r < 0)
		return r;
	d->os = os;
	doctor_say(d, DOCTOR_OK, "signing in", NULL, "works, in the project %s", project);
	if (strcmp(d->cloud, "openstack") == 0) /* OVH's clock is asked by its native API */
		doctor_say_clock(d, -behind_s, "Keystone");
	return find_region(d, e);
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

static const char *room_text(const struct doctor *d, const struct glance_room *room)
{
	const char *mib =
		room->mib < 0 ? "" : arena_printf(d->arena, " %" PRId64 " MiB", room->mib);

	if (room->images < 0)
		return *mib ? arena_printf(d->arena, "room for%s more", mib)
			    : "no limit of their size is known";
	return arena_printf(d->arena, "room for%s%s %" PRId64 " images more", mib,
		*mib ? " and" : "", room->images);
}

static int say_uploads(struct doctor *d, const char *methods, struct error *e)
{
	struct glance_room room;
	int r = glance_room(d->os, d->region, &room, e);

	if (r < 0)
		return r;
	doctor_say(d, room.mib == 0 || room.images == 0 ? DOCTOR_FAIL : DOCTOR_OK, "uploads",
		"kbuild prune, or ask the cloud's operator for more",
		"by PUT; import methods: %s; %s", methods, room_text(d, &room));
	return 0;
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
	return say_uploads(d, *all ? all : "none", e);
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

static const char *more(const struct doctor *d)
{
	return strcmp(d->cloud, "ovh") == 0
		       ? "raise it in the web console (Public Cloud, 'Quota and Regions'), or remove something"
		       : "ask the cloud's operator for more, or remove something";
}

static void say_limits(struct doctor *d, const struct doctor_limit *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		doctor_say_limit(d, &v[i], more(d));
}

static int check_volume_limits(struct doctor *d, struct error *e)
{
	struct cinder_limits l;
	bool there;
	int r = os_has(d->os, OS_VOLUME, d->region, &there, e);

	if (r < 0 || !there)
		return r;
	r = cinder_limits(d->os, d->region, d->arena, &l, e);
	if (r == 0)
		say_limits(d,
			(const struct doctor_limit[]){
				{ "quota: volumes", l.max_volumes, l.volumes,
					d->volume_gib ? 1 : 0 },
				{ "quota: volumes (GB)", l.max_gib, l.gib, d->volume_gib },
			},
			2);
	return r;
}

static const char other_flavor[] =
	"another flavor in kbuild.server.flavor; 'kbuild plan' names those there are";

static const char *flavor_of(const struct doctor *d)
{
	return d->def ? node_str(node_get(d->def->server, "flavor")) : NULL;
}

static bool has_flavor(const struct doctor *d)
{
	return has_limits(d) && flavor_of(d);
}

static int check_flavor(struct doctor *d, struct error *e)
{
	const char *name = flavor_of(d);
	struct nova_flavor *v;
	size_t n;
	int r = nova_flavors(d->os, d->region, d->arena, &v, &n, e);

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (strcmp(v[i].name, name) != 0 && strcmp(v[i].id, name) != 0)
			continue;
		d->vcpus = v[i].vcpus;
		d->ram = v[i].ram;
		doctor_say(d, DOCTOR_OK, "flavor", NULL,
			"%s is there: %" PRId64 " CPUs, %" PRId64 " MB, %" PRId64 " GB of disk",
			v[i].name, v[i].vcpus, v[i].ram, v[i].disk);
		return 0;
	}
	if (r == 0)
		doctor_say(d, DOCTOR_FAIL, "flavor", other_flavor, "there is no flavor '%s' in %s",
			name, d->region);
	return r;
}

/* What one server of the definition would take, or the smallest one. */
static int check_limits(struct doctor *d, struct error *e)
{
	struct nova_limits l;
	int r = nova_limits(d->os, d->region, d->arena, &l, e);

	if (r < 0)
		return r;
	say_limits(d,
		(const struct doctor_limit[]){
			{ "quota: servers", l.max_servers, l.servers, 1 },
			{ "quota: CPUs", l.max_cores, l.cores, MAX(d->vcpus, 1) },
			{ "quota: memory (MB)", l.max_ram, l.ram, d->ram ? d->ram : LEAST_RAM },
		},
		3);
	doctor_say_key_pairs(d, l.max_keys, more(d));
	return check_volume_limits(d, e);
}

static int check_network_limits(struct doctor *d, struct error *e)
{
	struct neutron_limits l;
	int r = neutron_limits(d->os, d->region, d->arena, &l, e);

	if (r == 0)
		say_limits(d,
			(const struct doctor_limit[]){
				{ "quota: ports", l.max_ports, l.ports, 1 },
				{ "quota: security groups", l.max_groups, l.groups, 1 },
			},
			2);
	return r;
}

const struct doctor_check doctor_openstack[] = {
	{ "signing in", check_sign_in, is_open,
		"mend user, password and auth_url in clouds.yaml or OS_* (kbuild doctor --help)" },
	{ "services", check_services, signed_in, "choose another region: --region REGION" },
	{ "uploads", check_import, signed_in,
		"ask the cloud's operator for the right to make images" },
	{ "security groups", check_groups, signed_in,
		"ask the cloud's operator for the right to see networks" },
	{ "flavor", check_flavor, has_flavor, other_flavor },
	{ "quotas", check_limits, has_limits,
		"ask the cloud's operator for a role in this project" },
	{ "quotas of networks", check_network_limits, signed_in,
		"ask the cloud's operator for a role in this project" },
	{},
};
