/* Credentials; see credentials.h. What the parser says of one is never passed on: it would quote it. */
#include "credentials.h"

#include "agent.h"
#include "alloc.h"
#include "buf.h"
#include "crypt.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define CREDENTIAL_MAX (64 * KIB)

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
