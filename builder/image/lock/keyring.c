/* Keyrings that are files: reading them, and saying how to get one that is not there. */
#include "keyring.h"

#include "armor.h"
#include "baseset.h"
#include "buf.h"
#include "definition.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "sources.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define KEYRING_MAX (16 * MIB)

static int read_file(const char *path, struct buf *ret, struct error *e)
{
	int r = file_read(AT_FDCWD, path, KEYRING_MAX, ret);

	return r < 0 ? error_errno(e, r, "reading kbuild.base.keyring '%s'", path) : 0;
}

int keyring_read(const char *path, struct buf *ret, struct error *e)
{
	_buf_ b = BUF_INIT;
	int r = read_file(path, &b, e);

	if (r < 0)
		return r;
	if (!strstr(buf_str(&b), "-----BEGIN PGP PUBLIC KEY BLOCK-----"))
		buf_add(ret, buf_str(&b), b.len);
	else if (!armor_decode(buf_str(&b), b.len, ret))
		return error_set(e, ERR_INVALID, "kbuild.base.keyring '%s' is damaged", path);
	return 0;
}

int keyring_digest(const char *path, char ret[SHA256_HEX], struct error *e)
{
	_buf_ b = BUF_INIT;
	int r = read_file(path, &b, e);

	if (r == 0)
		sha256_bytes(buf_str(&b), b.len, ret);
	return r;
}

int apt_sources_check_keyrings(
	const struct apt_sources *s, const struct definition *def, struct error *e)
{
	const struct distribution *d = distribution_find(def->distribution);

	for (size_t i = 0; i < s->n; i++) {
		if (!s->v[i].keyring || access(s->v[i].keyring, R_OK) == 0)
			continue;
		if (def->keyring)
			return error_errno(
				e, errno, "reading kbuild.base.keyring '%s'", s->v[i].keyring);
		return error_set(e, ERR_FAILED,
			"the keys of the %s archive are not on this machine (%s): install the "
			"package %s, or name a keyring as kbuild.base.keyring",
			d->name, s->v[i].keyring, d->keyring_package);
	}
	return 0;
}
