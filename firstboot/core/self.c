/* See self.h. */
#include "self.h"

#include "agent.h"
#include "arena.h"
#include "config.h"
#include "error.h"
#include "node.h"
#include "state.h"

#include <string.h>
#include <unistd.h>

#define NAME_MAX_LEN 64

bool self_name_valid(const char *name)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
	size_t n = strspn(name, letters);

	return n > 0 && n <= NAME_MAX_LEN && name[n] == '\0' && name[0] != '.' && name[0] != '-';
}

const char *self_name(const struct agent *a, struct arena *arena)
{
	struct error ignored = { 0 };
	const struct node *handoff = NULL;
	char host[256] = "";
	const char *name;

	if (state_read(a, HANDOFF_STATE, arena, &handoff, &ignored) == 0) {
		name = node_str(node_get(handoff, "server"));
		if (name && self_name_valid(name))
			return name;
	}
	if (gethostname(host, sizeof host - 1) == 0 && strcmp(host, "localhost") != 0 &&
		self_name_valid(host))
		return arena_strdup(arena, host);
	return a->config->name;
}
