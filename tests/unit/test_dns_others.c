/* Others at the same names: another run on this server. */
#include "dns_play.h"

#include <sys/file.h>

static void two_runs_do_not_write_at_once(void)
{
	_cleanup_(play_end) struct play p;
	struct agent a = { .state_dir = tmp_path, .state_fd = tmp_fd() };
	int other = openat(tmp_fd(), "lock-dns", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	play_begin(&p, credentials);
	p.config->has_dns = false; /* so that nothing is asked for behind the lock */
	a.config = p.config;
	check_int(flock(other, LOCK_EX | LOCK_NB), 0);
	check_int(dns_sync(&a, &p.options, p.arena, &p.report, &p.e), -ERR_FAILED);
	check(p.e.transient);
	check(strstr(p.e.msg, "another 'dns sync'"));
	close(other);
	/* And it is given back: a boot tries several times. */
	for (int i = 0; i < 2; i++)
		check_int(dns_sync(&a, &p.options, p.arena, &p.report, &p.e), DNS_NOT_ASKED);
}

int main(void)
{
	run(two_runs_do_not_write_at_once);
	return done();
}
