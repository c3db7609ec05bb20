/* Credentials; see credentials.h. What the parser says of one is never passed on: it would quote it. */
#include "credentials.h"

#include "agent.h"
#include "alloc.h"
#include "broker.h"
#include "buf.h"
#include "crypt.h"
#include "error.h"
#include "fd.h"
#include "ipc.h"
#include "json.h"
#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define CREDENTIAL_MAX (64 * KIB)
#define STORE_MS       30000

static int read_file(const char *name, struct arena *arena, struct node **ret, struct error *e)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY"); /* a place, not a secret */
	_free_ char *path = dir ? xasprintf("%s/%s", dir, name) : NULL;
	_buf_ text = BUF_INIT;
	struct error ignored = {};
	int r = path ? file_read(AT_FDCWD, path, CREDENTIAL_MAX, &text) : -ENOENT;

	if (r == -ENOENT)
		return CREDENTIAL_ABSENT;
	if (r < 0)
		return error_errno(e, r, "cannot read the credential '%s'", name);
	r = json_parse(ret, arena, name, buf_str(&text), text.len, &ignored);
	if (text.data)
		crypt_wipe(text.data, text.len);
	if (r < 0 || (*ret)->kind != NODE_MAP)
		return error_set(e, ERR_INVALID,
			"the credential '%s' (/etc/kbuild/credentials/%s.json) is not a map in JSON",
			name, name);
	return 0;
}

int credential_read(const struct agent *a, const char *name, struct arena *arena,
	const struct node **ret, struct error *e)
{
	struct node *found = node_get(a->handed, name);
	int r = found ? 0 : read_file(name, arena, &found, e);

	if (r != 0)
		return r;
	if (found->n == 0)
		return CREDENTIAL_ABSENT;
	*ret = found;
	return 0;
}

int credential_store(
	const struct agent *a, const char *name, const struct node *map, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message answer = IPC_MESSAGE_INIT;
	_buf_ request = BUF_INIT, text = BUF_INIT;
	_close_ int fd = -1;
	int r;

	node_write_json(map, 0, &text);
	fd = ipc_memfd(text.data, text.len);
	crypt_wipe(text.data, text.len);
	if (fd < 0)
		return error_errno(e, fd, "cannot make a memory file");
	ipc_begin_op(&request, "credentials-store");
	ipc_add_str(&request, "name", name);
	ipc_end(&request);
	r = broker_call(a, &request, &fd, 1, STORE_MS, &answer, e);
	return r < 0 ? error_prefix(e, "storing the credential '%s'", name) : 0;
}
