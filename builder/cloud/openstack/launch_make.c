/* What a launch makes. Each function is one attempt; that it was not made already is its caller's to know. */
#include "arena.h"
#include "base64.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "launching.h"
#include "os.h"
#include "progress.h"
#include "ssh_key.h"
#include "upload.h"

#include <fcntl.h>
#include <string.h>

int replace_broken(struct launching *l, struct error *e)
{
	const char *id = l->server->id;
	int r = nova_delete(l->os, l->region, id, e);

	progress_note(l->row->cloud.progress,
		l->server->tag_settled ? "waiting until the '%s' of before is gone"
				       : "replacing '%s', which an earlier launch left unfinished",
		l->q->name);
	if (r == 0)
		r = row_await_gone(l->row, l->region, id, l->a, e);
	if (r < 0)
		return r;
	l->server = NULL;
	l->broken = false;
	return 0;
}

int make_image(struct launching *l, struct error *e)
{
	struct upload_request u = {
		.disk = l->q->disk,
		.disk_stat = l->q->disk_stat,
		.digest = l->disk_sha512 ? NULL : l->q->image_digest,
		.sha512 = l->disk_sha512,
		.definition = l->q->definition,
		.distribution = l->q->distribution,
		.version = l->q->version,
		.architecture = l->q->architecture,
		.user = l->q->user,
		.min_disk = l->q->min_disk,
		.regions = (const char *const[]){ l->region, NULL },
	};
	struct cloud_image *v = NULL;
	size_t n = 0;
	int r = upload_run(l->os, &l->row->cloud, &u, l->a, &v, &n, e);

	if (r < 0)
		return r;
	if (n != 1)
		return error_set(e, ERR_FAILED, "the image was not uploaded to %s", l->region);
	l->image = v[0].id;
	if (v[0].uploaded)
		l->sent = v[0].name ? v[0].name : v[0].id;
	return 0;
}

static int own_key(struct launching *l, const char **ret, struct error *e)
{
	int r;

	if (l->q->ssh_keys && l->q->ssh_keys[0]) {
		*ret = l->q->ssh_keys[0];
		return 0;
	}
	r = mkdir_all(AT_FDCWD, l->directory, 0700);
	if (r < 0)
		return error_errno(e, r, "making the directory '%s'", l->directory);
	return ssh_key_make(l->directory, l->tag, l->a, ret, e);
}

int make_key(struct launching *l, struct error *e)
{
	const char *public_key = NULL;
	int r = own_key(l, &public_key, e);

	if (r == 0 && l->key_stale) { /* of an earlier server of this name */
		r = nova_key_delete(l->os, l->region, l->key, e);
		r = r == OS_ABSENT ? 0 : r;
	}
	if (r == 0)
		r = nova_key_import(l->os, l->region, l->key, public_key, e);
	if (r == 0) {
		l->key_there = true;
		l->key_stale = false;
	}
	return r;
}

int make_group(struct launching *l, struct error *e)
{
	struct neutron_group *g = arena_alloc(l->a, sizeof *g);
	int r = neutron_group_make(l->os, l->region, l->tag,
		arena_printf(l->a, "kbuild:server=%s", l->q->name), l->a, g, e);

	if (r == 0)
		l->group = g;
	if (r == 0 || r == OS_UNSURE)
		l->group_made = true;
	return r;
}

size_t launch_missing_rules(const struct launching *l, struct neutron_rule **ret)
{
	const struct neutron_group *g = l->group;
	struct neutron_rule *wanted;
	size_t n_allow, n, k = 0;
	const struct port_allow *allow = launch_allow(l->q, &n_allow);

	neutron_wanted(allow, n_allow, l->a, &wanted, &n);
	for (size_t i = 0; i < n; i++) {
		if (!neutron_rule_among(&wanted[i], g->rules, g->n_rules))
			wanted[k++] = wanted[i];
	}
	*ret = wanted;
	return k;
}

size_t launch_extra_rules(const struct launching *l, const char ***ret)
{
	const struct neutron_group *g = l->group;
	const char **ids = arena_alloc(l->a, (g->n_rules + 1) * sizeof *ids);
	struct neutron_rule *wanted;
	size_t n_allow, n, k = 0;
	const struct port_allow *allow = launch_allow(l->q, &n_allow);

	neutron_wanted(allow, n_allow, l->a, &wanted, &n);
	for (size_t i = 0; i < g->n_rules; i++) {
		if (strcmp(g->rules[i].direction, "ingress") == 0 &&
			!neutron_rule_among(&g->rules[i], wanted, n))
			ids[k++] = g->rules[i].id;
	}
	*ret = ids;
	return k;
}

int make_rules(struct launching *l, struct error *e)
{
	struct neutron_rule *missing;
	const char **extra;
	size_t n = launch_extra_rules(l, &extra);
	int r;

	for (size_t i = 0; i < n; i++) {
		r = neutron_rule_delete(l->os, l->region, extra[i], e);
		if (r < 0)
			return r;
	}
	n = launch_missing_rules(l, &missing);
	r = n ? neutron_rules_make(l->os, l->region, l->group->id, missing, n, e) : 0;
	if (r == 0)
		l->rules_made = true;
	return r;
}

int make_volume(struct launching *l, struct error *e)
{
	struct cinder_volume *v = arena_alloc(l->a, sizeof *v);
	struct cinder_new n = {
		.server = l->q->name,
		.zone = l->volume_zone,
		.size = (int64_t)(l->q->volume_size / GIB),
	};
	int r = cinder_make(l->os, l->region, &n, l->a, v, e);

	if (r == 0)
		l->volume = v;
	if (r == 0 || r == OS_UNSURE)
		l->volume_made = true;
	return r;
}

int make_server(struct launching *l, struct error *e)
{
	struct nova_server *s = arena_alloc(l->a, sizeof *s);
	_buf_ user_data = BUF_INIT;
	struct nova_new n = {
		.name = l->q->name,
		.flavor = l->flavor->id,
		.image = l->image,
		.network = l->network->id,
		.key = l->key,
		.zone = l->zone,
		.group = l->network->port_security ? l->group->id : NULL,
		.definition = l->q->definition,
		.digest = l->q->image_digest,
		.flavor_name = l->flavor->name,
		.intent = l->intent,
		.user = l->q->user,
	};
	int r;

	if (l->q->user_data) {
		base64_encode(l->q->user_data, strlen(l->q->user_data), &user_data);
		n.user_data = buf_str(&user_data);
	}
	r = nova_create(l->os, l->region, &n, l->a, &s->id, e);
	if (r != 0)
		return r;
	/* What the next look will say; until then this is what is known. */
	s->name = l->q->name;
	s->status = "BUILD";
	l->server = s;
	row_claim(l->directory, s->id, l->q->ssh_keys && l->q->ssh_keys[0] ? l->q->identity : NULL);
	return 0;
}

int attach_volume(struct launching *l, struct error *e)
{
	return nova_attach(l->os, l->region, l->server->id, l->volume->id, e);
}

int look_attached(struct launching *l, struct error *e)
{
	struct cinder_volume *v = arena_alloc(l->a, sizeof *v);
	int r = cinder_get(l->os, l->region, l->volume->id, l->a, v, e);

	if (r == 0)
		l->volume = v;
	return r == OS_ABSENT ? error_set(e, ERR_NETWORK,
					"the data volume '%s' was removed meanwhile", l->tag)
			      : r;
}

bool is_attached(const struct launching *l)
{
	if (!l->server || !l->volume)
		return false;
	for (size_t i = 0; l->server->volumes && l->server->volumes[i]; i++) {
		if (strcmp(l->server->volumes[i], l->volume->id) == 0)
			return true;
	}
	return (l->volume->attached_to && strcmp(l->volume->attached_to, l->server->id) == 0) ||
	       strcmp(l->volume->status, "reserved") == 0 ||
	       strcmp(l->volume->status, "attaching") == 0;
}
