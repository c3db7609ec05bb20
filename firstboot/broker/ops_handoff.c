/* What came with the server: taking the handoff, forgetting it, the image's key, credentials. */
#include "ops.h"

#include "buf.h"
#include "crypt.h"
#include "error.h"
#include "keep.h"
#include "schema.h"

#include <errno.h>
#include <fcntl.h>

#define CREDENTIAL_MAX (64 * KIB)

static int open_root(const struct call *c, struct error *e)
{
	const char *root = *c->b->root ? c->b->root : "/";
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? error_errno(e, errno, "cannot open %s", root) : fd;
}

/* Gives bytes as a descriptor, and wipes ours: they are secrets. */
static int give_bytes(struct call *c, struct buf *bytes, struct error *e)
{
	int fd = ipc_memfd(buf_str(bytes), bytes->len);

	if (bytes->data)
		crypt_wipe(bytes->data, bytes->len);
	if (fd < 0)
		return error_errno(e, fd, "cannot make a memory file");
	call_give(c, fd);
	return 0;
}

/* No descriptor in the answer: there is nothing to take. */
static int run_take(struct call *c, struct error *e)
{
	_close_ int root = open_root(c, e);
	_buf_ bytes = BUF_INIT;
	int r = root < 0 ? root : keep_take(root, &bytes, e);

	if (r == HANDOFF_NONE)
		return 0;
	return r < 0 ? r : give_bytes(c, &bytes, e);
}

static int run_forget(struct call *c, struct error *e)
{
	_close_ int root = open_root(c, e);

	return root < 0 ? root : keep_forget(root, e);
}

static int run_image_key(struct call *c, struct error *e)
{
	_close_ int root = open_root(c, e);
	_buf_ bytes = BUF_INIT;
	int r = root < 0 ? root : keep_image_key(root, &bytes, e);

	return r < 0 ? r : give_bytes(c, &bytes, e);
}

struct store_args {
	const char *name;
};

static int run_store(struct call *c, struct error *e)
{
	const struct store_args *args = c->args;
	_close_ int root = open_root(c, e);
	_buf_ doc = BUF_INIT;
	int r = root < 0 ? root : ipc_read_fd(call_fd(c, 0), CREDENTIAL_MAX, &doc);

	if (root >= 0 && r < 0)
		return error_errno(e, r, "cannot read the credential '%s'", args->name);
	if (r == 0)
		r = keep_store(root, args->name, buf_str(&doc), doc.len, e);
	if (doc.data)
		crypt_wipe(doc.data, doc.len);
	return r;
}

static const struct field no_fields[] = { { "op" }, {} };

/* keep_store() takes the names that it knows, and no other. */
static const struct field store_fields[] = {
	{ "op" },
	{ "name", field_string, offsetof(struct store_args, name), FIELD_REQUIRED },
	{},
};

/*
 * None waits for docker: a pull holds the lock for most of an hour, and a first boot that is tried again
 * meanwhile would be called failed. Nor do they need one of their own: each change is one file's, whole.
 */
const struct op ops_handoff[] = {
	{ "handoff-take", no_fields, 0, 0, 0, 20, run_take },
	{ "handoff-forget", no_fields, 0, 0, 0, 60, run_forget },
	{ "image-key", no_fields, 0, 0, 0, 20, run_image_key },
	{ "credentials-store", store_fields, sizeof(struct store_args), 1, 0, 20, run_store },
	{},
};
