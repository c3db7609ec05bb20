/* Servers of ours in an OpenStack cloud: found, described. */
#include "arena.h"
#include "cinder.h"
#include "clock.h"
#include "error.h"
#include "nova.h"
#include "plan.h"
#include "row_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BOOT_MAX_S (INT64_C(60) * 60)

int64_t row_deadline(const struct row *r, int64_t limit_ms)
{
	return clock_now_ms(r->cloud.clock) + limit_ms;
}

int row_pause(
	const struct row *r, int64_t deadline, int64_t limit_ms, const char *what, struct error *e)
{
	if (clock_now_ms(r->cloud.clock) >= deadline)
		return error_set(e, ERR_NETWORK, "%s within %" PRId64 " s", what, limit_ms / 1000);
	if (clock_sleep_ms(r->cloud.clock, POLL_MS) < 0)
		return error_set(e, ERR_INTERRUPTED, "interrupted");
	return 0;
}

const char *row_tag(struct arena *a, const char *name)
{
	return arena_printf(a, "kbuild-%s", name);
}

/* Two launches at the same instant may have made two: the older one counts, whoever looks. */
static bool is_older(const struct nova_server *x, const struct nova_server *y)
{
	return x->created != y->created ? x->created < y->created : strcmp(x->id, y->id) < 0;
}

const struct nova_server *row_ours(const struct nova_server *v, size_t n, const char *name)
{
	const struct nova_server *found = NULL;

	for (size_t i = 0; i < n; i++) {
		if (v[i].tag_name && strcmp(v[i].tag_name, name) == 0 &&
			(!found || is_older(&v[i], found)))
			found = &v[i];
	}
	return found;
}

bool row_volume_is_of(const struct cinder_volume *v, const char *name)
{
	return v->server && strcmp(v->server, name) == 0 && strcmp(v->status, "deleting") != 0;
}

bool row_volume_is_named(const struct cinder_volume *v)
{
	return v->server && v->name && strncmp(v->name, "kbuild-", 7) == 0 &&
	       strcmp(v->name + 7, v->server) == 0;
}

/* Data is on the one that is in use; of others, on the one that we made, and that was there first. */
static bool is_rather(const struct cinder_volume *x, const struct cinder_volume *y)
{
	if (!x->attached_to != !y->attached_to)
		return x->attached_to;
	if (row_volume_is_named(x) != row_volume_is_named(y))
		return row_volume_is_named(x);
	return x->created != y->created ? x->created < y->created : strcmp(x->id, y->id) < 0;
}

const struct cinder_volume *row_volume_of(const struct cinder_volume *v, size_t n, const char *name)
{
	const struct cinder_volume *found = NULL;

	for (size_t i = 0; i < n; i++) {
		if (row_volume_is_of(&v[i], name) && (!found || is_rather(&v[i], found)))
			found = &v[i];
	}
	return found;
}

bool row_has_long_run(const struct nova_server *s)
{
	return s->launched && (int64_t)time(NULL) - s->launched > BOOT_MAX_S;
}

static enum server_state state_of(const struct nova_server *s)
{
	static const struct {
		const char *status;
		enum server_state state;
	} words[] = {
		{ "BUILD", SERVER_CREATING },
		{ "REBUILD", SERVER_CREATING },
		{ "SHUTOFF", SERVER_STOPPED },
		{ "STOPPED", SERVER_STOPPED },
		{ "SUSPENDED", SERVER_STOPPED },
		{ "PAUSED", SERVER_STOPPED },
		{ "SHELVED", SERVER_STOPPED },
		{ "SHELVED_OFFLOADED", SERVER_STOPPED },
		{ "ERROR", SERVER_BROKEN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(s->status, words[i].status) == 0)
			return words[i].state;
	}
	return s->tag_settled || row_has_long_run(s) ? SERVER_RUNNING : SERVER_BOOTING;
}

static bool is_private(const char *v4)
{
	unsigned second = (unsigned)atoi(v4 + strcspn(v4, ".") + (strchr(v4, '.') != NULL));

	return strncmp(v4, "10.", 3) == 0 || strncmp(v4, "192.168.", 8) == 0 ||
	       (strncmp(v4, "172.", 4) == 0 && second >= 16 && second < 32);
}

/* A floating address before a fixed one, a public one before a private one; OVH may say IPv6 first. */
static void take_addresses(const struct nova_server *s, struct arena *a, struct server *ret)
{
	int best = 0;

	for (size_t i = 0; i < s->n_addresses; i++) {
		const struct nova_address *x = &s->addresses[i];
		int worth = 1 + !is_private(x->text) +
			    2 * (x->type && strcmp(x->type, "floating") == 0);

		if (x->version == 6 && !ret->v6)
			ret->v6 = arena_strdup(a, x->text);
		if (x->version != 4 || worth <= best)
			continue;
		ret->v4 = arena_strdup(a, x->text);
		best = worth;
	}
	ret->address = ret->v4 ? ret->v4 : ret->v6;
}

/* Replies live in another arena than what is returned. */
static const char *copy(struct arena *a, const char *text)
{
	return text ? arena_strdup(a, text) : NULL;
}

static const char *note_of(const struct nova_server *s, struct arena *a)
{
	if (s->fault)
		return arena_strdup(a, s->fault);
	if (s->task)
		return arena_strdup(a, s->task);
	return strcmp(s->status, "ACTIVE") == 0 || strcmp(s->status, "SHUTOFF") == 0
		       ? NULL
		       : arena_strdup(a, s->status);
}

int row_volumes(struct row *r, const char *region, struct arena *a, struct cinder_volume **ret,
	size_t *ret_n, const char **ret_lacks, struct error *e)
{
	struct error why = {};
	bool has = false;
	int f = os_has(r->os, OS_VOLUME, region, &has, e);

	*ret_n = 0;
	*ret_lacks = NULL;
	if (f < 0 || !has)
		return f;
	f = cinder_volumes(r->os, region, true, a, ret, ret_n, &why);
	if (f == 0)
		return 0;
	if (why.code == ERR_INTERRUPTED) {
		*e = why;
		return f;
	}
	*ret_n = 0;
	*ret_lacks = arena_printf(a, "the volumes in %s: %s", region, why.msg);
	return 0;
}

void row_describe(struct row *r, const struct nova_server *s, const char *region,
	const struct cinder_volume *volume, struct arena *a, struct server *ret)
{
	*ret = (struct server){
		.name = arena_strdup(a, s->tag_name ? s->tag_name : s->name),
		.state = state_of(s),
		.stuck = strcmp(s->status, "ERROR") == 0,
		.note = note_of(s, a),
		.image = copy(a, s->tag_image),
		.definition = copy(a, s->tag_definition),
		.ssh_port = 22,
		.user = copy(a, s->tag_user),
		.created = s->created,
		.memory = (uint64_t)MAX(s->ram, 0) * MIB,
		.cpus = (unsigned)MAX(s->vcpus, 0),
		.id = arena_strdup(a, s->id),
		.region = arena_strdup(a, region),
		.flavor = copy(a, s->flavor),
	};
	take_addresses(s, a, ret);
	ret->directory = row_directory_of(r, region, ret->name, s->id, a);
	ret->identity = row_identity(ret->directory, a);
	if (volume) {
		ret->volume_size = (uint64_t)MAX(volume->size, 0) * GIB;
		ret->volume_id = arena_strdup(a, volume->id);
	}
	if (r->console.id && strcmp(r->console.id, s->id) == 0)
		ret->console_offset = r->console.end;
}

int row_servers(struct row *r, const char *region, bool several, const char *name, struct arena *a,
	struct nova_server **ret, size_t *ret_n, struct error *e)
{
	int f;

	if (!several)
		return nova_servers(r->os, region, name, a, ret, ret_n, e);
	f = nova_servers_brief(r->os, region, name, a, ret, ret_n, e);
	return f < 0 && e->code != ERR_INTERRUPTED ? ROW_SILENT : f;
}

/* In one region. *where: where it was found before, or NULL. */
static int look_in(struct row *r, const char *region, bool several, const char *name,
	struct arena *a, struct nova_server *ret, const char **where, struct error *e)
{
	const struct nova_server *ours;
	struct nova_server *v;
	size_t n;
	int f = row_servers(r, region, several, name, a, &v, &n, e);

	ours = f == 0 ? row_ours(v, n, name) : NULL;
	if (!ours)
		return f;
	if (*where)
		return error_set(e, ERR_USAGE,
			"there are servers '%s' in %s and in %s: say which with --region", name,
			*where, region);
	*where = region;
	*ret = *ours;
	return 0;
}

/* The one where it was found before, else all that the user means. In the arena. */
static int regions_of(
	struct row *r, const char *name, struct arena *a, const char *const **ret, struct error *e)
{
	const char **one;

	if (!r->known.name || strcmp(r->known.name, name) != 0)
		return row_regions(r, OS_COMPUTE, ret, e);
	one = arena_alloc(a, 2 * sizeof *one);
	one[0] = arena_strdup(a, r->known.region);
	*ret = one;
	return 0;
}

int row_lookup(struct row *r, const char *name, struct arena *a, struct nova_server *ret,
	const char **ret_region, struct error *e)
{
	const char *const *regions, *where = NULL;
	const char *lacks = NULL;
	struct error silent = {};
	struct os *o;
	int f = server_name_valid(name) ? row_os(r, &o, e) : CLOUD_ABSENT;

	if (f == 0)
		f = regions_of(r, name, a, &regions, e);
	for (size_t i = 0; f == 0 && regions[i]; i++) {
		struct error why = {};

		f = look_in(r, regions[i], regions[1], name, a, ret, &where, &why);
		if (f < 0)
			*e = why;
		if (f != ROW_SILENT)
			continue;
		f = 0;
		silent = silent.code ? silent : why;
		lacks = lacks_more(r->arena, lacks,
			arena_printf(r->arena, "the servers in %s: %s", regions[i], why.msg));
	}
	if (f != 0)
		return f;
	if (!where && silent.code) {
		*e = silent;
		return error_prefix(e, "looking for the server '%s'", name);
	}
	*ret_region = where;
	if (lacks)
		r->lacks = lacks;
	row_remember(r, where ? name : NULL, where ? ret->id : NULL, where);
	return where ? 0 : CLOUD_ABSENT;
}

int row_find(const struct cloud *c, const char *name, struct arena *a, struct server *ret,
	struct error *e)
{
	_cleanup_(arena_freep) struct arena *tmp = arena_new();
	struct row *r = row_of(c);
	const char *region, *lacks = NULL;
	struct cinder_volume *v = NULL;
	struct nova_server s;
	size_t n = 0;
	int f = row_lookup(r, name, tmp, &s, &region, e);

	if (f == 0 && s.volumes && s.volumes[0])
		f = row_volumes(r, region, tmp, &v, &n, &lacks, e);
	if (f != 0)
		return f;
	row_describe(r, &s, region, row_volume_of(v, n, name), a, ret);
	ret->lacks = copy(a, lacks_more(tmp, r->lacks, lacks));
	return 0;
}

int row_settle(const struct cloud *c, const char *name, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct row *r = row_of(c);
	struct nova_server s;
	const char *region;
	bool known = r->known.name && strcmp(r->known.name, name) == 0;
	int f = known ? 0 : row_lookup(r, name, a, &s, &region, e);

	if (f == 0)
		f = nova_mark(r->os, r->known.region, r->known.id, "kbuild:settled", "yes", e);
	return f == OS_ABSENT ? CLOUD_ABSENT : f;
}
