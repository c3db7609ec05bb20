/* See keep.h. What cannot be opened is an error, but all the rest is still done before it is told. */
#include "keep.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "handoff.h"
#include "json.h"
#include "node.h"
#include "operator_secrets.h"
#include "scrub.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Everything in it is stored: what is left to do is to remove it. */
#define TAKEN "etc/kbuild/handoff.json.taken"

#define CREDENTIALS	"etc/kbuild/credentials"
#define IMAGE_KEY	"etc/kbuild/image.key"
#define IMAGE_KEY_MAX	(4 * KIB)
#define CREDENTIAL_SIZE (64 * KIB)

static const char *below_root(const char *path)
{
	return path + strspn(path, "/");
}

int keep_take(int root_fd, struct buf *ret, struct error *e)
{
	int r = file_read(root_fd, below_root(HANDOFF_PATH), HANDOFF_SIZE_MAX, ret);

	if (r == -ENOENT)
		return HANDOFF_NONE;
	if (r == -EFBIG)
		return error_set(e, ERR_INVALID, HANDOFF_PATH " is larger than %llu bytes",
			(unsigned long long)HANDOFF_SIZE_MAX);
	return r < 0 ? error_errno(e, r, "cannot read " HANDOFF_PATH) : 0;
}

int keep_image_key(int root_fd, struct buf *ret, struct error *e)
{
	int r = file_read(root_fd, IMAGE_KEY, IMAGE_KEY_MAX, ret);

	return r < 0 ? error_errno(e, r, "cannot read the image's key, /" IMAGE_KEY) : 0;
}

static bool known_name(const char *name)
{
	for (const struct operator_part *p = operator_parts; p->key; p++) {
		if (strcmp(p->credential, name) == 0)
			return true;
	}
	return false;
}

int keep_store(int root_fd, const char *name, const char *doc, size_t len, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_free_ char *path = xasprintf(CREDENTIALS "/%s.json", name);
	struct error ignored = {};
	struct node *n;
	int r;

	if (!known_name(name))
		return error_set(e, ERR_INVALID, "there is no credential '%s'", name);
	if (len > CREDENTIAL_SIZE || json_parse(&n, a, name, doc, len, &ignored) < 0 ||
		n->kind != NODE_MAP)
		return error_set(e, ERR_INVALID, "the credential '%s' is not a map in JSON", name);
	r = mkdir_all(root_fd, CREDENTIALS, 0700);
	if (r == 0)
		r = file_replace(root_fd, path, doc, len, 0600);
	return r < 0 ? error_errno(e, r, "cannot write /%s", path) : 0;
}

/* Nothing is left of what was taken, its bytes on the disk included. */
static int drop_taken(int root_fd, struct error *e)
{
	int r = scrub_file(root_fd, TAKEN, e);

	if (r < 0)
		return r;
	if (unlinkat(root_fd, TAKEN, 0) < 0)
		return errno == ENOENT ? 0 : error_errno(e, errno, "cannot remove /" TAKEN);
	r = fsync_parent(root_fd, TAKEN);
	return r < 0 ? error_errno(e, r, "cannot remove /" TAKEN) : 0;
}

int keep_forget(int root_fd, struct error *e)
{
	const char *path = below_root(HANDOFF_PATH);
	int r = scrub_trees(root_fd, e);

	/* Of a run that was cut off; by its name a new one would go unscrubbed. */
	if (r == 0)
		r = drop_taken(root_fd, e);
	if (r < 0)
		return r;
	/*
	 * Under its own name it is whole or not there: half of one would be opened at the next boot, in vain,
	 * and first boot stops at that. Last: while it is there, a boot after a power cut does all of this again.
	 */
	if (renameat(root_fd, path, root_fd, TAKEN) < 0)
		return errno == ENOENT ? 0 : error_errno(e, errno, "cannot remove " HANDOFF_PATH);
	r = fsync_parent(root_fd, path);
	return r < 0 ? error_errno(e, r, "cannot remove " HANDOFF_PATH) : drop_taken(root_fd, e);
}
