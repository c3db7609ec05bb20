/*
 * What was seen of a failure: the state of every container, the end of what it said, what the gate
 * probed. Taken before anything is put back, since the container that says why is then gone.
 */
#include "deploy.h"

#include "agent.h"
#include "alloc.h"
#include "buf.h"
#include "engine.h"
#include "error.h"
#include "fd.h"
#include "ipc.h"
#include "report.h"
#include "secretmask.h"
#include "state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define DIR_NAME  "failures"
#define KEPT	  10
#define LOG_LINES 200
#define LOG_BYTES (64 * KIB) /* of a container: the end of it */

static void add_log(
	struct deploy *d, const struct container *c, const struct mask *m, struct buf *out)
{
	struct error e = { 0 };
	_buf_ log = BUF_INIT;
	const char *text;

	if (engine_logs(d->a, c->id, LOG_LINES, &log, &e) < 0) {
		ipc_add_str(out, "log", e.msg);
		return;
	}
	mask_text(m, &log);
	text = buf_str(&log);
	ipc_add_str(out, "log", log.len > LOG_BYTES ? text + log.len - LOG_BYTES : text);
}

static void add_container(
	struct deploy *d, const struct container *c, const struct mask *m, struct buf *out)
{
	ipc_begin(out);
	ipc_add_str(out, "service", c->service);
	ipc_add_str(out, "name", c->name);
	ipc_add_str(out, "state", c->state);
	ipc_add_str(out, "health", c->health);
	ipc_add_str(out, "health_text", c->health_text);
	ipc_add_str(out, "error", c->error);
	ipc_add_str(out, "image", c->image);
	ipc_add_int(out, "exit_code", c->exit_code);
	ipc_add_int(out, "restarts", c->restarts);
	ipc_add_bool(out, "out_of_memory", c->oom);
	add_log(d, c, m, out);
	ipc_end(out);
}

static void add_containers(struct deploy *d, const struct mask *m, struct buf *out)
{
	struct containers cs;
	struct error e = { 0 };
	_buf_ list = BUF_INIT;

	if (engine_ps(d->a, d->arena, &cs, &e) < 0) {
		ipc_add_str(out, "containers_problem", e.msg);
		return;
	}
	buf_addc(&list, '[');
	for (size_t i = 0; i < cs.n; i++) {
		_buf_ one = BUF_INIT;

		add_container(d, &cs.v[i], m, &one);
		buf_printf(&list, "%s%s", i ? "," : "", buf_str(&one));
	}
	buf_addc(&list, ']');
	ipc_add(out, "containers", buf_str(&list));
}

/* The oldest ones go: a branch that fails every day must not fill the disk. False: there was none to go. */
static bool forget_oldest(const struct agent *a)
{
	int fd = openat(a->state_fd, DIR_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char oldest[NAME_MAX + 1] = "";
	int64_t when = INT64_MAX;
	const struct dirent *entry;
	bool gone = false;
	size_t n = 0;

	while (dir && (entry = readdir(dir))) {
		struct stat st;

		if (*entry->d_name == '.' || fstatat(fd, entry->d_name, &st, 0) < 0)
			continue;
		n++;
		if (st.st_mtime >= when)
			continue;
		when = st.st_mtime;
		snprintf(oldest, sizeof oldest, "%s", entry->d_name);
	}
	if (n > KEPT)
		gone = unlinkat(fd, oldest, 0) == 0;
	if (dir)
		closedir(dir);
	return gone;
}

void deploy_keep_evidence(struct deploy *d, const char *sha, const char *why, const char *probes)
{
	_cleanup_(mask_freep) struct mask *m = mask_new(d->a);
	_free_ char *name = xasprintf(DIR_NAME "/%s.json", sha);
	_free_ char *list = xasprintf("[%s]", probes);
	_buf_ out = BUF_INIT;
	struct error e = { 0 };

	if (mkdirat(d->a->state_fd, DIR_NAME, 0700) < 0 && errno != EEXIST)
		return;
	ipc_begin(&out);
	ipc_add_str(&out, "sha", sha);
	ipc_add_int(&out, "at", deploy_now());
	ipc_add_str(&out, "why", why);
	add_containers(d, m, &out);
	ipc_add(&out, "probes", list);
	ipc_end(&out);
	buf_addc(&out, '\n');
	if (state_write(d->a, name, &out, &e) < 0)
		report(REPORT_WARNING, "gitops: %s", e.msg);
	while (forget_oldest(d->a))
		;
}
