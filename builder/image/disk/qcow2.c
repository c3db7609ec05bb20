/* qcow2 by qemu-img, under a name of its own until it is whole and on the disk. */
#include "disk.h"

#include "alloc.h"
#include "error.h"
#include "process.h"
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct watch {
	struct progress *progress;
	uint64_t total, shown;
};

/* qemu-img -p writes "    (12.34/100%)" again and again, ended by carriage returns. */
static void on_line(void *arg, const char *line)
{
	struct watch *w = arg;
	double percent;
	uint64_t now;

	if (sscanf(line, " (%lf/100%%)", &percent) != 1 || percent < 0 || percent > 100)
		return;
	now = (uint64_t)(percent / 100 * (double)w->total);
	if (now > w->shown) {
		progress_advance(w->progress, now - w->shown);
		w->shown = now;
	}
}

static int convert(
	const char *raw, const char *tmp, bool compress, struct watch *w, struct error *e)
{
	const char *argv[16], **a = argv;
	struct process p = { .argv = argv, .line = on_line, .line_arg = w };

	*a++ = "qemu-img";
	*a++ = "convert";
	*a++ = "-p";
	*a++ = "-f";
	*a++ = "raw";
	*a++ = "-O";
	*a++ = "qcow2";
	/*
	 * zlib, although zstd takes a sixth of the time (21 s against 3.6 s of processor for the demo image,
	 * 340 against 332 MB): clouds read it by their own QEMU, and one from before 5.1 learns only when
	 * the first server is to start that it cannot. No cloud says which it has.
	 */
	if (compress) {
		*a++ = "-c";
		*a++ = "-o";
		*a++ = "compression_type=zlib";
	}
	*a++ = raw;
	*a++ = tmp;
	*a = NULL;
	return process_check(&p, e);
}

static int settle(const char *tmp, const char *path, struct error *e)
{
	_close_ int fd = open(tmp, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0 || rename(tmp, path) < 0)
		return error_errno(e, errno, "cannot write %s", path);
	return 0;
}

int disk_qcow2(
	const char *raw, const char *path, bool compress, struct progress *p, struct error *e)
{
	_free_ char *tmp = xasprintf("%s.part", path);
	struct watch w = { .progress = p };
	struct stat st;
	mode_t mask;
	int r;

	if (stat(raw, &st) < 0)
		return error_errno(e, errno, "cannot read %s", raw);
	w.total = (uint64_t)st.st_blocks * 512;
	progress_begin(p, "qcow2", "B", w.total);
	mask = umask(077); /* as the raw one: only for its maker */
	r = convert(raw, tmp, compress, &w, e);
	umask(mask);
	if (r == 0)
		r = settle(tmp, path, e);
	if (r < 0) {
		unlink(tmp);
		return error_prefix(e, "cannot make %s", path);
	}
	progress_end(p, NULL);
	return 0;
}
