/* Unpacking the sources inside the program. */
#include "agent_sources.h"

#include "error.h"
#include "extract.h"
#include "fd.h"
#include "tarball.h"

#include <errno.h>
#include <sys/mman.h>

int agent_sources_unpack(int dirfd, struct error *e)
{
	_close_ int fd = memfd_create("agent-sources", MFD_CLOEXEC);
	struct tar_source source = { .fd = fd, .size = agent_tar_size, .suffix = "xz" };
	const struct extract x = { .root = dirfd, .no_owner = true };
	_cleanup_(tar_closep) struct tar *t = NULL;
	int r = fd < 0 ? -errno : fd_write(fd, agent_tar, agent_tar_size);

	if (r < 0)
		return error_errno(e, r, "unpacking the agent's sources");
	r = tar_open(&t, &source, e);
	if (r == 0)
		r = extract_tar(&x, t, e);
	return r < 0 ? error_prefix(e, "unpacking the agent's sources") : 0;
}
