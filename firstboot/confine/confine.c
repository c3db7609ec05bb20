/*
 * See confine.h. The order matters: Landlock opens files, so it comes before the filter; both want
 * no-new-privileges.
 */
#include "confine.h"

#include "error.h"
#include "filter.h"
#include "landlock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* The sanitizers need calls of their own (a tracer for leaks); the other build is the one that is confined. */
#if defined(__SANITIZE_ADDRESS__)
#define FILTERED false
#else
#define FILTERED true
#endif

int confine_enter(enum confine_kind kind, const struct confine_files *files, struct error *e)
{
	const struct rlimit none = { 0, 0 };
	const struct landlock_wish wish = {
		.files = files,
		.connect = kind == CONFINE_NET || kind == CONFINE_GIT || kind == CONFINE_RESOLVE,
		/* It ends helpers that are late, which were started before. */
		.signals = kind == CONFINE_CONDUCTOR,
		.abstract = false,
	};
	/* Only ever stricter: what is not listed kills, so that tests see what a list lacks. */
	bool strict = getenv("KBUILD_CONFINE_STRICT") != NULL;
	int abi, r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
		setrlimit(RLIMIT_CORE, &none) < 0)
		return error_errno(e, errno, "cannot give up rights");
	r = landlock_enter(&wish, &abi, e);
	if (r >= 0 && FILTERED)
		r = filter_enter(kind, strict, e);
	return r;
}
