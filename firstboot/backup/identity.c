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

int identities_open(const char *path, int *ret_fd, struct error *e)
{
	_close_ int fd = -1;
	struct stat st;

	*ret_fd = IDENTITIES_NONE;
	if (!path)
		return 0;
	if (strcmp(path, "-") == 0)
		fd = dup(0);
	else
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(e, errno, "cannot read the identity %s", path);
	if (S_ISREG(st.st_mode) && st.st_mode & 077)
		return error_set(e, ERR_INVALID, "%s can be read by others: 'chmod 600 %s' first",
			path, path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int identities_read(struct identities *ret, int fd, struct error *e)
{
	_buf_ text = BUF_INIT;
	int r;

	if (fd < 0)
		return 0;
	r = fd_read(fd, FILE_MAX, &text);
	close(fd);
	if (r < 0)
		return error_errno(e, r, "cannot read the identity");
	r = age_identities_parse(
		"the identity", buf_str(&text), ret->v, IDENTITIES_MAX, &ret->n, e);
	if (text.data)
		explicit_bzero(text.data, text.cap);
	return r;
}
