/* One secret a builder, one key an image. */
#include "image_key.h"

#include "age.h"
#include "alloc.h"
#include "buf.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define SECRET_SIZE 32
#define PURPOSE	    "kbuild image key 1 "

static int read_secret(const char *path, unsigned char ret[SECRET_SIZE], struct error *e)
{
	_buf_ b = BUF_INIT;
	int r = file_read(AT_FDCWD, path, SECRET_SIZE, &b);

	if (r == -ENOENT)
		return 1;
	if (r < 0 && r != -EFBIG)
		return error_errno(e, r, "reading %s", path);
	if (r == -EFBIG || b.len != SECRET_SIZE)
		return error_set(e, ERR_FAILED,
			"%s must hold %d bytes: restore it from a backup, or remove it: then all images are "
			"made anew with other keys",
			path, SECRET_SIZE);
	memcpy(ret, b.data, SECRET_SIZE);
	explicit_bzero(b.data, b.len);
	return 0;
}

static int make_secret(const char *path, unsigned char ret[SECRET_SIZE], struct error *e)
{
	int r;

	if (getrandom(ret, SECRET_SIZE, 0) != SECRET_SIZE)
		return error_errno(e, errno, "reading random bytes");
	r = file_replace(AT_FDCWD, path, ret, SECRET_SIZE, 0600);
	return r < 0 ? error_errno(e, r, "writing %s", path) : 0;
}

static char *secret_path(const char *state_dir)
{
	return xasprintf("%s/image-secret", state_dir);
}

bool image_key_has_secret(const char *state_dir)
{
	_free_ char *path = secret_path(state_dir);

	return faccessat(AT_FDCWD, path, F_OK, 0) == 0;
}

int image_key(const char *state_dir, const char *inputs, struct age_identity *ret,
	struct progress *p, struct error *e)
{
	_free_ char *path = secret_path(state_dir);
	_free_ char *lock_path = xasprintf("%s.lock", path);
	_free_ char *text = xasprintf(PURPOSE "%s", inputs);
	unsigned char secret[SECRET_SIZE];
	_close_ int lock = -1;
	int r = mkdir_all(AT_FDCWD, state_dir, 0700);

	if (r < 0)
		return error_errno(e, r, "making %s", state_dir);
	lock = work_lock(lock_path, "the secret for images' keys", p, e);
	if (lock < 0)
		return lock;
	r = read_secret(path, secret, e);
	if (r > 0)
		r = make_secret(path, secret, e);
	if (r == 0)
		hmac_sha256(secret, sizeof secret, text, strlen(text), ret->key);
	explicit_bzero(secret, sizeof secret);
	return r;
}
