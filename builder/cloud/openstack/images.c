/* Lists of images with who uses them; see images.h. */
#include "images.h"

#include "arena.h"
#include "buf.h"
#include "glance.h"
#include "nova.h"
#include "os.h"
#include "provider.h"

#include <stdlib.h>
#include <string.h>

static void mark_used(
	struct cloud_image *i, const struct nova_server *servers, size_t n, struct arena *a)
{
	_buf_ names = BUF_INIT;

	for (size_t s = 0; s < n; s++) {
		if (!servers[s].image || strcmp(servers[s].image, i->id) != 0)
			continue;
		buf_printf(&names, "%s%s", i->in_use ? ", " : "", servers[s].name);
		i->in_use++;
	}
	if (i->in_use)
		i->used_by = arena_strdup(a, buf_str(&names));
}

static int list_region(struct os *o, const char *region, struct arena *a, struct cloud_image **ret,
	size_t *ret_n, struct error *e)
{
	struct nova_server *servers = NULL;
	struct glance_image *images;
	struct cloud_image *v;
	size_t n, n_servers = 0;
	bool compute = false;
	int r = glance_list(o, region, NULL, a, &images, &n, e);

	if (r == 0 && n > 0)
		r = os_has(o, OS_COMPUTE, region, &compute, e);
	if (r == 0 && compute)
		r = nova_servers(o, region, NULL, a, &servers, &n_servers, e);
	if (r < 0)
		return r;
	v = arena_alloc(a, (n + 1) * sizeof *v);
	for (size_t i = 0; i < n; i++) {
		glance_to_cloud(&images[i], region, &v[i]);
		mark_used(&v[i], servers, n_servers, a);
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

static int newest_first(const void *va, const void *vb)
{
	const struct cloud_image *a = va, *b = vb;

	if (a->created != b->created)
		return a->created < b->created ? 1 : -1;
	return strcmp(a->id, b->id);
}

int images_list(struct os *o, const char *const *regions, struct arena *a, struct cloud_image **ret,
	size_t *ret_n, struct error *e)
{
	struct cloud_image *all = arena_alloc(a, sizeof *all);
	size_t n = 0;

	for (; *regions; regions++) {
		struct cloud_image *v = NULL, *longer;
		size_t more = 0;
		int r = list_region(o, *regions, a, &v, &more, e);

		if (r < 0)
			return r;
		longer = arena_alloc(a, (n + more + 1) * sizeof *longer);
		memcpy(longer, all, n * sizeof *longer);
		memcpy(longer + n, v, more * sizeof *longer);
		all = longer;
		n += more;
	}
	qsort(all, n, sizeof *all, newest_first);
	*ret = all;
	*ret_n = n;
	return 0;
}

int images_delete(struct os *o, const struct cloud_image *i, struct error *e)
{
	int r = glance_delete(o, i->region, i->id, e);

	return r == OS_ABSENT ? CLOUD_ABSENT : r;
}
