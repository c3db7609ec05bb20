/* See confine.h. */
#include "confine.h"

#include "error.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int confine_enter(_unused_ enum confine_kind kind, _unused_ const struct confine_files *files,
	struct error *e)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
		setrlimit(RLIMIT_CORE, &none) < 0)
		return error_errno(e, errno, "cannot give up rights");
	return 0;
}
