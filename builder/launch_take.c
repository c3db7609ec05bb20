/* See launch_take.h. */
#include "launch_take.h"

#include "arena.h"
#include "build.h"
#include "build_identity.h"
#include "definition.h"
#include "disk_source.h"
#include "error.h"
#include "launch.h"
#include "login.h"
#include "node.h"
#include "provider.h"
#include "record.h"

#include <string.h>

void launch_take_server(const struct definition *def, struct arena *a, struct launch_request *q)
{
	const struct {
		const char *key, **to;
	} texts[] = { { "zone", &q->zone }, { "flavor", &q->flavor }, { "network", &q->network },
		{ "key", &q->key } };
	struct port_allow *allow = arena_alloc(a, (def->firewall.n + 1) * sizeof *allow);

	q->definition = arena_strdup(a, def->name);
	q->distribution = def->distribution;
	q->version = release_version(def->release);
	q->architecture = def->architecture;
	q->min_disk = def->disk_size;
	if (!q->name)
		q->name = arena_strdup(a, def->name);
	if (!q->volume_size)
		q->volume_size = login_volume(def);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (!*texts[i].to)
			*texts[i].to = node_str(node_get(def->server, texts[i].key));
	}
	if (q->ssh_keys && q->ssh_keys[0])
		q->key = NULL;
	for (size_t i = 0; i < def->firewall.n; i++) {
		const struct port_rule *p = &def->firewall.allow[i];

		allow[i] = (struct port_allow){ p->protocol, p->port, p->last_port, p->from };
	}
	q->allow = def->firewall.enabled ? allow : NULL;
	q->n_allow = def->firewall.enabled ? def->firewall.n : 0;
}

/* Once built, it may be built anew before it is read: then its record is another one's, or not of this disk. */
static int take_built(struct launch_request *q, const struct build_result *b, const char *disk,
	struct arena *a, struct error *e)
{
	struct record_facts f;
	int r = record_read(b->directory, disk, a, &f, e);

	if (r < 0)
		return r;
	q->disk = arena_printf(a, "%s/%s", b->directory, disk);
	if (r == RECORD_NONE || strcmp(f.image, b->image) != 0)
		return error_set(
			e, ERR_FAILED, "the image '%s' was built anew meanwhile; again", q->disk);
	q->disk_stat = f.stat;
	q->disk_immutable = true;
	q->image_digest = f.image;
	return 0;
}

int launch_take_image(struct ctx *c, const struct launch_options *o, struct launch_request *q,
	struct launch_handing *h, struct arena *a, struct error *e)
{
	_cleanup_(build_result_free) struct build_result b = BUILD_RESULT_INIT;
	struct build_options bo = BUILD_OPTIONS_INIT;
	int r;

	bo.definition = o->def->path;
	bo.secrets = h->secrets;
	bo.qcow2 = o->cloud->provider->upload; /* smaller to send, cheaper to keep */
	r = build_run(c, &bo, &b, e);
	if (r == 0)
		r = take_built(q, &b, bo.qcow2 ? "disk.qcow2" : "disk.raw", a, e);
	if (r < 0)
		return r;
	q->user_data = arena_strdup(a, b.user_data);
	if (!q->user && b.user)
		q->user = arena_strdup(a, b.user);
	h->recipient = *b.recipient ? arena_strdup(a, b.recipient) : NULL;
	return 0;
}

int launch_foresee(struct ctx *c, const struct definition *def, bool look, struct arena *a,
	struct launch_request *q, struct error *e)
{
	char *id = arena_alloc(a, 65);
	int r = build_foresee(c, def, look, id, e);

	if (r == 0)
		q->foreseen = id;
	return MIN(r, 0);
}

int launch_take_disk(
	const struct launch_options *o, struct arena *a, struct launch_request *q, struct error *e)
{
	return o->def || !o->cloud->provider->upload ? 0 : disk_source_launch(a, q, e);
}
