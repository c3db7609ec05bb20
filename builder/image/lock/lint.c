/*
 * Plans that apt finds consistent and that are broken all the same: better refused when the lock
 * is made than found out on the server.
 */
#include "resolve.h"

#include "definition.h"
#include "error.h"
#include "lock.h"

#include <string.h>

/* With "with": only the two together are the fault. */
static const struct fault {
	const char *release, *name, *version; /* NULL: any */
	const char *with;
	const char *why;
} faults[] = {
	{ "noble", "fail2ban", "1.0.2-3", NULL,
		"does not start with the Python of noble (no module asynchat): leave the updates "
		"pocket enabled, it has a fixed one" },
	{ NULL, "docker-compose-v2", NULL, "docker-compose-plugin",
		"have the same files without saying so: ask for one of them" },
};

static const struct lock_package *find(const struct lock_package *v, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(v[i].name, name) == 0)
			return &v[i];
	}
	return NULL;
}

int lint_packages(
	const struct lock_package *v, size_t n, const struct definition *def, struct error *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		const struct fault *f = &faults[i];
		const struct lock_package *p = find(v, n, f->name);

		if (!p || (f->release && strcmp(f->release, def->release) != 0) ||
			(f->version && strcmp(f->version, p->version) != 0) ||
			(f->with && !find(v, n, f->with)))
			continue;
		if (f->with)
			return error_set(e, ERR_INVALID, "the packages %s and %s %s", p->name,
				f->with, f->why);
		return error_set(
			e, ERR_INVALID, "the package %s %s %s", p->name, p->version, f->why);
	}
	return 0;
}
