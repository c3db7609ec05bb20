/* Signals become a flag and a readable pipe. */
#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

static volatile sig_atomic_t got_signal;
static int wake[2] = { -1, -1 };

static void on_signal(int sig)
{
	int saved = errno;

	if (got_signal) { /* pending until we return, then it ends us */
		signal(sig, SIG_DFL);
		raise(sig);
	}
	got_signal = 1;
	if (write(wake[1], "x", 1) < 0)
		errno = saved; /* a full pipe is readable already */
	errno = saved;
}

void interrupt_install(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = on_signal };

	if (wake[0] >= 0 || pipe2(wake, O_CLOEXEC | O_NONBLOCK) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct sigaction old;

		/* What our parent has us ignore (nohup, a shell's background job) stays ignored. */
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
	}
	signal(SIGPIPE, SIG_IGN);
}

bool interrupted(void)
{
	return got_signal;
}

int interrupt_fd(void)
{
	return wake[0];
}
