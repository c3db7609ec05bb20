/* See secrets_back.h. They are never in a file on their way; the text that is read is wiped. */
#include "secrets_back.h"

#include "buf.h"
#include "crypt.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "manifest.h"
#include "node.h"
#include "pack.h"
#include "restore.h"
#include "store.h"

#include <string.h>

#define VALUES_MAX (1 * MIB)

static int take(void *arg, const void *data, size_t len, struct error *e)
{
	struct buf *text = arg;

	if (text->len + len > VALUES_MAX)
		return error_set(e, ERR_LOCK, "that is too long for secrets");
	buf_add(text, data, len);
	return 0;
}

static const struct backup_file *find(const struct manifest *m)
{
	for (size_t i = 0; i < m->n_files; i++)
		if (strcmp(m->files[i].kind, "secrets") == 0)
			return &m->files[i];
	return NULL;
}

static int parse(
	const struct buf *text, struct arena *arena, const struct node **ret, struct error *e)
{
	struct error ignored = { 0 };
	struct node *doc = NULL;
	const struct node *values;

	if (json_parse(&doc, arena, "secrets", buf_str(text), text->len, &ignored) < 0)
		return error_set(e, ERR_LOCK, "they are no JSON");
	values = node_get(doc, "values");
	if (!values || values->kind != NODE_MAP)
		return error_set(e, ERR_LOCK, "they are not what this agent writes");
	*ret = values;
	return 0;
}

int secrets_read_back(
	const struct restore *q, struct arena *arena, const struct node **ret, struct error *e)
{
	const struct backup_file *f = find(q->m);
	_buf_ text = BUF_INIT;
	const struct unpack_how how = {
		.identities = q->identities, .n = q->n, .out = take, .arg = &text
	};
	_close_ int fd = -1;
	int r;

	if (!f)
		return error_set(e, ERR_INVALID,
			"backup %s has no secrets: they are in backups that are encrypted to somebody "
			"(kbuild.backup.recipients)",
			q->m->id);
	/* So that it need not grow, which would leave values behind. */
	(void)buf_reserve(&text, VALUES_MAX);
	fd = store_file(q->dir, q->m->id, f->name, e);
	r = fd < 0 ? fd : unpack(fd, f->sha256, &how, e);
	if (r >= 0)
		r = parse(&text, arena, ret, e);
	crypt_wipe(text.data, text.len);
	return r < 0 ? error_prefix(e, "the secrets of backup %s", q->m->id) : 0;
}
