/*
 * All that there is under a name, and removing it: of a whole server as well as of a launch that was cut
 * off. In the order server, security group, key pair, volume: each is free only when the one before is
 * gone.
 */
#include "alloc.h"
#include "arena.h"
#include "cinder.h"
#include "clock.h"
#include "error.h"
#include "fd.h"
#include "neutron.h"
#include "nova.h"
#include "os.h"
#include "plan.h"
#include "row_parts.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define KEPT_MS                                                                                    \
	INT64_C(60000) /* long enough for all that were seen; what is still in use then is */

#define REFUSED_MS                                                                                 \
	INT64_C(20000) /* it is free, and its attachment may not be forgotten everywhere yet */

/* What stands under one name in one region; NULL: none. */
struct remains {
	const char *region;
	struct nova_server
		*servers; /* of that name and ours; several only after two launches at once */
	size_t n_servers;
	const struct neutron_group *groups; /* likewise */
	size_t n_groups;
	struct cinder_volume *volumes; /* of it, likewise; but no copies that somebody has made */
	size_t n_volumes;
	bool key;
};

static int look_servers(
	struct row *r, struct remains *m, const char *name, struct arena *a, struct error *e)
{
	struct nova_server *v;
	size_t n;
	int f = nova_servers(r->os, m->region, name, a, &v, &n, e);

	m->servers = v;
	for (size_t i = 0; f == 0 && i < n; i++) {
		if (v[i].tag_name && strcmp(v[i].tag_name, name) == 0 &&
			strcmp(v[i].status, "DELETED") != 0)
			m->servers[m->n_servers++] = v[i];
	}
	return f;
}

static int look_key(
	struct row *r, struct remains *m, const char *key, struct arena *a, struct error *e)
{
	struct nova_key *v;
	size_t n;
	int f = nova_keys(r->os, m->region, a, &v, &n, e);

	for (size_t i = 0; f == 0 && i < n; i++)
		m->key = m->key || strcmp(v[i].name, key) == 0;
	return f;
}

static int look_group(
	struct row *r, struct remains *m, const char *tag, struct arena *a, struct error *e)
{
	struct neutron_group *v;
	size_t n;
	int f = neutron_groups(r->os, m->region, tag, a, &v, &n, e);

	m->groups = v;
	for (size_t i = 0; f == 0 && i < n; i++) {
		if (neutron_group_is_ours(&v[i]))
			v[m->n_groups++] = v[i];
	}
	return f;
}

static bool has_server(const struct remains *m, const char *id)
{
	for (size_t i = 0; id && i < m->n_servers; i++) {
		if (strcmp(m->servers[i].id, id) == 0)
			return true;
	}
	return false;
}

/* What bears its mark is not enough, for copies do, and they may be all that somebody has of the data. */
static int look_volume(
	struct row *r, struct remains *m, const char *name, struct arena *a, struct error *e)
{
	struct cinder_volume *v;
	bool has = false;
	size_t n;
	int f = os_has(r->os, OS_VOLUME, m->region, &has, e);

	if (f < 0 || !has)
		return f;
	f = cinder_volumes(r->os, m->region, false, a, &v, &n, e);
	m->volumes = v;
	for (size_t i = 0; f == 0 && i < n; i++) {
		if (row_volume_is_of(&v[i], name) &&
			(row_volume_is_named(&v[i]) || has_server(m, v[i].attached_to)))
			m->volumes[m->n_volumes++] = v[i];
	}
	return f;
}

static int look(
	struct row *r, struct remains *m, const char *name, struct arena *a, struct error *e)
{
	const char *tag = row_tag(a, name);
	int f = look_servers(r, m, name, a, e);

	if (f == 0)
		f = look_group(r, m, tag, a, e);
	if (f == 0)
		f = look_key(r, m, row_key_name(r, name, a), a, e);
	return f == 0 ? look_volume(r, m, name, a, e) : f;
}

static void show_volumes(const struct remains *m, struct arena *a, struct plan *p)
{
	for (size_t i = 0; i < m->n_volumes; i++) {
		const struct cinder_volume *v = &m->volumes[i];
		const char *which = m->n_volumes > 1 ? arena_printf(a, ", %s", v->id) : "";

		plan_add(p, a, PLAN_NOTE, "data volume",
			row_volume_is_named(v) ? NULL : arena_strdup(a, v->name ? v->name : v->id),
			arena_printf(a, "%" PRId64 " GiB%s, in %s", v->size, which, m->region))
			->id = arena_strdup(a, v->id);
	}
}

static void show(
	struct row *r, const struct remains *m, const char *name, struct arena *a, struct plan *p)
{
	const char *project = r->access.project_name ? r->access.project_name : r->project;

	for (size_t i = 0; i < m->n_servers; i++) {
		plan_add(p, a, PLAN_THERE, "server", name,
			arena_printf(a, "%s, in %s of the project %s", m->servers[i].status,
				m->region, project ? project : "that is signed in to"))
			->id = arena_strdup(a, m->servers[i].id);
		plan_add(p, a, PLAN_THERE, "root disk", NULL, "with the backups on it");
	}
	for (size_t i = 0; i < m->n_groups; i++)
		plan_add(p, a, PLAN_THERE, "security group", row_tag(a, name), NULL);
	if (m->key)
		plan_add(p, a, PLAN_THERE, "key pair", row_key_name(r, name, a), NULL);
	show_volumes(m, a, p);
}

/* Something of it; volume: or its data volume. */
static bool is_there(const struct remains *m, bool volume)
{
	return m->n_servers || m->n_groups || m->key || (volume && m->n_volumes);
}

/* What a launch has asked for that was killed just now would come when all else is gone. */
static int await_pending(
	struct row *r, const struct remains *m, const char *name, struct arena *a, struct error *e)
{
	int64_t left = row_pending_ms(r, row_directory(r, m->region, name, a), NULL);

	if (left > 0 && clock_sleep_ms(r->cloud.clock, left) < 0)
		return error_set(e, ERR_INTERRUPTED, "interrupted");
	return 0;
}

/*
 * The one region of those that are meant where there is something of that name, CLOUD_ABSENT: nowhere. In several,
 * nobody but the user knows which: ERR_USAGE. await: nothing of it may be on its way any more.
 */
static int look_around(struct row *r, const char *name, bool await, struct arena *a,
	struct remains *ret, struct error *e)
{
	const char *const *regions;
	struct os *o;
	int f = server_name_valid(name) ? row_os(r, &o, e) : CLOUD_ABSENT;

	if (f == 0)
		f = row_regions(r, OS_COMPUTE, &regions, e);
	for (size_t i = 0; f == 0 && regions[i]; i++) {
		struct remains m = { .region = regions[i] };

		f = await ? await_pending(r, &m, name, a, e) : 0;
		if (f == 0)
			f = look(r, &m, name, a, e);
		if (f != 0 || !is_there(&m, true))
			continue;
		if (ret->region)
			return error_set(e, ERR_USAGE,
				"there is something of '%s' in %s and in %s: say which with --region",
				name, ret->region, m.region);
		*ret = m;
	}
	return f != 0 ? f : ret->region ? 0 : CLOUD_ABSENT;
}

int row_inventory(
	const struct cloud *c, const char *name, struct arena *a, struct plan *ret, struct error *e)
{
	struct remains m = {};
	int f = look_around(row_of(c), name, false, a, &m, e);

	if (f == 0)
		show(row_of(c), &m, name, a, ret);
	return f;
}

static int remove_servers(struct row *r, const struct remains *m, struct arena *a, struct error *e)
{
	for (size_t i = 0; i < m->n_servers; i++) {
		int f = nova_delete(r->os, m->region, m->servers[i].id, e);

		if (f < 0)
			return f;
	}
	for (size_t i = 0; i < m->n_servers; i++) {
		int f = row_await_gone(r, m->region, m->servers[i].id, a, e);

		if (f < 0)
			return f;
	}
	return 0;
}

/* What has been refused of a volume that is removed. */
struct refusal {
	struct error why; /* the last one; code 0: none */
	bool free;	  /* in no use, and refused since then: */
	int64_t since;	  /* ms */
};

/*
 * Asks for it. 0: it goes; 1: not now; OS_ABSENT is as good as 0. Who is refused although it is free need not wait for
 * what time does not mend: it has snapshots.
 */
static int ask_volume(struct row *r, const struct remains *m, const struct cinder_volume *v,
	struct refusal *refusal, struct error *e)
{
	const int64_t now = clock_now_ms(r->cloud.clock);
	struct error why = {};
	int f = cinder_delete(r->os, m->region, v->id, &why);

	if (f == 0 || f == OS_ABSENT)
		return 0;
	if (f < 0) {
		*e = why;
		return f;
	}
	if (!refusal->free)
		refusal->since = now;
	refusal->free = strcmp(v->status, "available") == 0;
	refusal->why = why;
	if (!refusal->free || now - refusal->since < REFUSED_MS)
		return 1;
	*e = why;
	return error_prefix(e, "the data volume %s is not removed", v->id);
}

static int volume_stays(const struct refusal *refusal, struct error *e)
{
	if (e->code == ERR_INTERRUPTED || !refusal->why.code)
		return -e->code;
	return error_append(e, ": %s", refusal->why.msg);
}

/* In use until the server is really gone; then until it is gone itself, because it costs until then. */
static int remove_volume(
	struct row *r, const struct remains *m, const char *id, struct arena *a, struct error *e)
{
	int64_t deadline = row_deadline(r, WAIT_VOLUME_MS);
	struct refusal refusal = {};
	bool asked = false;

	for (;;) {
		struct cinder_volume v;
		int f = cinder_get(r->os, m->region, id, a, &v, e);

		if (f != 0)
			return f < 0 ? f : 0;
		if (strcmp(v.status, "error_deleting") == 0)
			return error_set(e, ERR_NETWORK,
				"the cloud could not remove the data volume %s", v.id);
		if (!asked && (strcmp(v.status, "available") == 0 ||
				      strncmp(v.status, "error", 5) == 0)) {
			f = ask_volume(r, m, &v, &refusal, e);
			if (f < 0)
				return f;
			asked = f == 0;
			if (asked)
				continue;
		}
		f = row_pause(r, deadline, WAIT_VOLUME_MS, "the data volume did not go", e);
		if (f < 0)
			return volume_stays(&refusal, e);
	}
}

/* One that stays is let go of some seconds after its server is gone; the next launch would find it in use. */
static int await_kept(
	struct row *r, const struct remains *m, const char *id, struct arena *a, struct error *e)
{
	int64_t deadline = row_deadline(r, KEPT_MS);

	for (;;) {
		struct cinder_volume v;
		int f = cinder_get(r->os, m->region, id, a, &v, e);

		if (f != 0)
			return MIN(f, 0);
		if ((strcmp(v.status, "in-use") != 0 && strcmp(v.status, "detaching") != 0) ||
			clock_now_ms(r->cloud.clock) >= deadline)
			return 0;
		f = row_pause(r, INT64_MAX, 0, "", e);
		if (f < 0)
			return f;
	}
}

static int remove_all_of(struct row *r, const struct remains *m, const char *name, bool with_data,
	struct arena *a, struct error *e)
{
	int f = remove_servers(r, m, a, e), g;

	for (size_t i = 0; i < m->n_groups && f == 0; i++)
		f = row_remove_group(r, m->region, &m->groups[i], e);
	if (f == 0 && m->key) {
		g = nova_key_delete(r->os, m->region, row_key_name(r, name, a), e);
		f = MIN(g, 0);
	}
	for (size_t i = 0; i < m->n_volumes && f == 0; i++)
		f = with_data	   ? remove_volume(r, m, m->volumes[i].id, a, e)
		    : m->n_servers ? await_kept(r, m, m->volumes[i].id, a, e)
				   : 0;
	if (f == 0) {
		g = remove_all(AT_FDCWD, row_directory(r, m->region, name, a));
		f = g < 0 ? error_errno(e, g, "removing the files about '%s'", name) : 0;
	}
	return f;
}

int row_destroy(const struct cloud *c, const char *name, bool with_data, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct row *r = row_of(c);
	struct remains m = {};
	int f = look_around(r, name, true, a, &m, e);

	if (f == 0 && (is_there(&m, false) || with_data))
		f = remove_all_of(r, &m, name, with_data, a, e);
	row_remember(r, NULL, NULL, NULL);
	return f;
}
