/* The error object: one message that grows outwards and keeps its first code. */
#include "error.h"

#include "check.h"

#include <errno.h>

static void the_code_is_returned_negative_and_kept(void)
{
	struct error e = {};

	check_int(error_set(&e, ERR_LOCK, "the lock is %s", "stale"), -ERR_LOCK);
	check_int(error_prefix(&e, "images/%s", "a.yaml"), -ERR_LOCK);
	check_int(error_append(&e, ", run '%s'", "kbuild lock"), -ERR_LOCK);
	check_int(e.code, ERR_LOCK);
	check_str(e.msg, "images/a.yaml: the lock is stale, run 'kbuild lock'");
}

static void an_errno_of_either_sign_is_spelled_out(void)
{
	struct error e = {};

	check_int(error_errno(&e, ENOSPC, "writing %s", "x"), -ERR_FAILED);
	check_str(e.msg, "writing x: No space left on device");
	check_int(error_errno(&e, -ENOSPC, "writing x"), -ERR_FAILED);
	check(e.transient);
	check_int(error_errno(&e, EACCES, "writing x"), -ERR_FAILED);
	check(!e.transient);
	error_errno(&e, ENOSPC, "writing x");
	check_str(e.msg, "writing x: No space left on device");
}

static void a_cancelled_call_is_an_interrupt(void)
{
	struct error e = {};

	check_int(error_errno(&e, -ECANCELED, "reading"), -ERR_INTERRUPTED);
	check_str(e.msg, "reading: interrupted");
}

static void too_long_messages_are_cut_not_overrun(void)
{
	struct error e = {};
	char big[5000];

	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	error_set(&e, ERR_FAILED, "%s", big);
	check_int(strlen(e.msg), sizeof e.msg - 1);
	error_append(&e, "more");
	check_int(strlen(e.msg), sizeof e.msg - 1);
	error_prefix(&e, "head");
	check(strncmp(e.msg, "head: xxx", 9) == 0);
	check_int(strlen(e.msg), sizeof e.msg - 1);
	error_errno(&e, ENOSPC, "%s", big);
	check(strstr(e.msg, ": No space left on device") != NULL);
}

int main(void)
{
	run(the_code_is_returned_negative_and_kept);
	run(an_errno_of_either_sign_is_spelled_out);
	run(a_cancelled_call_is_an_interrupt);
	run(too_long_messages_are_cut_not_overrun);
	return done();
}
