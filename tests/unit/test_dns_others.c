/* Others at the same names: a server that took them since, and another run on this one. */
#include "dns_play.h"

#include <sys/file.h>

#define OTHER_V4 "203.0.113.20"
#define OTHER_V6 "2001:db8::20"

/* Another server's sync: the records stay, with its addresses. Only those of name, NULL: of all. */
static void another_takes(struct fake_zone *z, const char *name)
{
	for (size_t i = 0; i < z->n; i++) {
		struct fake_record *r = &z->now[i];
		const char *address = strcmp(r->type, "A") == 0 ? OTHER_V4 : OTHER_V6;

		if (!name || strcmp(r->name, name) == 0)
			snprintf(r->target, sizeof r->target, "%s", address);
	}
	fake_publish(z);
}

static void everywhere(struct fake_zone *z, const char *ipv4, const char *ipv6)
{
	fake_add(z, "A", "", ipv4, 60);
	fake_add(z, "A", "api", ipv4, 60);
	fake_add(z, "AAAA", "", ipv6, 60);
	fake_add(z, "AAAA", "api", ipv6, 60);
	fake_publish(z);
}

/* The step of a server whose records are written, and not served as long as it waits. */
static void begin_in_vain(struct play *p)
{
	p->options.yields = true;
	p->zone.mute = true;
	check_int(sync_zone(p), -ERR_NETWORK);
	p->zone.mute = false;
	p->zone.writes = 0;
}

static void it_yields(struct play *p, const char *taken)
{
	_buf_ before = BUF_INIT;
	_buf_ after = BUF_INIT;

	fake_show(p->zone.now, p->zone.n, &before);
	check_int(sync_zone(p), DNS_TAKEN);
	fake_show(p->zone.now, p->zone.n, &after);
	check_str(buf_str(&after), buf_str(&before));
	check_str(p->report.taken, taken);
	check_int(p->zone.writes, 0);
}

static void names_that_another_server_took_are_left_to_it(void)
{
	/* What stood there before the first one: nothing, an old server's, its own already. */
	static const char *const before[][2] = { { NULL }, { "198.51.100.1", "2001:db8::1" },
		{ V4, V6 } };

	for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
		_cleanup_(play_end) struct play p;

		play_begin(&p, credentials);
		if (before[i][0])
			everywhere(&p.zone, before[i][0], before[i][1]);
		begin_in_vain(&p);
		another_takes(&p.zone, NULL);
		it_yields(&p, "example.com leads to " OTHER_V4);
		/* At every later boot, too. */
		it_yields(&p, "example.com leads to " OTHER_V4);
	}
}

static void by_hand_they_are_taken_back(void)
{
	_cleanup_(play_end) struct play p;

	play_begin(&p, credentials);
	begin_in_vain(&p);
	another_takes(&p.zone, NULL);
	p.options.yields = false;
	check_int(sync_zone(&p), 0);
	zone_is(&p.zone, OURS);
	p.options.yields = true;
	check_int(sync_zone(&p), 0);
}

static void one_name_that_was_taken_is_enough(void)
{
	_cleanup_(play_end) struct play p;

	play_begin(&p, credentials);
	begin_in_vain(&p);
	another_takes(&p.zone, "api");
	it_yields(&p, "api.example.com leads to " OTHER_V4);
}

static void a_taker_without_ipv4_is_seen(void)
{
	_cleanup_(play_end) struct play p;

	play_begin(&p, credentials);
	p.zone.ipv6 = NULL;
	begin_in_vain(&p);
	p.zone.n = 0;
	fake_add(&p.zone, "AAAA", "", OTHER_V6, 60);
	fake_add(&p.zone, "AAAA", "api", OTHER_V6, 60);
	fake_publish(&p.zone);
	it_yields(&p, "example.com leads to " OTHER_V6);
}

static void what_is_ours_is_no_other_server(void)
{
	_cleanup_(play_end) struct play moved, emptied, beside;

	/* Another address than at the boot before: the one that was is remembered. */
	play_begin(&moved, credentials);
	everywhere(&moved.zone, "198.51.100.1", "2001:db8::1");
	moved.zone.ipv4 = "192.0.2.99";
	moved.zone.ipv6 = "2001:db8::99";
	begin_in_vain(&moved);
	moved.zone.ipv4 = V4;
	moved.zone.ipv6 = V6;
	check_int(sync_zone(&moved), 0);
	zone_is(&moved.zone, OURS);

	play_begin(&emptied, credentials);
	begin_in_vain(&emptied);
	emptied.zone.n = 0;
	check_int(sync_zone(&emptied), 0);
	zone_is(&emptied.zone, OURS);

	/* Something else beside ours is replaced, as ever. */
	play_begin(&beside, credentials);
	begin_in_vain(&beside);
	fake_add(&beside.zone, "A", "api", OTHER_V4, 60);
	check_int(sync_zone(&beside), 0);
	zone_is(&beside.zone, OURS);
}

/* Cut off after the first name: the second is the old server's still, and never was ours. */
static void names_that_were_never_ours_are_taken(void)
{
	_cleanup_(play_end) struct play p;

	play_begin(&p, credentials);
	everywhere(&p.zone, "198.51.100.1", "2001:db8::1");
	p.options.yields = true;
	p.zone.how = DIE_BEFORE;
	for (unsigned n = 1; p.zone.writes == 0; n++) {
		p.zone.die_at = p.zone.calls + n;
		check_int(sync_zone(&p), -ERR_INTERRUPTED);
	}
	p.zone.die_at = 0;
	check_int(sync_zone(&p), 0);
	zone_is(&p.zone, OURS);
}

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
	run(names_that_another_server_took_are_left_to_it);
	run(by_hand_they_are_taken_back);
	run(one_name_that_was_taken_is_enough);
	run(a_taker_without_ipv4_is_seen);
	run(what_is_ours_is_no_other_server);
	run(names_that_were_never_ours_are_taken);
	run(two_runs_do_not_write_at_once);
	return done();
}
