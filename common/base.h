/*
 * The words everything else is written in: cleanup attributes, hand-over macros, sizes.
 * Depends on libc only and defines no function that can fail.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_       __attribute__((unused))
#define _noreturn_     __attribute__((noreturn))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* Hands a pointer (or fd) over: yields its value and leaves NULL (or -1) behind. */
#define TAKE(p)                                                                                    \
	({                                                                                         \
		__typeof__(p) *_pp_ = &(p);                                                        \
		__typeof__(p) _val_ = *_pp_;                                                       \
		*_pp_ = NULL;                                                                      \
		_val_;                                                                             \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int *_fp_ = &(fd);                                                                 \
		int _fv_ = *_fp_;                                                                  \
		*_fp_ = -1;                                                                        \
		_fv_;                                                                              \
	})

/* Defines static inline NAMEp(), the cleanup form of "void NAME(type)", for _cleanup_(NAMEp). */
#define DEFINE_CLEANUP(type, name)                                                                 \
	static inline void name##p(type *p)                                                        \
	{                                                                                          \
		if (*p)                                                                            \
			name(*p);                                                                  \
	}                                                                                          \
	struct _swallow_semicolon_

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define _free_	_cleanup_(freep)
#define _close_ _cleanup_(closep)
