/* The real clock: monotonic, its sleep ends when the program is interrupted. */
#include "clock.h"

#include "interrupt.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

static int64_t real_now(_unused_ void *arg)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int real_sleep(void *arg, int64_t ms)
{
	int64_t end = real_now(arg) + ms;

	for (;;) {
		struct pollfd p = { .fd = interrupt_fd(), .events = POLLIN };
		int64_t left = end - real_now(arg);

		if (interrupted())
			return -ECANCELED;
		if (left <= 0)
			return 0;
		poll(&p, 1, (int)MIN(left, 60000));
	}
}

const struct clock clock_real = { .now_ms = real_now, .sleep_ms = real_sleep };
