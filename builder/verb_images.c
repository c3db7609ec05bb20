/* kbuild images: what was uploaded, and who uses it. */
#include "arena.h"
#include "ctx.h"
#include "error.h"
#include "image_text.h"
#include "provider.h"
#include "servers.h"
#include "verbs.h"

#include <inttypes.h>
#include <stdio.h>

static void print_table(const struct cloud_image *v, size_t n)
{
	printf("%-28s %-12s %-10s %-16s %9s %-7s %s\n", "NAME", "REGION", "STATUS", "MADE", "MIB",
		"FORMAT", "SERVERS");
	for (size_t i = 0; i < n; i++) {
		char date[17];

		image_date(v[i].created, date);
		printf("%-28s %-12s %-10s %-16s %9" PRIu64 " %-7s %s\n",
			v[i].name ? v[i].name : v[i].id, v[i].region ? v[i].region : "-",
			v[i].status, date, (v[i].size + MIB - 1) / MIB,
			v[i].format ? v[i].format : "-",
			v[i].used_by	   ? v[i].used_by
			: v[i].use_unknown ? "?"
					   : "-");
	}
}

static int run_images(struct ctx *c, const struct verb_args *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	_cleanup_(servers_cloud_close) struct cloud cloud = {};
	struct image_list l = {};
	int r = servers_cloud(c, a, NULL, &cloud, e);

	if (r < 0)
		return r;
	if (!cloud.provider->images)
		return error_set(e, ERR_USAGE,
			"the cloud '%s' keeps no images: it boots what 'kbuild build' has made; say --cloud ovh or --cloud openstack",
			cloud.provider->name);
	r = cloud.provider->images(&cloud, false, arena, &l, e);
	if (r < 0)
		return r;
	/* A program would take what is missing for gone. */
	if (c->json && l.partial)
		return error_set(e, ERR_NETWORK, "%s", l.lacks);
	if (c->json)
		image_json_list(l.images, l.n);
	else if (l.n == 0 && l.partial)
		printf("there is no image of kbuild's in the regions that answered\n");
	else if (l.n == 0)
		printf("there is no image of kbuild's; 'kbuild upload' brings one there\n");
	else
		print_table(l.images, l.n);
	servers_lack(c, l.lacks);
	return 0;
}

static const struct verb_option options[] = { OPTION_CLOUD, {} };

const struct verb verb_images = {
	.name = "images",
	.args = "",
	.summary = "list the images in a cloud, and the servers made from them",
	.options = options,
	.examples = "  kbuild images --cloud ovh\n  kbuild images --cloud openstack:lab --json\n",
	.run = run_images,
};
