/*
 * Running programs: argv in, exit status and output out. Never a shell. The child's signals and
 * fds are clean: only 0, 1, 2 and keep_fds pass on; it dies when kbuild dies.
 */
#pragma once

#include "base.h"

struct buf;
struct error;

struct process {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
	const char *const *env;	 /* NULL-terminated "K=V", the whole environment; NULL: inherited */
	const char *cwd;	 /* NULL: inherited */
	const void *input;	 /* given on standard input; NULL: /dev/null */
	size_t input_len;
	int in_fd;	     /* standard input as it is; 0: none. Borrowed */
	int out_fd;	     /* standard output as it is; 0: none. Borrowed; out is then not used */
	uint64_t *passed;    /* with out_fd: it goes there through us, its bytes are added up */
	const int *keep_fds; /* terminated by -1; NULL: none. Passed on with their own numbers */

	struct buf *out;    /* collects standard output; NULL: it goes where err goes */
	size_t out_max;	    /* fails with ERR_FAILED beyond it; 0: 64 MiB */
	struct buf *err;    /* collects standard error, at most its last 64 KiB; NULL: log only */
	int log_fd;	    /* a copy of both goes here when > 0 */
	int64_t timeout_ms; /* killed after it, ERR_FAILED "timed out"; 0: no limit */

	/* Called for each line of output, without its newline (or what redraws it, \r); NULL: not. */
	void (*line)(void *arg, const char *line);
	void *line_arg;
	const bool
		*enough; /* set by line(): the program has said enough and is killed; NULL: never */

	/*
	 * For children in namespaces: flags for clone() (CLONE_NEWNS …) and what the child does
	 * before exec. setup returns 0 or -errno, with what it was doing in *what. With clone_flags it
	 * may only make system calls: another thread may have held the allocator's lock.
	 */
	unsigned long clone_flags;
	int (*setup)(void *arg, const char **what);
	void *setup_arg;
};

/*
 * Runs it and waits. Returns the exit status: 0, or > 0 the program's own failure (128 + N when
 * signal N ended it), which the caller handles. Negative: it could not be started, timed out, or
 * kbuild was interrupted (ERR_INTERRUPTED); the child and its process group are dead by then.
 */
int process_run(const struct process *p, struct error *e);

/*
 * As process_run(), but any failure of the program is an error too: "NAME failed (exit status N)"
 * followed by the last lines it wrote.
 */
int process_check(const struct process *p, struct error *e);

/* True when a program of this name is found in PATH. */
bool program_exists(const char *name);
