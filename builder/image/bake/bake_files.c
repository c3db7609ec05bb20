/*
 * write_files, as cloud-init does it: contents decoded, parents made and given to the same owner, the
 * mode set, then the owner. Entries with "defer: true" come last, when users exist.
 */
#include "account.h"
#include "alloc.h"
#include "bake_topic.h"
#include "base64.h"
#include "buf.h"
#include "encoding.h"
#include "error.h"
#include "gunzip.h"
#include "node.h"
#include "rootfd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONTENT_MAX  (256 * MIB) /* what one entry may decompress to */
#define DEFAULT_MODE 0644	 /* cloud-init: DEFAULT_PERMS */
#define KEEP	     ((uid_t)-1)

struct owner {
	uid_t uid;
	gid_t gid;
};

static int decode(const struct node *file, struct buf *ret, struct error *e)
{
	const struct node *content = node_get(file, "content");
	const char *name = node_str(node_get(file, "encoding"));
	const struct encoding *enc = encoding_find(name ? name : "text/plain");
	_buf_ plain = BUF_INIT, packed = BUF_INIT;
	int r;

	if (!enc)
		return error_set(e, ERR_INVALID, "unknown encoding '%s'", name);
	if (node_is_null(content))
		return 0;
	if (enc->base64 && !base64_decode(content->str, content->len, &packed))
		return error_set(e, ERR_INVALID, "content is not base64");
	if (!enc->base64)
		buf_add(&packed, content->str, content->len);
	if (!enc->gzip) {
		buf_add(ret, buf_str(&packed), packed.len);
		return 0;
	}
	r = gunzip(buf_str(&packed), packed.len, CONTENT_MAX, &plain);
	if (r == -EFBIG)
		return error_set(e, ERR_INVALID, "content decompresses to more than 256 MiB");
	if (r < 0)
		return error_set(e, ERR_INVALID, "content is not gzip%s",
			enc->base64 ? " below base64" : "; write encoding: gz+b64 for text");
	buf_add(ret, buf_str(&plain), plain.len);
	return 0;
}

/* A YAML number is the mode itself (0644 is octal in YAML 1.1); text is read as octal. */
static int read_mode(const struct node *file, mode_t *ret, struct error *e)
{
	const struct node *n = node_get(file, "permissions");
	int64_t number;
	char *end;

	*ret = DEFAULT_MODE;
	if (node_is_null(n))
		return 0;
	if (!node_is_int(n, &number)) {
		const char *text = n->str;

		if (strncasecmp(text, "0o", 2) == 0)
			text += 2;
		number = strtol(text, &end, 8);
		if (end == text || *end)
			return error_set(e, ERR_INVALID, "permissions '%s' are not octal", n->str);
	}
	if (number < 0 || number > 07777)
		return error_set(e, ERR_INVALID, "permissions '%s' are no file mode", n->str);
	*ret = (mode_t)number;
	return 0;
}

/* One half of "user:group"; "", "-1" and "none" mean: as it is. */
static bool half_given(const char *s)
{
	return *s && strcmp(s, "-1") != 0 && strcasecmp(s, "none") != 0;
}

static int no_such(const char *what, const char *name, int r, struct error *e)
{
	if (r < 0)
		return error_errno(e, r, "cannot look up %s '%s' in the image", what, name);
	return error_set(e, ERR_INVALID,
		"the %s '%s' does not exist when this file is written; add \"defer: true\" for one that "
		"the definition itself makes",
		what, name);
}

static int read_owner(
	const struct bake *b, const struct node *file, struct owner *ret, struct error *e)
{
	const char *text = node_str(node_get(file, "owner"));
	_free_ char *user = xstrdup(text ? text : "root:root");
	char *group = strchr(user, ':');
	struct account acc;
	int r;

	*ret = (struct owner){ KEEP, (gid_t)-1 };
	if (group)
		*group++ = '\0';
	if (half_given(user)) {
		r = account_user(b->root_fd, user, &acc);
		if (r != 0)
			return no_such("user", user, r, e);
		ret->uid = acc.uid;
	}
	if (group && half_given(group)) {
		r = account_group(b->root_fd, group, &ret->gid);
		if (r != 0)
			return no_such("group", group, r, e);
	}
	return 0;
}

/* Makes the missing parents of path and gives those to owner, as cloud-init does since 23.2. */
static int make_parents(const struct bake *b, const char *path, const struct owner *owner)
{
	_free_ char *part = xstrdup(path);

	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int r = 0;

		*slash = '\0';
		if (!rootfd_exists(b->root_fd, part)) {
			r = rootfd_mkdir(b->root_fd, part, 0755);
			if (r == 0)
				r = rootfd_chown(b->root_fd, part, owner->uid, owner->gid);
		}
		*slash = '/';
		if (r < 0)
			return r;
	}
	return 0;
}

static int put(const struct bake *b, const struct node *file, const char *path, struct error *e)
{
	_buf_ content = BUF_INIT;
	struct owner owner;
	bool append = false;
	mode_t mode;
	int r;

	r = read_mode(file, &mode, e);
	if (r == 0)
		r = read_owner(b, file, &owner, e);
	if (r == 0)
		r = decode(file, &content, e);
	if (r < 0)
		return r;
	node_is_bool(node_get(file, "append"), &append);
	r = make_parents(b, path, &owner);
	if (r == 0)
		r = (append ? rootfd_append : rootfd_write)(
			b->root_fd, path, buf_str(&content), content.len, mode);
	if (r == 0)
		r = rootfd_chown(b->root_fd, path, owner.uid, owner.gid);
	return r < 0 ? error_errno(e, r, "cannot write it in the image") : 0;
}

static int write_one(const struct bake *b, const struct node *file, struct error *e)
{
	const char *path = node_str(node_get(file, "path"));
	_free_ char *absolute = NULL;
	int r;

	if (!path)
		return error_set(e, ERR_INVALID, "an entry has no path");
	absolute = xasprintf("/%s", path + strspn(path, "/"));
	r = put(b, file, absolute, e);
	return r < 0 ? error_prefix(e, "%s", path) : 0;
}

static int write_all(const struct bake *b, bool deferred, struct error *e)
{
	const struct node *list = bake_key(b, "write_files");

	for (size_t i = 0; i < list->n; i++) {
		bool defer = false;
		int r;

		node_is_bool(node_get(list->items[i], "defer"), &defer);
		/* What comes from a URL is left for first boot, where there is a network. */
		if (defer != deferred || !node_is_null(node_get(list->items[i], "source")))
			continue;
		r = write_one(b, list->items[i], e);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool applies(const struct bake *b)
{
	const struct node *list = bake_key(b, "write_files");

	return list && list->kind == NODE_LIST;
}

static int run_first(const struct bake *b, struct error *e)
{
	return write_all(b, false, e);
}

static int run_deferred(const struct bake *b, struct error *e)
{
	return write_all(b, true, e);
}

const struct bake_topic bake_files = { "write_files", applies, run_first };
const struct bake_topic bake_files_deferred = { "write_files", applies, run_deferred };
