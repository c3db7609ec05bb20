/* A Compose file and, after a line "---", the .env beside it: what is found are references that can be asked for. */
#include "compose_images.h"

#include "arena.h"
#include "compose_vars.h"
#include "error.h"
#include "yaml_tree.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	const char *text = (const char *)data;
	const char *mark = memmem(text, size, "\n---\n", 5);
	size_t len = mark ? (size_t)(mark - text) + 1 : size;
	struct compose_images images;
	struct compose_vars vars = {};
	struct error e = {};
	struct node *doc;

	if (mark)
		compose_vars_read(mark + 5, size - len - 4, a, &vars);
	if (yaml_parse(&doc, a, "compose", text, len, &d, &e) < 0)
		return 0;
	compose_images_read(doc, &vars, a, &images, &d);
	for (size_t i = 0; i < images.n; i++) {
		const struct image_ref *ref = &images.v[i].ref;

		if (strpbrk(image_ref_url(ref, a, "manifests", image_ref_id(ref, a)),
			    " ?#%@\\\r\n"))
			abort();
	}
	return 0;
}
