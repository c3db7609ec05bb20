/* Allocation: what it promises at its edges. */
#include "alloc.h"

#include "check.h"

#include <signal.h>
#include <sys/wait.h>

static void an_array_grows_one_by_one_and_keeps_its_values(void)
{
	_free_ int *v = NULL;
	size_t cap = 0;

	for (size_t n = 0; n < 1000; n++) {
		v = grow(v, n, &cap, sizeof *v);
		check(cap > n);
		v[n] = (int)n;
	}
	for (int i = 0; i < 1000; i++)
		check_int(v[i], i);
}

static void strings_are_cut_at_n_or_at_their_end(void)
{
	_free_ char *a = xstrndup("kbuild", 2), *b = xstrndup("kbuild", 99), *c = xstrdup("");

	check_str(a, "kb");
	check_str(b, "kbuild");
	check_str(c, "");
}

static void zero_bytes_are_a_pointer(void)
{
	_free_ void *a = xmalloc(0), *b = xcalloc(0, 8), *c = xrealloc(NULL, 0, 8);

	check(a && b && c);
}

static void an_overflowing_size_aborts(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		fclose(stderr);
		free(xrealloc(NULL, SIZE_MAX / 2, 3));
		_exit(0);
	}
	check(waitpid(pid, &status, 0) == pid);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
	run(an_array_grows_one_by_one_and_keeps_its_values);
	run(strings_are_cut_at_n_or_at_their_end);
	run(zero_bytes_are_a_pointer);
	run(an_overflowing_size_aborts);
	return done();
}
