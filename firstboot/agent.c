/* See core/agent.h: starting the helpers of a verb, and the verb's lock. */
#include "agent.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "confine.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "mark.h"
#include "node.h"
#include "operator_secrets.h"
#include "role.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define CREDENTIALS    "/etc/kbuild/credentials"
#define CREDENTIAL_MAX (64 * KIB)

/* The credentials as root reads them, where systemd handed over none: as if this run had taken them. */
static int read_credentials(struct agent *a, struct error *e)
{
	static const struct mark nowhere = { 0 };
	struct node *all;

	if (a->handed || getenv("CREDENTIALS_DIRECTORY"))
		return 0;
	a->arena = arena_new();
	all = node_map(a->arena, &nowhere);
	for (const struct operator_part *p = operator_parts; p->key; p++) {
		_free_ char *path = xasprintf(CREDENTIALS "/%s.json", p->credential);
		struct error quoting = { 0 }; /* the parser's words could quote a secret */
		_buf_ text = BUF_INIT;
		struct node *one = NULL;
		int r = file_read(AT_FDCWD, path, CREDENTIAL_MAX, &text);

		if (r == -ENOENT)
			continue;
		if (r < 0)
			return error_errno(e, r, "cannot read %s", path);
		r = json_parse(&one, a->arena, path, buf_str(&text), text.len, &quoting);
		explicit_bzero(text.data, text.len);
		if (r < 0 || one->kind != NODE_MAP)
			return error_set(e, ERR_INVALID, "%s is not a map in JSON", path);
		node_set(a->arena, all, &nowhere, p->credential, one);
	}
	a->handed = all;
	return 0;
}

int agent_become_owner(struct agent *a, struct error *e)
{
	struct stat st;
	int r;

	if (geteuid() != 0 || a->state_fd < 0)
		return 0;
	if (fstat(a->state_fd, &st) < 0)
		return error_errno(e, errno, "cannot look at %s", a->state_dir);
	if (st.st_uid == 0)
		return 0;
	r = read_credentials(a, e);
	if (r < 0)
		return r;
	if (setgroups(0, NULL) < 0 || setresgid(st.st_gid, st.st_gid, st.st_gid) < 0 ||
		setresuid(st.st_uid, st.st_uid, st.st_uid) < 0)
		return error_errno(e, errno, "cannot become the user of %s", a->state_dir);
	return 0;
}

static int start(struct role **ret, unsigned wanted, unsigned kind, const struct role_type *type,
	const struct agent *a, struct error *e)
{
	return wanted & kind ? role_start(ret, type, a, e) : 0;
}

int agent_start_roles(struct agent *a, unsigned roles, struct error *e)
{
	/* What conductors look at: their configuration, cloud-init's results, the machine. */
	const char *read[] = { "/etc/kbuild", "/etc/hostname", "/etc/hosts", "/etc/localtime",
		"/etc/machine-id", "/etc/os-release", "/etc/timezone", "/usr/lib/kbuild",
		"/usr/lib/os-release", "/usr/share/zoneinfo", "/var/lib/cloud", "/var/lib/dpkg",
		"/proc", "/sys", "/run", a->config_path, getenv("CREDENTIALS_DIRECTORY"), NULL };
	const char *write[] = { a->state_dir, "/dev/null", getenv("RUNTIME_DIRECTORY"), NULL };
	int r = agent_become_owner(a, e);

	if (r >= 0)
		r = start(&a->net, roles, AGENT_NET, &role_net, a, e);
	if (r >= 0)
		r = start(&a->tip, roles, AGENT_GIT, &role_tip, a, e);
	if (r >= 0)
		r = start(&a->git, roles, AGENT_GIT, &role_git, a, e);
	if (r >= 0)
		r = start(&a->parse, roles, AGENT_PARSE, &role_parse, a, e);
	if (r < 0)
		return r;
	return confine_enter(CONFINE_CONDUCTOR, &(struct confine_files){ read, write }, e);
}

void agent_stop_roles(struct agent *a)
{
	role_stop(TAKE(a->net));
	role_stop(TAKE(a->tip));
	role_stop(TAKE(a->git));
	role_stop(TAKE(a->parse));
	if (a->arena)
		arena_free(TAKE(a->arena));
}

int agent_lock_part(struct agent *a, const char *name, int *ret, struct error *e)
{
	_free_ char *file = xasprintf("lock-%s", name);
	_close_ int fd = -1;
	int r = agent_become_owner(a, e);

	if (r < 0)
		return r;
	fd = openat(a->state_fd, file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_errno(e, errno, "cannot open %s/%s", a->state_dir, file);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		*ret = TAKE_FD(fd);
		return 0;
	}
	if (errno == EWOULDBLOCK)
		return AGENT_BUSY;
	return error_errno(e, errno, "cannot lock %s/%s", a->state_dir, file);
}

int agent_lock(struct agent *a, const char *name, struct error *e)
{
	int kept; /* open: the lock lasts as long as the process */

	return agent_lock_part(a, name, &kept, e);
}
