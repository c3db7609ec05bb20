/* What was found, as the items of a plan: there, to be made, worth knowing, wrong. */
#include "launching.h"

#include "arena.h"
#include "mark.h"
#include "plan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 6 /* so many flavors are told */

void launch_wrong(struct launching *l, const char *what, const char *name, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	plan_add(l->plan, l->a, PLAN_WRONG, what, name, arena_strdup(l->a, text));
}

/* Whether a launch that is over was this one; without the image only as far as that can be told. */
static bool is_of_this_launch(const struct launching *l, const struct nova_server *s)
{
	if (!l->intent)
		return !l->other_flavor &&
		       launch_may_have_made(l->q, s->tag_definition, s->tag_image);
	return s->tag_intent && strcmp(s->tag_intent, l->intent) == 0;
}

static void show_settled(struct launching *l, const struct nova_server *s)
{
	const char *name = l->q->name, *words = l->row->cloud.words;

	if (!is_of_this_launch(l, s))
		launch_wrong(l, "server", name,
			"there is a server '%s' already (%s), from another launch than this: choose another name with --name, or 'kbuild destroy %s%s' first",
			name, s->status, name, words);
	else if (strcmp(s->status, "ACTIVE") != 0)
		launch_wrong(l, "server", name,
			"there is a server '%s' already (%s): 'kbuild start %s%s' starts it", name,
			s->status, name, words);
	else if (s->tag_flavor && s->flavor && strcmp(s->tag_flavor, s->flavor) != 0)
		plan_add(l->plan, l->a, PLAN_NOTE, "flavor", s->tag_flavor,
			arena_printf(l->a,
				"the server has another one by now, %s: a launch leaves it so",
				s->flavor));
}

void show_server(struct launching *l)
{
	const struct nova_server *s = l->server;

	if (l->q->user_data && strlen(l->q->user_data) > USER_DATA_MAX)
		launch_wrong(l, "user-data", l->q->name,
			"it has %zu bytes, and the cloud takes %d: shorten what the definition leaves for first boot",
			strlen(l->q->user_data), USER_DATA_MAX);
	if (l->q->ssh_keys && l->q->ssh_keys[0] && l->q->ssh_keys[1])
		launch_wrong(l, "key pair", row_key_name(l->row, l->q->name, l->a),
			"a key pair of this cloud is one key: give one --ssh-key, and others in the definition's users");
	if (!s)
		return;
	if (l->broken)
		plan_add(l->plan, l->a, PLAN_NOTE, "server", l->q->name,
			arena_printf(l->a,
				s->tag_settled
					? "the one of before is %s: a new one comes when it is gone"
					: "an earlier launch left one that is %s: it will be replaced",
				s->task ? s->task : s->status));
	else if (s->tag_settled || (strcmp(s->status, "ERROR") != 0 && row_has_long_run(s) &&
					   !is_of_this_launch(l, s)))
		show_settled(l, s);
	else if (strcmp(s->status, "ERROR") == 0)
		launch_wrong(l, "server", l->q->name,
			"the server '%s' has run, and is %s now%s%s: what is on its disk is not removed without being asked; 'kbuild destroy %s%s' does that",
			l->q->name, s->status, s->fault ? ": " : "", s->fault ? s->fault : "",
			l->q->name, l->row->cloud.words);
	else if (l->intent && (!s->tag_intent || strcmp(s->tag_intent, l->intent) != 0))
		launch_wrong(l, "server", l->q->name,
			"the server '%s' is still starting, from another launch than this: 'kbuild destroy %s%s' removes it",
			l->q->name, l->q->name, l->row->cloud.words);
}

/* The smallest ones that the image fits on. */
static const char *fitting(const struct launching *l)
{
	const char *text = "";
	size_t n = 0;

	for (size_t i = 0; i < l->n_flavors && n < NAMES_MAX; i++) {
		if (flavor_fits(l, &l->flavors[i]))
			text = arena_printf(
				l->a, "%s%s%s", text, n++ ? ", " : "", l->flavors[i].name);
	}
	return n ? text : "none";
}

static const char *nearest_flavor(const struct launching *l)
{
	const char **names = arena_alloc(l->a, (l->n_flavors + 1) * sizeof *names);

	for (size_t i = 0; i < l->n_flavors; i++)
		names[i] = l->flavors[i].name;
	return nearest_word(l->q->flavor, names);
}

void show_flavor(struct launching *l)
{
	const char *near;

	if (!l->q->flavor) {
		launch_wrong(l, "flavor", NULL,
			"say how large: --flavor, or kbuild.server.flavor of the definition; those that fit: %s",
			fitting(l));
	} else if (!l->flavor) {
		near = nearest_flavor(l);
		launch_wrong(l, "flavor", l->q->flavor,
			"there is none in %s%s%s%s; those that fit: %s", l->region,
			near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "",
			fitting(l));
	} else if (!flavor_fits(l, l->flavor)) {
		launch_wrong(l, "flavor", l->q->flavor,
			"its disk has %" PRId64 " GiB and the image needs %" PRIu64
			"; those that fit: %s",
			l->flavor->disk, (MAX(l->q->min_disk, l->q->disk_size) + GIB - 1) / GIB,
			fitting(l));
	}
}

void show_network(struct launching *l)
{
	const char *names = "";

	for (size_t i = 0; i < l->n_networks; i++)
		names = arena_printf(l->a, "%s%s%s", names, i ? ", " : "", l->networks[i].name);
	if (!l->network)
		launch_wrong(l, "network", l->q->network, "%s in %s; there is: %s",
			l->q->network ? "there is none of this name"
				      : "say which: --network, or kbuild.server.network",
			l->region, *names ? names : "none");
	else
		plan_add(l->plan, l->a, PLAN_THERE, "network", l->network->name, NULL);
	if (l->network && !l->network->port_security)
		plan_add(l->plan, l->a, PLAN_NOTE, "network", l->network->name,
			"port security is off there: the cloud's firewall does nothing, only the server's own");
}

void show_image(struct launching *l)
{
	if (l->image)
		plan_add(l->plan, l->a, PLAN_THERE, "image", l->q->definition, l->image);
	else if (l->image_unproven)
		plan_add(l->plan, l->a, PLAN_THERE, "image", l->q->definition,
			"its bytes are compared first");
	else
		plan_add(l->plan, l->a, PLAN_MAKE, "image", l->q->definition,
			!l->q->definition ? "uploaded first"
			: l->q->image_digest
				? "uploaded first"
				: "built and uploaded first, where that is not done yet");
}

void show_key(struct launching *l)
{
	if (l->q->key && !l->key_there)
		launch_wrong(l, "key pair", l->q->key,
			"this user has none of this name in %s: 'openstack keypair list' shows them",
			l->region);
	else if (l->key_there && !l->key_stale)
		plan_add(l->plan, l->a, PLAN_THERE, "key pair", l->key, NULL);
	else
		plan_add(l->plan, l->a, PLAN_MAKE, "key pair", l->key,
			l->q->ssh_keys && l->q->ssh_keys[0] ? NULL
							    : "of a key made for this server");
}

/* "22/tcp, 80/tcp from 10.0.0.0/8" */
static const char *ports_text(const struct launching *l)
{
	size_t n;
	const struct port_allow *allow = launch_allow(l->q, &n);
	const char *text = "nothing comes in";

	for (size_t i = 0; i < n; i++) {
		const struct port_allow *p = &allow[i];

		text = arena_printf(
			l->a, "%s%u", i ? arena_printf(l->a, "%s, ", text) : "lets in ", p->first);
		if (p->last != p->first)
			text = arena_printf(l->a, "%s:%u", text, p->last);
		text = arena_printf(l->a, "%s/%s%s%s", text, p->protocol, p->from ? " from " : "",
			p->from ? p->from : "");
	}
	return text;
}

/* A launch of what it has finished makes nothing: what somebody has taken away since then is missing, and is said. */
static bool is_finished(const struct launching *l)
{
	return l->server && !l->broken && l->server->tag_settled;
}

void show_group(struct launching *l)
{
	if (l->network && !l->network->port_security)
		return;
	if (!l->group && is_finished(l))
		plan_add(l->plan, l->a, PLAN_NOTE, "security group", l->tag,
			"it is gone, and the server runs without it: a launch leaves it so");
	else if (l->group && !neutron_group_is_ours(l->group))
		launch_wrong(l, "security group", l->tag,
			"there is one of this name that kbuild has not made: rename it, or choose another --name");
	else
		plan_add(l->plan, l->a, l->group ? PLAN_THERE : PLAN_MAKE, "security group", l->tag,
			ports_text(l));
}

void show_volume(struct launching *l)
{
	int64_t size = (int64_t)(l->q->volume_size / GIB);

	if (l->q->volume_size % GIB)
		launch_wrong(l, "data volume", l->tag,
			"volumes of this cloud have whole GiB: kbuild.server.volume or --volume, as in %" PRId64
			"G",
			size + 1);
	else if (is_finished(l) && (!l->volume || !l->volume->attached_to))
		plan_add(l->plan, l->a, PLAN_NOTE, "data volume", l->tag,
			l->volume
				? "it is there, but the server runs without it: a launch leaves it so"
				: "it is gone, and the server runs without it: a launch leaves it so");
	else if (!l->volume)
		plan_add(l->plan, l->a, PLAN_MAKE, "data volume", l->tag,
			arena_printf(l->a, "%" PRId64 " GiB", size));
	else if (l->volume->attached_to &&
		 (!l->server || strcmp(l->volume->attached_to, l->server->id) != 0))
		launch_wrong(l, "data volume", l->tag, "it is attached to another server (%s)",
			l->volume->attached_to);
	else if (strcmp(l->volume->status, "error") == 0)
		launch_wrong(l, "data volume", l->tag,
			"an earlier launch left one in the state error: 'kbuild destroy %s --with-data%s' removes it",
			l->q->name, l->row->cloud.words);
	else if (l->volume->size < size && launch_makes_server(l))
		launch_wrong(l, "data volume", l->tag,
			"the one that was kept has %" PRId64 " GiB, and %" PRId64
			" are asked for: make it larger ('openstack volume set --size %" PRId64
			" %s'), or ask for no more",
			l->volume->size, size, size, l->volume->id);
	else
		plan_add(l->plan, l->a, PLAN_THERE, "data volume", l->tag,
			arena_printf(l->a, "%" PRId64 " GiB, kept from before", l->volume->size));
}

/* What is there does not move to where it is wanted. */
static void show_elsewhere(struct launching *l)
{
	const struct nova_server *s = l->server;
	const struct cinder_volume *v = l->volume;
	const char *name = l->q->name, *words = l->row->cloud.words;

	if (l->q->zone && s && !l->broken && s->zone && *s->zone && strcmp(s->zone, l->zone) != 0)
		launch_wrong(l, "server", name,
			"it is in the zone %s, and %s is asked for: 'kbuild destroy %s%s' first",
			s->zone, l->zone, name, words);
	if (!v || !v->zone || !l->volume_zone || strcmp(v->zone, l->volume_zone) == 0)
		return;
	if (l->q->zone)
		launch_wrong(l, "data volume", l->tag,
			"it is in the zone %s, which volumes do not leave, and %s is asked for: ask for %s, or copy what is on it and 'kbuild destroy %s --with-data%s'",
			v->zone, l->zone, v->zone, name, words);
	else
		launch_wrong(l, "data volume", l->tag,
			"it is in the zone %s, and the server in %s, where it cannot be attached: 'kbuild destroy %s%s' keeps it, and the next launch makes the server beside it",
			v->zone, l->zone, name, words);
}

void show_zone(struct launching *l)
{
	const char *const *there = l->zones.servers;
	const char *names = "", *near;

	if (!l->zone)
		return;
	if (l->q->zone && there[0] && !zones_among(l->zone, there)) {
		near = nearest_word(l->zone, there);
		for (size_t i = 0; there[i]; i++)
			names = arena_printf(l->a, "%s%s%s", names, i ? ", " : "", there[i]);
		launch_wrong(l, "zone", l->zone, "there is none in %s%s%s%s; there is: %s",
			l->region, near ? "; did you mean '" : "", near ? near : "",
			near ? "'?" : "", names);
		return;
	}
	plan_add(l->plan, l->a, PLAN_NOTE, "zone", l->zone,
		l->q->zone
			? "as asked"
			: "the server is made where its data volume is, as volumes do not leave their zone");
	show_elsewhere(l);
}
