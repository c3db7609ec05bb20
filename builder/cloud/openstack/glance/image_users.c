/* Who uses an image: asked of Nova, before one is removed that somebody may need. */
#include "image_users.h"

#include "api.h"
#include "arena.h"
#include "error.h"
#include "node.h"
#include "os.h"

#include <string.h>

int image_users(struct os *o, const char *region, const char *id, struct arena *a, const char **ret,
	struct error *e)
{
	struct os_query q = {
		.service = OS_COMPUTE,
		.region = region,
		.method = "GET",
		.path = arena_printf(a, "/servers/detail?image=%s", id),
	};
	const char *names = NULL;
	struct node *list = NULL;
	bool has = false;
	int r = os_has(o, OS_COMPUTE, region, &has, e);

	if (r == 0 && has)
		r = os_list(o, &q, "servers", a, &list, e);
	if (r < 0)
		return r;
	for (size_t i = 0; list && i < list->n; i++) {
		const char *name = node_str(node_get(list->items[i], "name"));
		const char *image = node_str(node_path(list->items[i], "image.id"));

		if (image && strcmp(image, id) == 0)
			names = arena_printf(a, "%s%s%s", names ? names : "", names ? ", " : "",
				name ? api_clean(a, name) : "?");
	}
	*ret = names;
	return 0;
}
