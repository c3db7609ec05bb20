/* See secrets_file.h. No message repeats a value. */
#include "secrets_file.h"

#include "buf.h"
#include "crypt.h"
#include "ctx.h"
#include "error.h"
#include "fd.h"
#include "node.h"
#include "operator_secrets.h"
#include "yaml_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRETS_SIZE_MAX (256 * KIB) /* of the file; what is sealed has its own, smaller bound */

static int read_file(const char *path, struct buf *text, struct error *e)
{
	bool input = strcmp(path, "-") == 0;
	_close_ int opened = input ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	int fd = input ? STDIN_FILENO : opened, r;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(e, errno, "reading the secrets '%s'", path);
	if (!input && S_ISREG(st.st_mode) && (st.st_mode & 077))
		return error_set(e, ERR_INVALID,
			"others may read the secrets '%s' (mode %04o); do: chmod 600 '%s'", path,
			(unsigned)st.st_mode & 07777, path);
	r = fd_read(fd, SECRETS_SIZE_MAX, text);
	if (r == -EFBIG)
		return error_set(e, ERR_INVALID, "the secrets '%s' are larger than %llu KiB", path,
			(unsigned long long)(SECRETS_SIZE_MAX / KIB));
	return r < 0 ? error_errno(e, r, "reading the secrets '%s'", path) : 0;
}

int secrets_file_parse(struct ctx *c, const char *path, struct arena *a, const struct node **ret,
	const char **ret_name, struct error *e)
{
	const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
	struct node *doc = NULL;
	_buf_ text = BUF_INIT;
	int r = read_file(path, &text, e);

	c->diags.hide_lines = true;
	if (r == 0)
		r = yaml_parse(&doc, a, name, buf_str(&text), text.len, &c->diags, e);
	if (text.data)
		crypt_wipe(text.data, text.len);
	if (r < 0)
		return r;
	operator_secrets_check(a, doc, &c->diags);
	*ret = doc;
	*ret_name = name;
	return 0;
}

int secrets_file_read(
	struct ctx *c, const char *path, struct arena *a, const struct node **ret, struct error *e)
{
	const char *name;
	int r;

	*ret = NULL;
	if (!path)
		return 0;
	r = secrets_file_parse(c, path, a, ret, &name, e);
	if (r == 0)
		r = diags_result(&c->diags, name, e);
	if (r == 0)
		c->diags.hide_lines = false;
	return r;
}
