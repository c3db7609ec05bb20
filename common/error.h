/*
 * One error object, filled where something went wrong and prefixed on the way up.
 *
 * The rule for every function of this tree that returns int:
 *   0    done.
 *   < 0  failed. Either plain -errno (lowest layer: files, fds, buffers; no struct error in the
 *        signature), or the error object is filled. Callers pass it on, they never inspect it.
 *   > 0  an outcome named in that function's header, which the caller handles and never forwards.
 *
 * Only main() prints errors. Cleanup never overwrites the first error.
 */
#pragma once

#include "base.h"

/* What kind of failure; the value is the exit status of the program (documented in kbuild(1)). */
enum error_code {
	ERR_FAILED = 1,	 /* anything not named below */
	ERR_USAGE = 2,	 /* the command line is wrong */
	ERR_INVALID = 3, /* the definition is wrong */
	ERR_LOCK = 4,	 /* the lock is stale, or bytes do not match their hash or signature */
	ERR_NETWORK =
		5, /* network or cloud: it may be well later, which what is refused (401) will not */
	ERR_TEST = 6,	       /* a test or health gate failed */
	ERR_CONFIRM = 7,       /* needs confirmation */
	ERR_INTERRUPTED = 130, /* SIGINT or SIGTERM */
};

/* Lives on the caller's stack; making an error cannot fail and nothing needs freeing. */
struct error {
	int code; /* enum error_code, 0 when unset */
	bool transient; /* the same may succeed in a moment: so are ERR_NETWORK and a full disk, unless said otherwise */
	bool denied; /* a service has refused whoever asks (401, 403): who can do without goes on */
	char msg[2048]; /* truncated when longer */
};

/* Each returns -code, so that "return error_set(…)" is one thought. */
int error_set(struct error *e, int code, const char *fmt, ...) _printf_(3, 4);

/* As error_set() with ": strerror(err)" appended; err is an errno, its sign does not matter. */
int error_errno(struct error *e, int err, const char *fmt, ...) _printf_(3, 4);

/* Puts "fmt: " before the message; keeps the code. */
int error_prefix(struct error *e, const char *fmt, ...) _printf_(2, 3);

/* Puts text after the message: the next thing to do, an excerpt of a log. Keeps the code. */
int error_append(struct error *e, const char *fmt, ...) _printf_(2, 3);

/* Says that the same may succeed in a moment (a full disk, a busy engine). Keeps the rest. */
int error_transient(struct error *e);

#if defined(__clang_analyzer__) && !defined(ERROR_IMPLEMENTATION)
/* What the analyzer cannot see from here: all of these are negative. */
static inline int error_negative(int r)
{
	if (r >= 0)
		__builtin_unreachable();
	return r;
}
#define error_set(...)	   error_negative(error_set(__VA_ARGS__))
#define error_errno(...)   error_negative(error_errno(__VA_ARGS__))
#define error_prefix(...)  error_negative(error_prefix(__VA_ARGS__))
#define error_append(...)  error_negative(error_append(__VA_ARGS__))
#define error_transient(e) error_negative(error_transient(e))
#endif
