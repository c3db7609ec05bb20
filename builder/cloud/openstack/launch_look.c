/* What a launch finds in the cloud before it makes anything. */
#include "launching.h"

#include "arena.h"
#include "error.h"
#include "glance.h"
#include "os.h"
#include "ssh_key.h"
#include "zones.h"

#include <string.h>

/*
 * One that has run is nobody's to replace, whatever became of it: somebody may have used it although no launch has
 * seen it answer.
 */
bool launch_is_broken(const struct nova_server *s)
{
	if (strcmp(s->status, "ERROR") == 0)
		return s->never_ran && !s->tag_settled;
	return strcmp(s->status, "DELETED") == 0 || (s->task && strcmp(s->task, "deleting") == 0);
}

/*
 * For a plan, which has nothing else of the request to compare. A launch has in the end: a server that a person has
 * resized since is still its own. Nova says the flavor's name; who asks for one may say its id.
 */
static int compare_flavor(struct launching *l, struct error *e)
{
	/* Somebody may have resized it since then: what it was made as counts. */
	const char *made = l->server->tag_flavor;
	const char *want = l->q->flavor, *is = made && *made ? made : l->server->flavor;
	struct nova_flavor *v;
	size_t n;
	int r;

	if (!l->row->looks || l->intent || l->broken || !want || !is || !*is ||
		strcmp(want, is) == 0)
		return 0;
	r = nova_flavors(l->os, l->region, l->a, &v, &n, e);
	l->other_flavor = true;
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (strcmp(v[i].id, want) == 0 && strcmp(v[i].name, is) == 0)
			l->other_flavor = false;
	}
	return r;
}

int look_server(struct launching *l, struct error *e)
{
	struct nova_server *v;
	size_t n;
	int r = nova_servers(l->os, l->region, l->q->name, l->a, &v, &n, e);

	if (r < 0)
		return r;
	l->server = row_ours(v, n, l->q->name);
	l->broken = l->server && launch_is_broken(l->server);
	return l->server ? compare_flavor(l, e) : 0;
}

int look_flavor(struct launching *l, struct error *e)
{
	const char *want = l->q->flavor;
	struct nova_flavor *v;
	int r = nova_flavors(l->os, l->region, l->a, &v, &l->n_flavors, e);

	if (r < 0)
		return r;
	l->flavors = v;
	for (size_t i = 0; want && i < l->n_flavors; i++) {
		if (strcmp(v[i].name, want) == 0 || strcmp(v[i].id, want) == 0)
			l->flavor = &v[i];
	}
	if (l->flavor && l->row->hooks->check_flavor) {
		struct error why = {};

		r = l->row->hooks->check_flavor(l->row, l->region, l->flavor->name, &why);
		if (r < 0 && why.code == ERR_NETWORK) {
			*e = why;
			return r;
		}
		if (r < 0)
			launch_wrong(l, "flavor", want, "%s", why.msg);
	}
	return 0;
}

/* The only one of its kind among them, or NULL. */
static const struct neutron_network *only(const struct launching *l, bool inner)
{
	const struct neutron_network *found = NULL;

	for (size_t i = 0; l->networks && i < l->n_networks; i++) {
		if (inner && l->networks[i].external)
			continue;
		if (found)
			return NULL;
		found = &l->networks[i];
	}
	return found;
}

/* An id means one; a name may be that of several, as others share theirs: which of them is not ours to guess. */
static const struct neutron_network *named(struct launching *l, const char *name)
{
	const struct neutron_network *found = NULL;
	const char *ids = "";
	size_t n = 0;

	for (size_t i = 0; name && i < l->n_networks; i++) {
		const struct neutron_network *x = &l->networks[i];

		if (strcmp(x->id, name) == 0)
			return x;
		if (strcmp(x->name, name) != 0)
			continue;
		found = x;
		ids = arena_printf(l->a, "%s%s%s", ids, n++ ? ", " : "", x->id);
	}
	if (n > 1 && launch_makes_server(l))
		launch_wrong(l, "network", name,
			"%zu have this name in %s: give the id of one (%s)", n, l->region, ids);
	return found;
}

int look_network(struct launching *l, struct error *e)
{
	struct neutron_network *v;
	int r = neutron_networks(l->os, l->region, l->a, &v, &l->n_networks, e);

	if (r < 0)
		return r;
	l->networks = v;
	l->network = named(l, l->q->network ? l->q->network : l->row->hooks->network);
	if (!l->network && !l->q->network)
		l->network = only(l, false);
	if (!l->network && !l->q->network)
		l->network = only(l, true);
	return 0;
}

int look_image(struct launching *l, struct error *e)
{
	struct glance_image *v;
	size_t n;
	int r;

	if (!l->q->image_digest)
		return 0; /* not built yet */
	r = glance_list(l->os, l->region, l->q->image_digest, l->a, &v, &n, e);
	l->image_asked = true;
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (strcmp(v[i].status, "active") != 0 || !v[i].digest ||
			strcmp(v[i].digest, l->q->image_digest) != 0)
			continue;
		/* Whoever uploaded it was killed before he had compared it: making it does that now. */
		if (!glance_is_proven(&v[i]))
			l->image_unproven = true;
		else if (!l->image)
			l->image = v[i].id;
	}
	return r;
}

/* Type and bytes, without the comment. */
static bool same_key(const char *x, const char *y)
{
	size_t nx = strcspn(x, " "), ny = strcspn(y, " ");

	nx += x[nx] ? 1 + strcspn(x + nx + 1, " \n") : 0;
	ny += y[ny] ? 1 + strcspn(y + ny + 1, " \n") : 0;
	return nx == ny && strncmp(x, y, nx) == 0;
}

/* Whether the one that is there is the one that we would import. */
static int compare_key(struct launching *l, const char *there, struct error *e)
{
	const char *own = l->q->ssh_keys && l->q->ssh_keys[0] ? l->q->ssh_keys[0] : NULL;
	int r = 0;

	if (!own && access(arena_printf(l->a, "%s/id_ed25519.pub", l->directory), R_OK) == 0)
		r = ssh_key_make(l->directory, l->tag, l->a, &own, e);
	l->key_stale = !own || !same_key(there, own);
	return r;
}

int look_key(struct launching *l, struct error *e)
{
	struct nova_key *v;
	int r;

	l->key = l->q->key ? l->q->key : row_key_name(l->row, l->q->name, l->a);
	l->key_there = l->key_stale = false;
	/* A server that is there has its key, whoever made it. */
	if (l->server && !l->broken) {
		l->key_there = true;
		return 0;
	}
	r = nova_keys(l->os, l->region, l->a, &v, &l->n_keys, e);
	for (size_t i = 0; r == 0 && i < l->n_keys; i++) {
		if (strcmp(v[i].name, l->key) != 0)
			continue;
		l->key_there = true;
		if (!l->q->key)
			r = compare_key(l, v[i].public_key, e);
	}
	return r;
}

int look_group(struct launching *l, struct error *e)
{
	const struct neutron_group *found = NULL;
	struct neutron_group *v;
	size_t n;
	int r = neutron_groups(l->os, l->region, l->tag, l->a, &v, &n, e);

	/* Another one of that name, which is not ours, only counts where there is none of ours. */
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (!found || (neutron_group_is_ours(&v[i]) && !neutron_group_is_ours(found)))
			found = &v[i];
	}
	if (found)
		l->group = found;
	return r;
}

int look_volume(struct launching *l, struct error *e)
{
	struct cinder_volume *v;
	size_t n;
	int r = cinder_volumes(l->os, l->region, false, l->a, &v, &n, e);

	if (r == 0)
		l->volume = row_volume_of(v, n, l->q->name);
	return r;
}

/* By the last letters of the name, so that web-1, web-2 and web-3 stand in three; the same again each time. */
static const char *by_name(const char *name, const char *const *zones, size_t n)
{
	size_t sum = 0;

	while (*name)
		sum += (unsigned char)*name++;
	return zones[sum % n];
}

/* What is there already decides; of a server that is still being made Nova does not say it yet. */
static const char *zone_beside(const struct launching *l)
{
	const struct zones *z = &l->zones;
	const char *there = l->volume ? l->volume->zone : NULL;

	if (z->n_common < 2)
		return NULL;
	if (l->server && !l->broken && l->server->zone && *l->server->zone)
		there = l->server->zone;
	if (!there)
		return by_name(l->q->name, z->common, z->n_common);
	return zones_among(there, z->common) ? there : NULL;
}

int look_zone(struct launching *l, struct error *e)
{
	int r = zones_look(l->os, l->region, l->q->volume_size > 0, l->a, &l->zones, e);

	if (r < 0)
		return r;
	l->zone = l->q->zone ? l->q->zone : zone_beside(l);
	if (l->zone && zones_among(l->zone, l->zones.common))
		l->volume_zone = l->zone;
	return 0;
}
