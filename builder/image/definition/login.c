/* Who may log in, as cloud-init's extract_default() chooses. */
#include "login.h"

#include "alloc.h"
#include "definition.h"
#include "node.h"
#include "schema.h"

#include <string.h>

/* The default user of the distribution's own cloud.cfg bears its name, unless "user:" renames it. */
static char *image_user(const struct definition *def)
{
	const struct node *user = definition_key(def, "user");
	const char *name =
		user && user->kind == NODE_MAP ? node_str(node_get(user, "name")) : node_str(user);

	return xstrdup(name ? name : def->distribution);
}

char *login_user(const struct definition *def)
{
	const struct node *users = definition_key(def, "users");

	if (node_is_null(users))
		return image_user(def);
	for (size_t i = 0; users->kind == NODE_LIST && i < users->n; i++) {
		const struct node *u = users->items[i];
		bool yes = false;

		if (u->kind == NODE_SCALAR && u->str && strcmp(u->str, "default") == 0)
			return image_user(def);
		if (u->kind == NODE_MAP && node_is_bool(node_get(u, "default"), &yes) && yes)
			return xstrdup(node_str(node_get(u, "name")));
	}
	return NULL;
}

uint64_t login_volume(const struct definition *def)
{
	const char *text = node_str(node_get(def->server, "volume"));
	uint64_t size = 0;

	return text && parse_size(text, &size) ? size : 0;
}
