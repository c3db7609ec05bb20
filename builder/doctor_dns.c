/*
 * What `kbuild doctor` asks about the zone of kbuild.dns: does OVH hold it, is it published, and is it OVH
 * that the world asks. A record that is right in a zone nobody asks is the hardest to find.
 */
#include "arena.h"
#include "ctx.h"
#include "doctor.h"
#include "error.h"
#include "name_servers.h"
#include "node.h"
#include "ovh.h"
#include "ovh_session.h"
#include "reply.h"

#include <string.h>

static bool has_zone(const struct doctor *d)
{
	return d->zone != NULL;
}

static bool can_ask(const struct doctor *d)
{
	return d->zone && d->ovh && d->ovh->signed_in;
}

/* GET below the zone; outcomes as ovh_call(). */
static int get(struct doctor *d, const char *path, struct node **ret, struct error *e)
{
	return ovh_call(d->ovh->api,
		&(struct ovh_query){ .method = "GET",
			.path = arena_printf(d->arena, "/domain/zone/%s%s", d->zone, path),
			.may_be_denied = true },
		d->arena, ret, e);
}

struct zone {
	const char **servers;
};

static const struct field zone_fields[] = {
	{ "nameServers", field_strings, offsetof(struct zone, servers), FIELD_REQUIRED },
	{},
};

struct state {
	bool deployed;
};

static const struct field state_fields[] = {
	{ "isDeployed", field_bool, offsetof(struct state, deployed), FIELD_REQUIRED },
	{},
};

static int check_zone(struct doctor *d, struct error *e)
{
	struct state state = {};
	struct zone zone = {};
	struct node *answer;
	int r = get(d, "", &answer, e);

	if (r == 0)
		r = reply_read(answer, "zone", zone_fields, &zone, d->arena, e);
	if (r == OVH_ABSENT) {
		doctor_say(d, DOCTOR_FAIL, "zone",
			"name a zone of this account in kbuild.dns.zone, or add this one in the web console",
			"OVH has no zone %s in this account", d->zone);
		return 0;
	}
	if (r != 0)
		return -e->code;
	d->zone_servers = zone.servers;
	doctor_say(d, DOCTOR_OK, "zone", NULL, "%s is at OVH", d->zone);
	r = get(d, "/status", &answer, e);
	if (r == 0)
		r = reply_read(answer, "status", state_fields, &state, d->arena, e);
	if (r != 0)
		return -e->code;
	doctor_say(d, state.deployed ? DOCTOR_OK : DOCTOR_WARN, "published",
		"wait a minute; 'kbuild dns sync' publishes", "%s",
		state.deployed ? "what the zone holds is what is served"
			       : "the zone holds changes that are not served yet");
	return 0;
}

static const char *join(const char *const *names, struct arena *a)
{
	const char *all = "";

	for (size_t i = 0; names[i]; i++)
		all = arena_printf(a, "%s%s%s", all, i ? ", " : "", names[i]);
	return all;
}

static bool among(const char *const *names, const char *name)
{
	for (; *names; names++) {
		if (strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

static int check_delegation(struct doctor *d, struct error *e)
{
	const char **asked;
	size_t ours = 0, n = 0;
	int r = name_servers(d->zone, d->arena, &asked, e);

	if (r < 0)
		return r;
	if (!asked[0]) {
		doctor_say(d, DOCTOR_FAIL, "delegation",
			"set the domain's name servers at its registrar",
			"nobody is asked about %s: it has no name servers", d->zone);
		return 0;
	}
	if (!d->zone_servers) {
		doctor_say(d, DOCTOR_OK, "delegation", NULL, "%s is asked of %s", d->zone,
			join(asked, d->arena));
		return 0;
	}
	for (; d->zone_servers[n]; n++)
		ours += among(asked, name_server_form(d->zone_servers[n], d->arena));
	if (ours == n)
		doctor_say(d, DOCTOR_OK, "delegation", NULL, "%s is asked of OVH: %s", d->zone,
			join(asked, d->arena));
	else
		doctor_say(d, ours ? DOCTOR_WARN : DOCTOR_FAIL, "delegation",
			arena_printf(d->arena,
				"at its registrar, set the domain's name servers to %s",
				join(d->zone_servers, d->arena)),
			"%s is asked of %s, so records at OVH %s", d->zone, join(asked, d->arena),
			ours ? "are not seen by everybody" : "are seen by nobody");
	return 0;
}

const struct doctor_check doctor_dns[] = {
	{ "zone", check_zone, can_ask, "kbuild login ovh --zone ZONE" },
	{ "delegation", check_delegation, has_zone,
		"mend how this machine finds names (/etc/resolv.conf)" },
	{},
};
