/*
 * Files of the application for its backup: a volume or a path as a tar, streamed. Only what the
 * definition names: root reads nothing for somebody who merely asks.
 */
#include "ops_files.h"

#include "agent.h"
#include "alloc.h"
#include "buf.h"
#include "config.h"
#include "error.h"
#include "process.h"
#include "program.h"
#include "shape.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static bool in_list(const char *const *list, const char *word)
{
	for (; list && *list; list++) {
		if (strcmp(*list, word) == 0)
			return true;
	}
	return false;
}

static const char *project_of(const struct agent_config *c)
{
	return c->app.project ? c->app.project : c->name;
}

/* A volume as docker or as the compose file calls it. */
static bool is_named(const struct agent_config *c, const struct files_args *args)
{
	const char *project = project_of(c);
	size_t n = strlen(project);

	if (args->path)
		return in_list(c->backup.paths, args->path);
	return in_list(c->backup.volumes, args->volume) ||
	       (strncmp(args->volume, project, n) == 0 && args->volume[n] == '_' &&
		       in_list(c->backup.volumes, args->volume + n + 1));
}

static int check_named(const struct call *c, const struct agent_config *config, struct error *e)
{
	const struct files_args *args = c->args;

	if (!args->volume == !args->path)
		return error_set(e, ERR_USAGE, "%s: either 'volume' or 'path'", c->op->name);
	if (is_named(config, args))
		return 0;
	return error_set(e, ERR_FAILED, "'%s' is not in kbuild.backup",
		args->volume ? args->volume : args->path);
}

/* Where docker keeps a volume, or FILES_ABSENT. */
static int find_volume(struct call *c, const char *name, char **ret, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_buf_ out = BUF_INIT;
	int r;

	args_set(a, "docker", "volume", "inspect", "--format", "{{.Mountpoint}}", name, NULL);
	r = docker_run(c->b, a, "cannot find the volume", 60, &out, e);
	if (r < 0)
		return strcasestr(e->msg, "no such volume") ? FILES_ABSENT : r;
	*ret = xstrdup(buf_str(&out));
	(*ret)[strcspn(*ret, "\n")] = '\0';
	return 0;
}

static int load_config(struct call *c, struct agent_config **ret, struct error *e)
{
	_free_ char *path = xasprintf("%s/etc/kbuild/agent.yaml", c->b->root);

	return agent_config_load(ret, path, e);
}

int files_find(struct call *c, char **ret, struct error *e)
{
	const struct files_args *args = c->args;
	_cleanup_(agent_config_freep) struct agent_config *config = NULL;
	_free_ char *full = NULL;
	struct error missing = { 0 };
	int r = load_config(c, &config, e);

	if (r >= 0)
		r = check_named(c, config, e);
	if (r < 0)
		return r;
	if (args->path) {
		*ret = xasprintf("%s%s", c->b->root, args->path);
		return 0;
	}
	if (find_volume(c, args->volume, ret, &missing) == 0)
		return 0;
	full = xasprintf("%s_%s", project_of(config), args->volume);
	return find_volume(c, full, ret, e);
}

int files_open(const struct files_args *args, const char *dir, int *ret, struct error *e)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = args->path ? RESOLVE_NO_SYMLINKS : 0,
	};
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, dir, &how, sizeof how);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return FILES_ABSENT;
	if (fd < 0 && errno == ELOOP)
		return error_set(e, ERR_FAILED,
			"%s leads through a link, which others may change: name the place that it leads to in kbuild.backup.paths",
			dir);
	if (fd < 0)
		return error_errno(e, errno, "cannot open %s", dir);
	*ret = fd;
	return 0;
}

int files_make_volume(struct call *c, struct error *e)
{
	const char *volume = ((const struct files_args *)c->args)->volume;
	_cleanup_(agent_config_freep) struct agent_config *config = NULL;
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_free_ char *prefix = NULL, *full = NULL, *project = NULL, *label = NULL;
	int r = load_config(c, &config, e);

	if (r < 0)
		return r;
	args_set(a, "docker", "volume", "create", NULL);
	prefix = xasprintf("%s_", project_of(config));
	if (strncmp(volume, prefix, strlen(prefix)) == 0)
		volume += strlen(prefix);
	else if (!config->has_app)
		*prefix = '\0';
	full = xasprintf("%s%s", prefix, volume);
	project = xasprintf("com.docker.compose.project=%s", project_of(config));
	label = xasprintf("com.docker.compose.volume=%s", volume);
	if (*prefix)
		args_adds(a, (const char *const[]){ "--label", project, "--label", label, NULL });
	args_add(a, full);
	return docker_run(c->b, a, "cannot make the volume", 60, NULL, e);
}

static int say_absent(struct call *c)
{
	ipc_add_bool(c->reply.json, "absent", true);
	return 0;
}

/*
 * What is packed: *ret_at is the directory that tar is at, *ret_word what it packs there. Nothing is looked up by its
 * path once more: somebody may have made a link of it meanwhile. FILES_ABSENT.
 */
static int open_source(
	struct call *c, const char *top, int *ret_at, const char **ret_word, struct error *e)
{
	const char *name = strrchr(top, '/') + 1;
	_free_ char *dir = xstrndup(top, MAX((size_t)(name - top) - 1, 1u));
	_close_ int parent = -1, fd = -1;
	struct stat st;
	int r = files_open(c->args, dir, &parent, e);

	if (r != 0)
		return r;
	if (fstatat(parent, *name ? name : ".", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? FILES_ABSENT
				       : error_errno(e, errno, "cannot look at %s", top);
	if (S_ISREG(st.st_mode)) {
		*ret_at = TAKE_FD(parent);
		*ret_word = name;
		return 0;
	}
	fd = S_ISDIR(st.st_mode) ? openat(parent, *name ? name : ".",
					   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
				 : -1;
	if (fd < 0)
		return error_set(e, ERR_FAILED, "%s is neither a file nor a directory", top);
	*ret_at = TAKE_FD(fd);
	*ret_word = ".";
	return 0;
}

/* tar ends with 1 when something changed while it was read: with a running application, it will. */
static int run_tar(struct call *c, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_free_ char *top = NULL, *at_path = NULL;
	_close_ int out = -1, at = -1;
	_buf_ err = BUF_INIT;
	struct process p = { .err = &err };
	const char *word = ".";
	int fds[2], r = files_find(c, &top, e);

	if (r == 0)
		r = open_source(c, top, &at, &word, e);
	if (r < 0)
		return r;
	if (r == FILES_ABSENT)
		return say_absent(c);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_errno(e, errno, "cannot make a pipe");
	out = fds[1];
	call_give(c, fds[0]);
	r = call_reply(c, e);
	if (r < 0)
		return r;
	at_path = xasprintf("/proc/self/fd/%d", at);
	args_set(a, "tar", "--create", "--file=-", "--numeric-owner", "--xattrs", "--acls",
		"--sparse", "--one-file-system", "--warning=no-file-changed", "--directory",
		at_path, "--", word, NULL);
	p.out_fd = out;
	p.keep_fds = (const int[]){ at, -1 };
	r = program_run(c->b, a, &p, e);
	if (r > 1)
		return error_set(e, ERR_FAILED, "tar failed: %s", buf_str(&err));
	return r < 0 ? r : 0;
}

static bool is_absolute(const char *t)
{
	return t[0] == '/' && (t[1] == '\0' || shape_path.ok(t + 1));
}

const struct shape shape_absolute = { "an absolute path", is_absolute };

static const struct field tar_fields[] = {
	{ "op" },
	{ "volume", field_shape, offsetof(struct files_args, volume), 0, &shape_volume },
	{ "path", field_shape, offsetof(struct files_args, path), 0, &shape_absolute },
	{},
};

const struct op ops_files[] = {
	{ "volume-tar", tar_fields, sizeof(struct files_args), 0, 0, FILES_SECONDS, run_tar },
	{},
};
