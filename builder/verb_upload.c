/* kbuild upload: an image into a cloud, in one or several regions. */
#include "arena.h"
#include "buf.h"
#include "ctx.h"
#include "definition.h"
#include "disk_source.h"
#include "error.h"
#include "image_text.h"
#include "provider.h"
#include "servers.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

static int read_format(const struct verb_args *a, const char **ret, struct error *e)
{
	const char *format = verb_opt(a, "format");

	if (format && strcmp(format, "raw") != 0 && strcmp(format, "qcow2") != 0)
		return error_set(e, ERR_USAGE, "--format is raw or qcow2, not '%s'", format);
	*ret = format;
	return 0;
}

static const char *const *read_regions(const struct verb_args *a, struct arena *arena)
{
	const char **regions;
	size_t n = 0;

	while (verb_opt_nth(a, "region", n))
		n++;
	if (n == 0)
		return NULL;
	regions = arena_alloc(arena, (n + 1) * sizeof *regions);
	for (size_t i = 0; i < n; i++)
		regions[i] = verb_opt_nth(a, "region", i);
	return regions;
}

static void print_images(const struct ctx *c, const struct cloud_image *v, size_t n)
{
	if (c->json) {
		image_json_list(v, n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		_buf_ title = BUF_INIT;

		image_title(&v[i], &title);
		printf("%s: %s, image %s\n", buf_str(&title),
			v[i].uploaded ? "uploaded" : "is there already", v[i].id);
	}
}

static int upload(struct ctx *c, const struct verb_args *a, const struct definition *def,
	struct arena *arena, struct error *e)
{
	_cleanup_(servers_cloud_close) struct cloud cloud = {};
	struct upload_request q = { .regions = read_regions(a, arena) };
	struct cloud_image *v;
	size_t n;
	int r = read_format(a, &q.format, e);

	if (r == 0)
		r = servers_cloud(c, a, def, &cloud, e);
	if (r < 0)
		return r;
	if (!cloud.provider->upload)
		return error_set(e, ERR_USAGE,
			"the cloud '%s' boots the file itself: nothing is uploaded to it; say --cloud ovh or --cloud openstack",
			cloud.provider->name);
	r = disk_source_find(c, verb_arg(a, 0), def, arena, &q, e);
	if (r == 0)
		r = cloud.provider->upload(&cloud, &q, arena, &v, &n, e);
	if (r == 0)
		print_images(c, v, n);
	return r;
}

static int run_upload(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(definition_freep) struct definition *def = NULL;
	int r = 0;

	if (disk_source_is_definition(verb_arg(a, 0)))
		r = servers_definition(c, verb_arg(a, 0), &def, e);
	return r < 0 ? r : upload(c, a, def, arena, e);
}

static const struct verb_option options[] = {
	OPTION_CLOUD,
	{ "format", "FORMAT",
		"qcow2 (of a definition: compressed, small), or raw (to boot from volumes)", 0 },
	{},
};

const struct verb verb_upload = {
	.name = "upload",
	.args = "FILE",
	.summary =
		"bring an image into a cloud: of a definition (built when needed), or a disk file",
	.min = 1,
	.max = 1,
	.options = options,
	.examples =
		"  kbuild upload images/demo.yaml --cloud ovh --region GRA11 --region SBG5\n"
		"  kbuild upload out/demo/disk.qcow2 --cloud openstack:lab\n",
	.run = run_upload,
};
