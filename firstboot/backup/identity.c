/* See identity.h. */
#include "identity.h"

#include "buf.h"
#include "error.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX (64 * KIB)

void identities_wipe(struct identities *ids)
{
	for (size_t i = 0; i < IDENTITIES_MAX; i++)
		age_identity_wipe(&ids->v[i]);
	ids->n = 0;
}

static int read_text(const char *path, struct buf *ret, struct error *e)
{
	_close_ int fd = -1;
	struct stat st;
	int r;

	if (strcmp(path, "-") == 0) {
		r = fd_read(0, FILE_MAX, ret);
		return r < 0 ? error_errno(e, r, "cannot read the identity") : 0;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(e, errno, "cannot read %s", path);
	if (st.st_mode & 077)
		return error_set(e, ERR_INVALID, "%s can be read by others: 'chmod 600 %s' first",
			path, path);
	r = fd_read(fd, FILE_MAX, ret);
	return r < 0 ? error_errno(e, r, "cannot read %s", path) : 0;
}

int identities_load(struct identities *ret, const char *path, struct error *e)
{
	_buf_ text = BUF_INIT;
	int r;

	if (!path)
		return 0;
	r = read_text(path, &text, e);
	if (r >= 0)
		r = age_identities_parse(strcmp(path, "-") == 0 ? "standard input" : path,
			buf_str(&text), ret->v, IDENTITIES_MAX, &ret->n, e);
	if (text.data)
		explicit_bzero(text.data, text.cap);
	return r;
}
