/* See prune.h. */
#include "prune.h"

#include "agent.h"
#include "alloc.h"
#include "config.h"
#include "error.h"
#include "manifest.h"
#include "report.h"
#include "retain.h"
#include "store.h"

int prune_backups(const struct agent *a, int dir, const char *pinned, struct error *e)
{
	_cleanup_(backup_list_free) struct backup_list list = BACKUP_LIST_INIT;
	const struct backup_config *c = &a->config->backup;
	_free_ const struct manifest **m = NULL;
	_free_ bool *keep = NULL;
	int r = store_list(dir, &list, e);

	if (r < 0)
		return r;
	m = xcalloc(list.n + 1, sizeof *m);
	keep = xcalloc(list.n + 1, sizeof *keep);
	for (size_t i = 0; i < list.n; i++)
		m[i] = &list.v[i];
	retain_choose(&c->keep, c->timezone, pinned, m, list.n, keep);
	for (size_t i = 0; r >= 0 && i < list.n; i++) {
		if (keep[i])
			continue;
		r = store_remove(dir, m[i]->id, e);
		if (r >= 0)
			report(REPORT_INFO, "backup %s is removed: %s", m[i]->id,
				"newer ones stand for its day, week and month");
	}
	return r;
}
