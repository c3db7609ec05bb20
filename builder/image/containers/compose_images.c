/* See compose_images.h. */
#include "compose_images.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "compose_vars.h"
#include "node.h"

#include <stdlib.h>
#include <string.h>

#define SERVICES_MAX 500

static const char hint[] = "or say 'images: pull' in kbuild.app, and the server pulls them";

static int by_text(const void *x, const void *y)
{
	const struct compose_image *a = x, *b = y;

	return strcmp(a->text, b->text);
}

/* Keys that bring images in from elsewhere, where they would have to be looked for. */
static bool complain_elsewhere(const struct node *service, const char *name, struct diags *d)
{
	const struct node *extends = node_get(service, "extends"),
			  *build = node_get(service, "build");

	if (extends) {
		diag_add(d, DIAG_ERROR, &extends->at, "compose-extends", hint,
			"the service '%.80s' has its image from another one: name it here, so that it can be baked",
			name);
		return true;
	}
	if (build) {
		diag_add(d, DIAG_ERROR, &build->at, "compose-build", NULL,
			"the service '%.80s' is built: servers build nothing, so push its image to a registry and name that",
			name);
		return true;
	}
	return false;
}

static bool replace(const struct node *image, const char *name, const struct compose_vars *vars,
	struct arena *a, const char **ret, struct diags *d)
{
	const char *why, *missing;
	_buf_ text = BUF_INIT;

	why = compose_vars_replace(vars, node_str(image), a, &text, &missing);
	if (missing)
		diag_add(d, DIAG_ERROR, &image->at, "compose-variable",
			"give it a default, as in ${NAME:-1.0}, or a line in .env beside the Compose file",
			"the image of '%.80s' needs the variable %.80s, which is known on the server only",
			name, missing);
	else if (why)
		diag_add(d, DIAG_ERROR, &image->at, "compose-image", NULL,
			"the image of '%.80s' cannot be read: %s", name, why);
	*ret = arena_strdup(a, buf_str(&text));
	return !why;
}

static bool read_service(const struct node *service, const char *name,
	const struct compose_vars *vars, struct arena *a, struct compose_image *ret,
	struct diags *d)
{
	const struct node *profiles = node_get(service, "profiles"),
			  *image = node_get(service, "image");
	const char *why;

	if (profiles && profiles->kind == NODE_LIST && profiles->n > 0)
		return false;
	if (!node_str(image)) {
		const struct mark *at = image ? &image->at : &service->at;

		if (!complain_elsewhere(service, name, d))
			diag_add(d, DIAG_ERROR, at, "compose-image", NULL,
				"the service '%.80s' has no image", name);
		return false;
	}
	ret->service = name;
	ret->at = image->at;
	if (!replace(image, name, vars, a, &ret->text, d))
		return false;
	why = image_ref_parse(ret->text, a, &ret->ref);
	if (why)
		diag_add(d, DIAG_ERROR, &image->at, "compose-image", NULL,
			"the service '%.80s' has the image '%.200s': %s", name, ret->text, why);
	return !why;
}

static void unique(struct compose_images *v)
{
	size_t n = 0;

	qsort(v->v, v->n, sizeof *v->v, by_text);
	for (size_t i = 0; i < v->n; i++) {
		if (n == 0 || strcmp(v->v[n - 1].text, v->v[i].text) != 0)
			v->v[n++] = v->v[i];
	}
	v->n = n;
}

void compose_images_read(const struct node *doc, const struct compose_vars *vars, struct arena *a,
	struct compose_images *ret, struct diags *d)
{
	const struct node *services = node_get(doc, "services"),
			  *include = node_get(doc, "include");
	struct compose_images new = {};

	if (include)
		diag_add(d, DIAG_ERROR, &include->at, "compose-include", hint,
			"other files are included, whose images are not looked for");
	if (!services || services->kind != NODE_MAP || services->n == 0 ||
		services->n > SERVICES_MAX) {
		diag_add(d, DIAG_ERROR, services ? &services->at : &doc->at, "compose-services",
			NULL, "this is no Compose file with services");
		*ret = new;
		return;
	}
	new.v = arena_alloc(a, services->n * sizeof *new.v);
	for (size_t i = 0; i < services->n; i++)
		new.n += read_service(
			services->items[i], services->keys[i]->str, vars, a, &new.v[new.n], d);
	unique(&new);
	*ret = new;
}
