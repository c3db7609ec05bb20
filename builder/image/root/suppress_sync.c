/*
 * fsync and its kin answered by the kernel's filter: nothing is put into the tree, static and
 * 32-bit programs are covered as well. open() with O_SYNC still waits; dpkg does not use it.
 */
#include "suppress_sync.h"

#include "buf.h"
#include "error.h"
#include "fd.h"

#include <seccomp.h>
#include <sys/mman.h>

static const int sync_calls[] = {
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(sync),
	SCMP_SYS(syncfs),
	SCMP_SYS(msync),
	SCMP_SYS(sync_file_range),
};

static void seccomp_freep(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}

static int fill(scmp_filter_ctx ctx)
{
	int r;

	/* Architectures that the filter does not know run unfiltered: slower, never wrong. */
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
	if (r < 0)
		return r;
#ifdef __x86_64__
	r = seccomp_arch_add(ctx, SCMP_ARCH_X86);
	if (r < 0)
		return r;
#endif
	for (size_t i = 0; i < ARRAY_SIZE(sync_calls); i++) {
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(0), sync_calls[i], 0);
		if (r < 0)
			return r;
	}
	return 0;
}

int suppress_sync_filter(struct buf *ret, struct error *e)
{
	_cleanup_(seccomp_freep) scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	_close_ int fd = memfd_create("filter", MFD_CLOEXEC);
	int r;

	if (!ctx || fd < 0)
		return error_set(e, ERR_FAILED, "cannot make the seccomp filter");
	r = fill(ctx);
	if (r == 0)
		r = seccomp_export_bpf(ctx, fd);
	if (r == 0 && lseek(fd, 0, SEEK_SET) == 0)
		r = fd_read(fd, MIB, ret);
	return r < 0 ? error_errno(e, r, "making the seccomp filter") : 0;
}
