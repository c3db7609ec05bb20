/* The pause of deployments: a file that is there, or not. */
#include "agent.h"
#include "buf.h"
#include "deploy.h"
#include "error.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int gitops_pause(struct agent *a, struct buf *why, struct error *e)
{
	int r = file_replace(a->state_fd, GITOPS_PAUSE_FILE, "", 0, 0600);

	if (r < 0)
		return error_errno(e, r, "cannot write %s/" GITOPS_PAUSE_FILE, a->state_dir);
	buf_adds(why, "paused: commits are not followed until `kbuild-agent gitops resume`");
	return 0;
}

int gitops_resume(struct agent *a, struct buf *why, struct error *e)
{
	if (unlinkat(a->state_fd, GITOPS_PAUSE_FILE, 0) < 0 && errno != ENOENT)
		return error_errno(e, errno, "cannot remove %s/" GITOPS_PAUSE_FILE, a->state_dir);
	buf_adds(why, "not paused: the next run follows the branch");
	return 0;
}

bool gitops_is_paused(const struct agent *a)
{
	return faccessat(a->state_fd, GITOPS_PAUSE_FILE, F_OK, 0) == 0;
}
