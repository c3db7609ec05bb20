/* The question; see confirm.h. */
#include "confirm.h"

#include "error.h"

#include <stdio.h>

int confirm_removal(const char *what, struct error *e)
{
	char answer[16] = "";

	if (!isatty(0))
		return error_set(
			e, ERR_CONFIRM, "this would remove for good: %s. Say so with --yes", what);
	fprintf(stderr, "This removes for good: %s.\nGo on? [y/N] ", what);
	if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
		return 0;
	return error_set(e, ERR_CONFIRM, "not confirmed: nothing was removed");
}
