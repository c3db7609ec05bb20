/* Records of images; see glance.h. */
#include "glance.h"

#include "api.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "json.h"
#include "node.h"
#include "os.h"
#include "provider.h"
#include "reply.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TAG "kbuild"

static const struct field image_fields[] = {
	{ "id", reply_text, offsetof(struct glance_image, id), FIELD_REQUIRED },
	{ "status", reply_text, offsetof(struct glance_image, status), FIELD_REQUIRED },
	{ "name", reply_text, offsetof(struct glance_image, name), 0 },
	{ "disk_format", reply_text, offsetof(struct glance_image, disk_format), 0 },
	{ "owner", reply_text, offsetof(struct glance_image, owner), 0 },
	{ "os_hash_algo", reply_text, offsetof(struct glance_image, hash_algo), 0 },
	{ "os_hash_value", reply_text, offsetof(struct glance_image, hash_value), 0 },
	{ "checksum", reply_text, offsetof(struct glance_image, checksum), 0 },
	{ "created_at", reply_time, offsetof(struct glance_image, created), 0 },
	{ "updated_at", reply_time, offsetof(struct glance_image, changed), 0 },
	{ "size", reply_number, offsetof(struct glance_image, size), 0 },
	{ "min_disk", reply_number, offsetof(struct glance_image, min_disk), 0 },
	{ "min_ram", reply_number, offsetof(struct glance_image, min_ram), 0 },
	{ "protected", field_bool, offsetof(struct glance_image, is_protected), 0 },
	{ "kbuild_image", reply_text, offsetof(struct glance_image, digest), 0 },
	{ "kbuild_definition", reply_text, offsetof(struct glance_image, definition), 0 },
	{ "kbuild_sha512", reply_text, offsetof(struct glance_image, sha512), 0 },
	{ "image_original_user", reply_text, offsetof(struct glance_image, user), 0 },
	{},
};

/* It becomes a part of paths: nothing but what ids are made of. */
static bool is_id(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= 64 &&
	       strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") ==
		       len;
}

int glance_parse(
	const struct node *record, struct arena *a, struct glance_image *ret, struct error *e)
{
	struct glance_image i = { .size = -1 };
	int r = reply_read(record, "image", image_fields, &i, a, e);

	if (r < 0)
		return r;
	if (!is_id(i.id)) {
		r = error_set(e, ERR_NETWORK, "the reply's 'image.id' is no id: '%s'",
			api_clean(a, i.id));
		e->transient = false;
		return r;
	}
	*ret = i;
	return 0;
}

/* What came is no image: says of which region, as the session does of what it was refused. */
static int parse(const struct node *record, const char *region, struct arena *a,
	struct glance_image *ret, struct error *e)
{
	int r = glance_parse(record, a, ret, e);

	if (r < 0)
		error_prefix(e, "image%s%s", region ? " in " : "", region ? region : "");
	return r;
}

static int newest_first(const void *va, const void *vb)
{
	const struct glance_image *a = va, *b = vb;

	if (a->created != b->created)
		return a->created < b->created ? 1 : -1;
	return strcmp(a->id, b->id);
}

int glance_list(struct os *o, const char *region, const char *digest, struct arena *a,
	struct glance_image **ret, size_t *ret_n, struct error *e)
{
	_buf_ path = BUF_INIT;
	struct os_query q = { .service = OS_IMAGE, .region = region, .method = "GET" };
	struct glance_image *v;
	struct node *all;
	const char *project;
	size_t n = 0;
	int r = os_project(o, a, &project, e);

	if (r < 0)
		return r;
	buf_adds(&path, "/images?limit=200&tag=" TAG "&owner=");
	api_escape(&path, project);
	if (digest) {
		buf_adds(&path, "&kbuild_image=");
		api_escape(&path, digest);
	}
	q.path = buf_str(&path);
	r = os_list(o, &q, "images", a, &all, e);
	if (r < 0)
		return r;
	v = arena_alloc(a, (all->n + 1) * sizeof *v);
	for (size_t i = 0; i < all->n; i++) {
		r = parse(all->items[i], region, a, &v[n], e);
		if (r < 0)
			return r;
		/* Older services leave filters out that they do not know. */
		n += !digest || (v[n].digest && strcmp(v[n].digest, digest) == 0);
	}
	qsort(v, n, sizeof *v, newest_first);
	*ret = v;
	*ret_n = n;
	return 0;
}

int glance_show(struct os *o, const char *region, const char *id, struct arena *a,
	struct glance_image *ret, struct error *e)
{
	struct os_query q = {
		.service = OS_IMAGE,
		.region = region,
		.method = "GET",
		.path = arena_printf(a, "/images/%s", id),
	};
	struct node *answer;
	int r = os_call(o, &q, a, &answer, e);

	if (r == 0)
		r = parse(answer, region, a, ret, e);
	return r == OS_ABSENT ? r : api_plain(r, e);
}

static void add(struct buf *out, const char *key, const char *value)
{
	if (!value)
		return;
	buf_printf(out, ",\"%s\":", key);
	json_write_string(out, value, strlen(value));
}

/* Nova's words are the kernel's. */
static const char *architecture(const char *debian)
{
	if (debian && strcmp(debian, "amd64") == 0)
		return "x86_64";
	return debian && strcmp(debian, "arm64") == 0 ? "aarch64" : debian;
}

/*
 * What the hypervisor is told: virtio-scsi, so that freed blocks are given back and volumes beyond the
 * 26th have a name; the config drive, which is how cloud-init gets what launch says without any network.
 * Firmware is left to the service: our disks boot under both. So is hw_qemu_guest_agent, which says that
 * qemu-guest-agent answers in the system: ours has it only where the definition lists the package, which an
 * image does not tell; and where it is promised in vain, each snapshot and password waits for it until it is given up.
 * Who has it sets the property of the uploaded image: openstack image set --property hw_qemu_guest_agent=yes ID.
 */
const char *glance_new_json(const struct glance_new *n, struct arena *a)
{
	_buf_ out = BUF_INIT;

	buf_adds(&out, "{\"name\":");
	json_write_string(&out, n->name, strlen(n->name));
	add(&out, "id", n->id);
	add(&out, "disk_format", n->disk_format);
	buf_printf(&out,
		",\"container_format\":\"bare\",\"visibility\":\"private\",\"tags\":[\"" TAG
		"\"]"
		",\"min_disk\":%" PRId64,
		n->min_disk);
	add(&out, "kbuild_image", n->digest);
	add(&out, "kbuild_definition", n->definition);
	add(&out, "kbuild_sha512", n->sha512);
	add(&out, "os_type", "linux");
	add(&out, "os_distro", n->distribution);
	add(&out, "os_version", n->version);
	add(&out, "architecture", architecture(n->architecture));
	add(&out, "image_original_user", n->user);
	add(&out, "hw_disk_bus", "scsi");
	add(&out, "hw_scsi_model", "virtio-scsi");
	add(&out, "img_config_drive", "mandatory");
	buf_addc(&out, '}');
	return arena_strdup(a, buf_str(&out));
}

int glance_create(struct os *o, const char *region, const struct glance_new *n, struct arena *a,
	struct glance_image *ret, struct error *e)
{
	struct os_query q = {
		.service = OS_IMAGE,
		.region = region,
		.method = "POST",
		.path = "/images",
		.body = glance_new_json(n, a),
		.harmless = n->id != NULL, /* there can be only one of this id */
	};
	struct node *answer;
	int r = os_call(o, &q, a, &answer, e);

	if (r == 0)
		r = parse(answer, region, a, ret, e);
	return r > 0 && r != OS_ABSENT ? r : api_plain(r, e);
}

int glance_confirm(
	struct os *o, const char *region, const char *id, const char *sha512, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct os_query q = {
		.service = OS_IMAGE,
		.region = region,
		.method = "PATCH",
		.path = arena_printf(a, "/images/%s", id),
		.content_type = "application/openstack-images-v2.1-json-patch",
		.body = arena_printf(a,
			"[{\"op\":\"add\",\"path\":\"/kbuild_sha512\",\"value\":\"%s\"}]", sha512),
	};
	struct node *answer;
	int r = os_call(o, &q, a, &answer, e);

	return r == OS_ABSENT ? r : api_plain(r, e);
}

/* Whether somebody else has deleted it, or is about to. */
static bool is_gone(struct os *o, const char *region, const char *id)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct error ignored = {};
	struct glance_image i;
	int r = glance_show(o, region, id, a, &i, &ignored);

	return r == OS_ABSENT || (r == 0 && (strcmp(i.status, "deleted") == 0 ||
						    strcmp(i.status, "pending_delete") == 0));
}

/*
 * Of two who delete at the same time the service may refuse one, which has read the record before and writes after
 * the other: 400, "Image status transition from deleted to deleted is not allowed".
 */
int glance_delete(struct os *o, const char *region, const char *id, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct os_query q = {
		.service = OS_IMAGE,
		.region = region,
		.method = "DELETE",
		.path = arena_printf(a, "/images/%s", id),
	};
	struct node *answer;
	int r = os_call(o, &q, a, &answer, e);

	if ((r == OS_REFUSED || r == OS_CONFLICT) && is_gone(o, region, id))
		r = OS_ABSENT;
	return r == OS_ABSENT ? r : api_plain(r, e);
}

void glance_to_cloud(const struct glance_image *i, const char *region, struct cloud_image *ret)
{
	*ret = (struct cloud_image){
		.id = i->id,
		.name = i->name,
		.region = region,
		.digest = i->digest,
		.sha512 = i->sha512 ? i->sha512 : i->hash_value,
		.format = i->disk_format,
		.definition = i->definition,
		.status = i->status,
		.user = i->user,
		.created = i->created,
		.changed = i->changed,
		.size = (uint64_t)MAX(i->size, 0),
		.min_disk = (uint64_t)MAX(i->min_disk, 0) * GIB,
		.min_ram = (uint64_t)MAX(i->min_ram, 0) * MIB,
		.is_protected = i->is_protected,
	};
}

/* {"limit": 1000, "usage": 340}; a limit of -1 is none. */
static int64_t room_of(const struct node *usage, const char *key)
{
	const struct node *n = node_get(usage, key);
	int64_t limit, used;

	if (!node_is_int(node_get(n, "limit"), &limit) ||
		!node_is_int(node_get(n, "usage"), &used) || limit < 0 || used < 0)
		return -1;
	return MAX(limit - used, 0);
}

void glance_room_read(const struct node *answer, struct glance_room *ret)
{
	const struct node *usage = node_get(answer, "usage");

	ret->mib = room_of(usage, "image_size_total");
	ret->images = room_of(usage, "image_count_total");
}

int glance_room(struct os *o, const char *region, struct glance_room *ret, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct os_query q = {
		.service = OS_IMAGE,
		.region = region,
		.method = "GET",
		.path = "/info/usage",
	};
	struct node *answer;
	int r = os_call(o, &q, a, &answer, e);

	*ret = (struct glance_room){ .mib = -1, .images = -1 };
	if (r < 0)
		return r;
	if (r > 0) /* releases before Xena do not know the question */
		return 0;
	glance_room_read(answer, ret);
	return 0;
}
