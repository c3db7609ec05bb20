/* Manifests, by field tables; what a table does not have is left alone, as newer writers add members. */
#include "image_manifest.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "json.h"
#include "node.h"
#include "reply.h"

#include <string.h>

#define DOCKER "application/vnd.docker.distribution.manifest"
#define OCI    "application/vnd.oci.image"

const char manifest_accept[] =
	DOCKER ".v2+json, " DOCKER ".list.v2+json, " OCI ".manifest.v1+json, " OCI ".index.v1+json";

struct descriptor {
	const char *type, *digest;
	int64_t size;
	const struct node *platform;
};

#define AT(key, parse, member, flags)                                                              \
	{                                                                                          \
		key, parse, offsetof(struct descriptor, member), flags, NULL                       \
	}
static const struct field descriptor_fields[] = {
	AT("mediaType", reply_text, type, 0),
	AT("digest", reply_text, digest, FIELD_REQUIRED),
	AT("size", reply_number, size, FIELD_REQUIRED),
	AT("platform", field_node, platform, 0),
	{},
};
#undef AT

struct platform {
	const char *os, *architecture;
};
static const struct field platform_fields[] = {
	{ "os", reply_text, offsetof(struct platform, os) },
	{ "architecture", reply_text, offsetof(struct platform, architecture) },
	{},
};

/* Layers that are tars, and how engines have to unpack them. */
static const struct {
	const char *type;
	bool zstd;
} layer_types[] = {
	{ "application/vnd.docker.image.rootfs.diff.tar.gzip", false },
	{ "application/vnd.docker.image.rootfs.diff.tar", false },
	{ "application/vnd.oci.image.layer.v1.tar+gzip", false },
	{ "application/vnd.oci.image.layer.v1.tar", false },
	{ "application/vnd.oci.image.layer.v1.tar+zstd", true },
	{ "application/vnd.docker.image.rootfs.diff.tar.zstd", true },
};

static int read_descriptor(const struct node *n, const char *what, uint64_t max, struct arena *a,
	struct descriptor *ret, struct image_blob *ret_blob, struct error *e)
{
	int r = reply_read(n, what, descriptor_fields, ret, a, e);

	if (r < 0)
		return r;
	if (strncmp(ret->digest, "sha256:", 7) != 0 || !sha256_valid(ret->digest + 7))
		return error_set(e, ERR_INVALID, "%s is not named by its SHA-256 but '%.80s'", what,
			ret->digest);
	if (ret->size < 0 || (uint64_t)ret->size > max)
		return error_set(e, ERR_INVALID, "%s has %lld bytes, more than %llu", what,
			(long long)ret->size, (unsigned long long)max);
	memcpy(ret_blob->sha256, ret->digest + 7, SHA256_HEX);
	ret_blob->size = (uint64_t)ret->size;
	return 0;
}

static int parse_document(
	const char *text, size_t len, struct arena *a, struct node **ret, struct error *e)
{
	int64_t version = 0;
	int r;

	if (len > MANIFEST_MAX)
		return error_set(e, ERR_INVALID, "the manifest is too large");
	r = json_parse(ret, a, "the manifest", text, len, e);
	if (r < 0)
		return r;
	(void)node_is_int(node_get(*ret, "schemaVersion"), &version);
	if ((*ret)->kind != NODE_MAP || version != 2)
		return error_set(e, ERR_INVALID,
			"its manifest is none of schema 2, which is as old as 2016: push the image anew");
	return 0;
}

static int read_layer(
	const struct node *n, struct arena *a, struct image_blob *ret, struct error *e)
{
	struct descriptor d = {};
	int r = read_descriptor(n, "a layer", LAYER_SIZE_MAX, a, &d, ret, e);

	if (r < 0)
		return r;
	for (size_t i = 0; d.type && i < ARRAY_SIZE(layer_types); i++) {
		if (strcmp(layer_types[i].type, d.type) != 0)
			continue;
		ret->zstd = layer_types[i].zstd;
		return 0;
	}
	return error_set(e, ERR_INVALID,
		"a layer is of the kind '%.120s', which no engine here unpacks",
		d.type ? d.type : "");
}

int image_manifest_parse(
	const char *text, size_t len, struct arena *a, struct image_manifest *ret, struct error *e)
{
	struct image_manifest new = {};
	struct descriptor config = {};
	struct image_blob *layers;
	struct node *doc, *list;
	int r = parse_document(text, len, a, &doc, e);

	if (r < 0)
		return r;
	list = node_get(doc, "layers");
	if (!list || list->kind != NODE_LIST || list->n == 0 || list->n > LAYERS_MAX)
		return error_set(e, ERR_INVALID, "its manifest lists no layers, or too many");
	r = read_descriptor(node_get(doc, "config"), "the configuration", CONFIG_MAX, a, &config,
		&new.config, e);
	layers = arena_alloc(a, list->n * sizeof *layers);
	for (; r == 0 && new.n < list->n; new.n += r == 0)
		r = read_layer(list->items[new.n], a, &layers[new.n], e);
	if (r < 0)
		return r;
	new.layers = layers;
	*ret = new;
	return 0;
}

/* Says which platforms there are; those of attestations are called "unknown". */
static int no_platform(
	const struct node *list, const char *architecture, struct arena *a, struct error *e)
{
	_buf_ has = BUF_INIT;

	for (size_t i = 0; i < list->n && has.len < 400; i++) {
		struct platform p = {};
		struct error ignored = {};

		if (reply_read(node_get(list->items[i], "platform"), "the platform",
			    platform_fields, &p, a, &ignored) == 0 &&
			p.os && p.architecture && strcmp(p.os, "unknown") != 0)
			buf_printf(&has, "%s%s/%s", has.len ? ", " : "", p.os, p.architecture);
	}
	return error_set(e, ERR_INVALID, "it has no image for linux/%s, only for %s", architecture,
		has.len ? buf_str(&has) : "nothing that is known");
}

int image_index_choose(const char *text, size_t len, const char *architecture,
	struct image_blob *ret, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *doc, *list;
	int r = parse_document(text, len, a, &doc, e);

	if (r < 0)
		return r;
	list = node_get(doc, "manifests");
	if (!list)
		return MANIFEST_IS_IMAGE;
	if (list->kind != NODE_LIST || list->n > MANIFESTS_MAX)
		return error_set(e, ERR_INVALID, "its list of platforms cannot be read");
	for (size_t i = 0; i < list->n; i++) {
		struct descriptor d = {};
		struct platform p = {};
		struct image_blob blob = {};

		r = read_descriptor(list->items[i], "a manifest", MANIFEST_MAX, a, &d, &blob, e);
		if (r == 0 && d.platform)
			r = reply_read(d.platform, "the platform", platform_fields, &p, a, e);
		if (r < 0)
			return r;
		if (!p.os || !p.architecture || strcmp(p.os, "linux") != 0 ||
			strcmp(p.architecture, architecture) != 0)
			continue;
		*ret = blob;
		return 0;
	}
	return no_platform(list, architecture, a, e);
}
