/* See secrets.h: values of then, which a backup had. */
#include "secrets.h"

#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "config.h"
#include "crypt.h"
#include "error.h"
#include "fd.h"
#include "mark.h"
#include "node.h"
#include "rotate.h"
#include "values.h"

#include <time.h>

static const struct mark here = { .file = SECRETS_FILE };

/* What is there now, for who finds out that it was right. */
static int keep_before(const struct agent *a, const char *name, struct error *e)
{
	_buf_ text = BUF_INIT;
	int r = file_read(a->state_fd, SECRETS_FILE, MIB, &text);

	if (r == 0)
		r = file_replace(a->state_fd, name, text.data, text.len, 0600);
	if (text.data)
		crypt_wipe(text.data, text.len);
	return r < 0 ? error_errno(e, r, "cannot keep %s/" SECRETS_FILE, a->state_dir) : 0;
}

/* By the time, so that a second one takes no other's place. */
static const char *name_before(struct arena *arena)
{
	time_t now = time(NULL);
	char when[32];
	struct tm tm;

	strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
	return arena_printf(arena, SECRETS_FILE ".before-%s", when);
}

int secrets_put_back(struct agent *a, const struct node *then, struct arena *arena,
	const char ***ret, const char **ret_kept, struct error *e)
{
	const struct node *definition = a->config->secrets.values;
	const char **names, *rotating;
	struct node *values = NULL;
	size_t n_all = definition && definition->kind == NODE_MAP ? definition->n : 0, n = 0;
	int r = rotation_pending(a, arena, &rotating, e);

	if (r == 0)
		return error_set(e, ERR_USAGE,
			"the rotation of '%s' is under way; end it first: kbuild-agent secrets rotate --resume",
			rotating);
	if (r == ROTATION_NONE)
		r = values_read(a, arena, &values, e);
	if (r >= 0 && !values)
		r = error_set(e, ERR_INVALID, "this server has no secrets yet");
	if (r < 0)
		return r;
	names = arena_alloc(arena, (n_all + 1) * sizeof *names);
	*ret = names;
	*ret_kept = NULL;
	for (size_t i = 0; values && i < n_all; i++) {
		const char *name = definition->keys[i]->str;
		const struct node *how = definition->items[i], *value = node_get(then, name),
				  *now = node_get(values, name);

		if (!node_get(how, "generate") || node_get(how, "postgres") || !node_str(value) ||
			(now && node_equal(now, value)))
			continue;
		node_set(arena, values, &here, name, node_copy(arena, value));
		names[n++] = name;
	}
	if (n == 0)
		return 0;
	*ret_kept = name_before(arena);
	r = keep_before(a, *ret_kept, e);
	return r < 0 ? r : values_write(a, values, e);
}
