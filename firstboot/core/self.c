/* See self.h. */
#include "self.h"

#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "config.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "node.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_LEN 64
#define INSTANCE_MAX 4096

bool self_name_valid(const char *name)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
	size_t n = strspn(name, letters);

	return n > 0 && n <= NAME_MAX_LEN && name[n] == '\0' && name[0] != '.' && name[0] != '-';
}

bool self_is_copy(const struct agent *a)
{
	return faccessat(a->state_fd, COPY_STATE, F_OK, 0) == 0;
}

int self_mark_copy(const struct agent *a, const char *instance, struct error *e)
{
	int r = file_replace(a->state_fd, COPY_STATE, instance, strlen(instance), 0600);

	return r < 0 ? error_errno(e, r, "cannot write %s/" COPY_STATE, a->state_dir) : 0;
}

int self_adopt(const struct agent *a, struct error *e)
{
	int r = unlinkat(a->state_fd, COPY_STATE, 0) < 0 ? -errno : 0;

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = fsync_parent(a->state_fd, COPY_STATE);
	return r < 0 ? error_errno(e, r, "cannot remove %s/" COPY_STATE, a->state_dir) : 0;
}

/* Of the digest: an instance's id may have any form. */
static const char *copy_name(const struct agent *a, const char *host, struct arena *arena)
{
	_buf_ instance = BUF_INIT;
	char hex[SHA256_HEX];

	(void)file_read(a->state_fd, COPY_STATE, INSTANCE_MAX, &instance);
	sha256_bytes(buf_str(&instance), instance.len, hex);
	return arena_printf(arena, "%.*s-%.8s", NAME_MAX_LEN - 9, host, hex);
}

const char *self_name(const struct agent *a, struct arena *arena)
{
	struct error ignored = { 0 };
	const struct node *handoff = NULL;
	bool copy = self_is_copy(a);
	char host[256] = "";
	const char *name;

	if (!copy && state_read(a, HANDOFF_STATE, arena, &handoff, &ignored) == 0) {
		name = node_str(node_get(handoff, "server"));
		if (name && self_name_valid(name))
			return name;
	}
	if (gethostname(host, sizeof host - 1) == 0 && strcmp(host, "localhost") != 0 &&
		self_name_valid(host))
		return copy ? copy_name(a, host, arena) : arena_strdup(arena, host);
	return copy ? copy_name(a, a->config->name, arena) : a->config->name;
}
