/* The question; see confirm.h. */
#include "confirm.h"

#include "error.h"
#include "interrupt.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

/* Until there is an answer to read. 0, or -ECANCELED when interrupted. */
static int await_answer(void)
{
	struct pollfd fds[2] = { { .fd = 0, .events = POLLIN },
		{ .fd = interrupt_fd(), .events = POLLIN } };

	while (!interrupted() && poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	return interrupted() ? -ECANCELED : 0;
}

int confirm_removal(const char *what, struct error *e)
{
	char answer[16] = "";

	if (!isatty(0))
		return error_set(
			e, ERR_CONFIRM, "this would remove for good: %s. Say so with --yes", what);
	fprintf(stderr, "This removes for good: %s.\nGo on? [y/N] ", what);
	if (await_answer() < 0)
		return error_set(e, ERR_INTERRUPTED, "interrupted: nothing was removed");
	if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return 0;
	return error_set(e, ERR_CONFIRM, "not confirmed: nothing was removed");
}
