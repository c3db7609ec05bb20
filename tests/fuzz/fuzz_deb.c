/* Debian packages: offsets and names in them are foreign; every control file is read. */
#include "buf.h"
#include "deb.h"
#include "error.h"
#include "fd.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void each(_unused_ void *arg, _unused_ const char *file, _unused_ mode_t mode,
	_unused_ const void *data, _unused_ size_t len)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_close_ int fd = memfd_create("fuzz.deb", MFD_CLOEXEC);
	_close_ int plain = memfd_create("plain.deb", MFD_CLOEXEC);
	_buf_ control = BUF_INIT;
	struct error e = {};
	struct deb d;

	if (fd_write(fd, data, size) < 0 || deb_open(&d, fd, "fuzz.deb", &e) < 0)
		return 0;
	(void)deb_control(&d, "control", &control, &e);
	(void)deb_control_each(&d, each, NULL, &e);
	(void)deb_write_plain(&d, plain, &e);
	return 0;
}
