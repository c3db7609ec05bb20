/* chroot_tool ROOT PROGRAM [ARG]...: chroot_check() from the command line, for test_chroot.py. */
#include "chroot.h"
#include "error.h"
#include "interrupt.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	struct error e = {};
	struct chroot_run r = { .log_fd = 1 };
	int ret;

	if (argc < 3)
		return 2;
	interrupt_install();
	r.root = argv[1];
	r.argv = (const char *const *)(argv + 2);
	ret = chroot_possible(&e);
	if (ret == 0)
		ret = chroot_run(&r, &e);
	if (ret < 0)
		fprintf(stderr, "%s\n", e.msg);
	return ret < 0 ? 255 : ret;
}
