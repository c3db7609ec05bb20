/* Images of the rows: which regions, and whether they take any. The work is upload.h's and images.h's. */
#include "images.h"
#include "row_parts.h"
#include "upload.h"

#include "arena.h"

int row_upload(const struct cloud *c, const struct upload_request *q, struct arena *a,
	struct cloud_image **ret, size_t *ret_n, struct error *e)
{
	struct row *r = row_of(c);
	struct upload_request asked = *q;
	const char *one[2] = { NULL, NULL };
	struct os *o;
	int f = row_os(r, &o, e);

	if (f == 0 && !q->regions) {
		f = row_region(r, OS_IMAGE, NULL, &one[0], e);
		asked.regions = one;
	}
	for (size_t i = 0; f == 0 && asked.regions[i]; i++) {
		const char *known;

		f = q->regions ? row_region(r, OS_IMAGE, asked.regions[i], &known, e) : 0;
		if (f == 0 && r->hooks->check_region)
			f = r->hooks->check_region(r, asked.regions[i], true, e);
	}
	return f < 0 ? f : upload_run(o, c, &asked, a, ret, ret_n, e);
}

int row_images(
	const struct cloud *c, bool whole, struct arena *a, struct image_list *ret, struct error *e)
{
	struct row *r = row_of(c);
	const char *const *regions;
	struct os *o;
	int f = row_os(r, &o, e);

	if (f == 0)
		f = row_regions(r, OS_IMAGE, &regions, e);
	return f != 0 ? f : images_list(o, regions, whole, a, ret, e);
}

int row_image_delete(const struct cloud *c, const struct cloud_image *i, struct error *e)
{
	struct os *o;
	int f = row_os(row_of(c), &o, e);

	return f < 0 ? f : images_delete(o, i, e);
}
