/* Lists of images with who uses them; see images.h. */
#include "images.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "glance.h"
#include "image_users.h"
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

/* Those who may use its images; none where there is no such service. */
static int look_servers(struct os *o, const char *region, struct arena *a, struct nova_server **ret,
	size_t *ret_n, struct error *e)
{
	bool compute = false;
	int r = os_has(o, OS_COMPUTE, region, &compute, e);

	return r < 0 || !compute ? r : nova_servers(o, region, NULL, a, ret, ret_n, e);
}

static int list_region(struct os *o, const char *region, bool whole, struct arena *a,
	struct image_list *l, struct error *e)
{
	struct nova_server *servers = NULL;
	struct glance_image *images;
	struct cloud_image *all;
	struct error why = {};
	size_t n, n_servers = 0;
	int r = glance_list(o, region, NULL, a, &images, &n, e), used = 0;

	if (r == 0 && n > 0)
		used = look_servers(o, region, a, &servers, &n_servers, &why);
	if (used < 0 && (whole || why.code == ERR_INTERRUPTED)) {
		*e = why;
		return used;
	}
	if (r < 0)
		return r;
	all = arena_alloc(a, (l->n + n + 1) * sizeof *all);
	if (l->n)
		memcpy(all, l->images, l->n * sizeof *all);
	l->images = all;
	for (size_t i = 0; i < n; i++) {
		struct cloud_image *to = &all[l->n++];

		glance_to_cloud(&images[i], region, to);
		to->use_unknown = used < 0;
		mark_used(to, servers, n_servers, a);
	}
	if (used < 0)
		l->lacks = lacks_more(a, l->lacks,
			arena_printf(a, "who uses the images in %s: %s", region, why.msg));
	return 0;
}

static int newest_first(const void *va, const void *vb)
{
	const struct cloud_image *a = va, *b = vb;

	if (a->created != b->created)
		return a->created < b->created ? 1 : -1;
	return strcmp(a->id, b->id);
}

int images_list(struct os *o, const char *const *regions, bool whole, struct arena *a,
	struct image_list *ret, struct error *e)
{
	struct error first = {};
	struct image_list l = {};
	bool some = false;

	for (size_t i = 0; regions[i]; i++) {
		struct error why = {};

		if (list_region(o, regions[i], whole, a, &l, &why) == 0) {
			some = true;
			continue;
		}
		first = first.code ? first : why;
		if (whole || why.code == ERR_INTERRUPTED) {
			*e = why;
			return -e->code;
		}
		l.partial = true;
		l.lacks = lacks_more(
			a, l.lacks, arena_printf(a, "the images in %s: %s", regions[i], why.msg));
	}
	if (!some && first.code) {
		*e = first;
		return -e->code;
	}
	if (l.n)
		qsort(l.images, l.n, sizeof *l.images, newest_first);
	*ret = l;
	return 0;
}

int images_delete(struct os *o, const struct cloud_image *i, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *users = NULL;
	int r = image_users(o, i->region, i->id, a, &users, e);

	/* Since it was looked at somebody may have launched one. */
	if (r == 0 && users)
		return error_set(e, ERR_FAILED,
			"the image %s is in use by now (%s): it was not removed", i->id, users);
	if (r == 0)
		r = glance_delete(o, i->region, i->id, e);
	return r == OS_ABSENT ? CLOUD_ABSENT : r;
}
