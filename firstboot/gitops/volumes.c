/*
 * Data is in volumes, and a volume is found by its name: one that is called otherwise in a commit is another one, and
 * begins empty. A database makes itself anew in it, migrations run, and all looks well.
 */
#include "deploy.h"

#include "error.h"

#include <string.h>

static const char *next(const char *line)
{
	line += strcspn(line, "\n");
	return line + (*line == '\n');
}

/* The line of a target; NULL: nothing is there. ret: its name, and how long. */
static const char *volume_at(const char *data, const char *target, size_t target_len, size_t *ret)
{
	for (const char *p = data; *p; p = next(p)) {
		size_t len = strcspn(p, "\n");
		const char *blank = memrchr(p, ' ', len); /* names have none */

		if (blank && (size_t)(blank - p) == target_len &&
			strncmp(p, target, target_len) == 0) {
			*ret = len - target_len - 1;
			return blank + 1;
		}
	}
	return NULL;
}

/* Whether it is mounted at all, wherever that is: images move their directories, too. */
static bool has_volume(const char *data, const char *name, size_t name_len)
{
	for (const char *p = data; *p; p = next(p)) {
		size_t len = strcspn(p, "\n");
		const char *blank = memrchr(p, ' ', len);

		if (blank && len - (size_t)(blank + 1 - p) == name_len &&
			strncmp(blank + 1, name, name_len) == 0)
			return true;
	}
	return false;
}

static int compare(const struct plan_service *was, const struct plan_service *to, struct error *e)
{
	for (const char *p = was->data; *p; p = next(p)) {
		size_t len = strcspn(p, "\n"), n, m;
		const char *blank = memrchr(p, ' ', len), *now;

		if (!blank)
			continue;
		n = len - (size_t)(blank - p) - 1;
		now = volume_at(to->data, p, (size_t)(blank - p), &m);
		if (now ? n == m && strncmp(now, blank + 1, n) == 0
			: has_volume(to->data, blank + 1, n))
			continue;
		if (!now)
			return error_set(e, ERR_INVALID,
				"%s: %.*s would have the volume '%.*s' no more, and begin empty: give it that again, or say that it "
				"is meant with the label kbuild.new_data: \"true\"",
				to->name, (int)(blank - p), p, (int)n, blank + 1);
		return error_set(e, ERR_INVALID,
			"%s: %.*s would have the volume '%.*s' instead of '%.*s', and begin empty: give the volume its name "
			"again, or say that it is meant with the label kbuild.new_data: \"true\"",
			to->name, (int)(blank - p), p, (int)m, now, (int)n, blank + 1);
	}
	return 0;
}

int deploy_check_volumes(const struct plan *was, const struct plan *to, struct error *e)
{
	int r = 0;

	for (size_t i = 0; i < to->n && r == 0; i++) {
		const struct plan_service *s = &to->services[i], *before = plan_find(was, s->name);

		if (before && before->data && s->data &&
			(before->stateful || before->database || s->stateful || s->database))
			r = compare(before, s, e);
	}
	return r;
}
