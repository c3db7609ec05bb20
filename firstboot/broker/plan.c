/* See plan.h. */
#include "plan.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "node.h"
#include "ops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define YOUNG_SECONDS 3600

char *plan_path(const struct broker *b, const char *id)
{
	return xasprintf("%s/plans/%s.json", b->state, id);
}

/* What is older than all that is kept goes; a plan in use is always young, see plan_load(). */
static void forget_old(const struct broker *b)
{
	_free_ char *dir = xasprintf("%s/plans", b->state);

	for (;;) {
		char oldest[256] = "";
		struct timespec when = { 0 };
		size_t n = 0;
		DIR *d = opendir(dir);
		const struct dirent *entry;

		while (d && (entry = readdir(d))) {
			struct stat st;

			if (*entry->d_name == '.' || strlen(entry->d_name) >= sizeof oldest ||
				fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
				continue;
			n++;
			if (*oldest && (st.st_mtim.tv_sec > when.tv_sec ||
					       (st.st_mtim.tv_sec == when.tv_sec &&
						       st.st_mtim.tv_nsec >= when.tv_nsec)))
				continue;
			strcpy(oldest, entry->d_name);
			when = st.st_mtim;
		}
		if (d && n > PLANS_KEPT)
			(void)unlinkat(dirfd(d), oldest, 0);
		if (d)
			closedir(d);
		if (n <= PLANS_KEPT)
			return;
	}
}

int plan_keep(
	const struct broker *b, const struct node *doc, char ret_id[SHA256_HEX], struct error *e)
{
	_free_ char *path = NULL;
	_buf_ text = BUF_INIT;
	int r;

	node_write_json(doc, 2, &text);
	if (text.len > PLAN_MAX)
		return error_set(e, ERR_INVALID, "the compose document is too large");
	sha256_bytes(text.data, text.len, ret_id);
	path = plan_path(b, ret_id);
	r = file_replace(AT_FDCWD, path, text.data, text.len, 0600);
	if (r < 0)
		return error_errno(e, r, "cannot write %s", path);
	forget_old(b);
	return 0;
}

int plan_load(const struct broker *b, const char *id, struct arena *arena, struct node **ret,
	struct error *e)
{
	_free_ char *path = plan_path(b, id);
	char digest[SHA256_HEX];
	_buf_ text = BUF_INIT;
	int r = file_read(AT_FDCWD, path, PLAN_MAX, &text);

	if (r == -ENOENT)
		return error_set(
			e, ERR_FAILED, "there is no plan %.12s: render the release again", id);
	if (r < 0)
		return error_errno(e, r, "cannot read %s", path);
	sha256_bytes(text.data, text.len, digest);
	if (strcmp(digest, id) != 0)
		return error_set(
			e, ERR_FAILED, "the plan %.12s is damaged: render the release again", id);
	/* What is used is young. */
	(void)utimensat(AT_FDCWD, path, NULL, 0);
	return json_parse(ret, arena, "the plan", text.data, text.len, e);
}

static bool listed(const char *const *keep, const char *name)
{
	for (; *keep; keep++) {
		if (strncmp(name, *keep, 64) == 0 && strcmp(name + 64, ".json") == 0)
			return true;
	}
	return false;
}

static bool is_young(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	       st.st_mtim.tv_sec > time(NULL) - YOUNG_SECONDS;
}

/* Removes those that go; the texts of those that stay are in all. */
static int sort_plans(DIR *d, const char *const *keep, struct buf *all, struct error *e)
{
	const struct dirent *entry;

	while ((entry = readdir(d))) {
		const char *name = entry->d_name;
		int r;

		if (*name == '.')
			continue;
		if (keep && !listed(keep, name) && !is_young(dirfd(d), name)) {
			(void)unlinkat(dirfd(d), name, 0);
			continue;
		}
		r = file_read(dirfd(d), name, PLAN_MAX, all);
		if (r < 0 && r != -ENOENT)
			return error_errno(e, r, "cannot read the plan %s", name);
	}
	return 0;
}

int plan_prune(const struct broker *b, const char *const *keep, struct error *e)
{
	_free_ char *plans = xasprintf("%s/plans", b->state);
	_free_ char *content = xasprintf("%s/content", b->state);
	DIR *d = opendir(plans), *c = opendir(content);
	const struct dirent *entry;
	_buf_ all = BUF_INIT;
	int r = d && c ? sort_plans(d, keep, &all, e)
		       : error_errno(e, errno, "cannot read the plans");

	while (r >= 0 && (entry = readdir(c))) {
		bool ours = sha256_valid(entry->d_name) ||
			    strncmp(entry->d_name, ".new-", 5) == 0; /* cut off by a power cut */

		if (ours && !is_young(dirfd(c), entry->d_name) &&
			!strstr(buf_str(&all), entry->d_name))
			(void)remove_all(dirfd(c), entry->d_name);
	}
	if (d)
		closedir(d);
	if (c)
		closedir(c);
	return r;
}
