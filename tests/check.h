/*
 * The whole test framework: a program is a list of functions whose names are sentences, and
 * prints TAP. A failed check prints both sides whole and ends the one test it stands in.
 *
 *   static void size_of_eight_gigabytes(void) { uint64_t n; check(parse_size("8G", &n)); … }
 *   int main(void) { run(size_of_eight_gigabytes); return done(); }
 */
#pragma once

#include "base.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

static jmp_buf check_escape;
static int check_count, check_failed;

#define check_fail(...)                                                                            \
	do {                                                                                       \
		printf("# %s:%d: ", __FILE__, __LINE__);                                           \
		printf(__VA_ARGS__);                                                               \
		printf("\n");                                                                      \
		longjmp(check_escape, 1);                                                          \
	} while (0)

#define check(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			check_fail("not: %s", #cond);                                              \
	} while (0)

#define check_int(got, want)                                                                       \
	do {                                                                                       \
		long long got_ = (long long)(got), want_ = (long long)(want);                      \
		if (got_ != want_)                                                                 \
			check_fail("%s is %lld, wanted %lld", #got, got_, want_);                  \
	} while (0)

/* A text whole, its lines as TAP comments. */
static inline void check_show(const char *what, const char *text)
{
	printf("# %s:\n#   ", what);
	for (const char *p = text ? text : "(null)"; *p; p++)
		printf(*p == '\n' ? "\n#   " : "%c", *p);
	printf("\n");
}

#define check_str(got, want)                                                                       \
	do {                                                                                       \
		const char *got_ = (got), *want_ = (want);                                         \
		if (!got_ || !want_ ? got_ != want_ : strcmp(got_, want_) != 0) {                  \
			check_show(#got, got_);                                                    \
			check_show("wanted", want_);                                               \
			check_fail("they differ");                                                 \
		}                                                                                  \
	} while (0)

#define run(f) check_run(#f, f)

static inline void check_run(const char *name, void (*f)(void))
{
	check_count++;
	if (setjmp(check_escape) == 0) {
		f();
		printf("ok %d - %s\n", check_count, name);
	} else {
		check_failed++;
		printf("not ok %d - %s\n", check_count, name);
	}
	fflush(stdout);
}

static inline int done(void)
{
	printf("1..%d\n", check_count);
	return check_failed != 0;
}
