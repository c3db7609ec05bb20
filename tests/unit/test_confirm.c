/* The question before something is removed, on a terminal of its own. */
#include "check.h"

#include "confirm.h"
#include "error.h"
#include "interrupt.h"

#include <pty.h>
#include <signal.h>
#include <sys/wait.h>

static int terminal = -1; /* where answers are typed */

static void begin(void)
{
	int slave;

	check_int(openpty(&terminal, &slave, NULL, NULL, NULL), 0);
	check_int(dup2(slave, 0), 0);
	close(slave);
	interrupt_install();
}

static int ask(const char *typed, struct error *e)
{
	*e = (struct error){};
	if (typed)
		check_int(write(terminal, typed, strlen(typed)), (long)strlen(typed));
	return confirm_removal("the server 'web'", e);
}

static void only_a_yes_is_one(void)
{
	struct error e;

	check_int(ask("y\n", &e), 0);
	check_int(ask("n\n", &e), -ERR_CONFIRM);
	check_int(ask("\n", &e), -ERR_CONFIRM);
	check_str(e.msg, "not confirmed: nothing was removed");
}

static void interrupted_is_no_answer(void)
{
	struct error e;
	pid_t child = fork();

	if (child == 0) {
		usleep(200000);
		kill(getppid(), SIGINT);
		_exit(0);
	}
	check_int(ask(NULL, &e), -ERR_INTERRUPTED);
	check_str(e.msg, "interrupted: nothing was removed");
	check_int(waitpid(child, NULL, 0), child);
	/* Also when it came before the question. */
	check_int(ask(NULL, &e), -ERR_INTERRUPTED);
}

int main(void)
{
	begin();
	run(only_a_yes_is_one);
	run(interrupted_is_no_answer);
	return done();
}
