/* See repository.h. */
#include "repository.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FETCH_MS 600000
#define FILE_MAX (4 * MIB)
#define TIP	 "refs/kbuild/tip"
#define ENV_MAX	 1000

/* ssh asks nothing, and knows the host keys of the definition beside those of the user. */
static const char ssh_command[] =
	"GIT_SSH_COMMAND=ssh -o BatchMode=yes -o 'GlobalKnownHostsFile known_hosts /etc/ssh/ssh_known_hosts'";

/* The user's environment, but what would lead git elsewhere, ask questions, or speak other languages. */
static const char **environment(void)
{
	static const char *const ours[] = { "GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=https:ssh",
		"GIT_LITERAL_PATHSPECS=1", "LC_ALL=C.UTF-8" };
	static const char *const not [] = { "GIT_DIR=", "GIT_WORK_TREE=", "GIT_INDEX_FILE=",
		"GIT_OBJECT_DIRECTORY=", "GIT_NAMESPACE=", "GIT_TERMINAL_PROMPT=",
		"GIT_ALLOW_PROTOCOL=", "LC_ALL=" };
	const char **env = xcalloc(ENV_MAX + ARRAY_SIZE(ours) + 2, sizeof *env);
	size_t n = 0;

	for (char **p = environ; *p && n < ENV_MAX; p++) {
		bool skip = false;

		for (size_t i = 0; i < ARRAY_SIZE(not ) && !skip; i++)
			skip = strncmp(*p, not [i], strlen(not [i])) == 0;
		if (!skip)
			env[n++] = *p;
	}
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		env[n++] = ours[i];
	if (!getenv("GIT_SSH_COMMAND"))
		env[n++] = ssh_command;
	return env;
}

static int write_known_hosts(const struct repository *r, struct error *e)
{
	_free_ char *file = xasprintf("%s/known_hosts", r->path);
	_buf_ lines = BUF_INIT;
	int k;

	for (const char *const *l = r->known_hosts; l && *l; l++)
		buf_printf(&lines, "%s\n", *l);
	k = file_replace(AT_FDCWD, file, buf_str(&lines), lines.len, 0600);
	return k < 0 ? error_errno(e, k, "writing %s", file) : 0;
}

static int git(
	const struct repository *r, const char *const *argv, struct buf *out, struct error *e)
{
	_free_ const char **env = environment();
	const struct process p = { .argv = argv,
		.env = env,
		.cwd = r->path, /* where ssh finds known_hosts */
		.out = out,
		.out_max = FILE_MAX + KIB,
		.timeout_ms = FETCH_MS };

	return process_check(&p, e);
}

int repository_fetch(struct repository *r, const char *path, struct error *e)
{
	_free_ char *refs = xasprintf("+refs/heads/%s:" TIP, r->branch);
	const char *const init[] = { "git", "init", "--quiet", "--bare", ".", NULL };
	const char *const fetch[] = { "git", "fetch", "--quiet", "--depth=1", "--no-tags",
		"--no-recurse-submodules", "--", r->url, refs, NULL };
	const char *const tip[] = { "git", "rev-parse", "--verify", TIP, NULL };
	_buf_ out = BUF_INIT;
	int k;

	if (!program_exists("git"))
		return error_set(
			e, ERR_FAILED, "git is not on this machine: install the package git");
	r->path = xstrdup(path);
	k = mkdir_all(AT_FDCWD, path, 0700);
	if (k < 0)
		return error_errno(e, k, "making %s", path);
	k = write_known_hosts(r, e);
	if (k == 0)
		k = git(r, init, NULL, e);
	if (k < 0)
		return k;
	k = git(r, fetch, NULL, e);
	if (k < 0) {
		if (e->code == ERR_FAILED)
			e->code = ERR_NETWORK;
		error_prefix(e, "the branch '%s' of %s", r->branch, r->url);
		return error_append(
			e, "\nit is read with your own git: 'git ls-remote %s' must work", r->url);
	}
	k = git(r, tip, &out, e);
	if (k < 0)
		return k;
	if (out.len != sizeof r->commit)
		return error_set(
			e, ERR_FAILED, "git names no commit of 40 digits: %s", buf_str(&out));
	memcpy(r->commit, out.data, sizeof r->commit - 1);
	return 0;
}

void repository_free(struct repository *r)
{
	free(r->path);
	r->path = NULL;
}

int repository_read(const struct repository *r, const char *file, struct buf *ret, struct error *e)
{
	_free_ char *object = xasprintf(TIP ":%s", file);
	const char *const list[] = { "git", "ls-tree", "--full-tree", "-l", "-z", TIP, "--", file,
		NULL };
	const char *const cat[] = { "git", "cat-file", "blob", object, NULL };
	_buf_ found = BUF_INIT;
	unsigned long long size = 0;
	int k = git(r, list, &found, e);

	if (k < 0)
		return k;
	/* MODE blob ID SIZE\tNAME; anything else (a link has mode 120000) is no file to read. */
	if (strncmp(buf_str(&found), "100", 3) != 0 ||
		sscanf(buf_str(&found), "%*s blob %*s %llu", &size) != 1)
		return REPOSITORY_ABSENT;
	if (size > FILE_MAX)
		return error_set(e, ERR_INVALID, "%s is larger than 4 MiB", file);
	return git(r, cat, ret, e);
}
