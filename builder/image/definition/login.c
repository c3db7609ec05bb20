/* Who may log in, as cloud-init's extract_default() chooses. */
#include "login.h"

#include "alloc.h"
#include "arena.h"
#include "definition.h"
#include "error.h"
#include "node.h"
#include "schema.h"
#include "user_list.h"

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
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const struct node *users = definition_key(def, "users"), *ignored;
	_free_ char *own = image_user(def);
	struct node *stands_for;
	const char *name = NULL;
	struct error e = {};

	/* "user:" is the default user, whatever the list has beside it. */
	if (node_is_null(users) || !node_is_null(definition_key(def, "user")))
		return xstrdup(own);
	stands_for = node_map(a, &users->at);
	node_set(a, stands_for, &users->at, "name", node_scalar(a, &users->at, own, strlen(own)));
	if (user_list(a, users, stands_for, &ignored, &name, &e) < 0 || !name)
		return NULL;
	return xstrdup(name);
}

uint64_t login_volume(const struct definition *def)
{
	const char *text = node_str(node_get(def->server, "volume"));
	uint64_t size = 0;

	return text && parse_size(text, &size) ? size : 0;
}
