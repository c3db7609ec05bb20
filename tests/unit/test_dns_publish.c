/* When a zone is published, and what is waited for; what publishing anew mends and what it does not. */
#include "dns_play.h"

static void what_others_did_not_publish_is_published(void)
{
	_cleanup_(play_end) struct play p;

	play_begin(&p, credentials);
	check_int(sync_zone(&p), 0);
	p.zone.n_published = 0;
	p.zone.writes = 0;
	check_int(sync_zone(&p), 0);
	check_int(p.zone.writes, 1);
	zone_is(&p.zone, OURS);
}

static void a_refresh_that_was_dropped_is_asked_for_again(void)
{
	_cleanup_(play_end) struct play p;

	play_begin(&p, credentials);
	p.zone.lost = true;
	check_int(sync_zone(&p), 0);
	check_int(p.zone.refreshes, 2);
	zone_is(&p.zone, OURS);
}

static void it_is_waited_for_until_it_is_deployed(void)
{
	_cleanup_(play_end) struct play p;

	play_begin(&p, credentials);
	p.zone.busy_after = 3;
	check_int(sync_zone(&p), 0);
	check_int(p.zone.busy, 0);
	check(p.report.published);
	zone_is(&p.zone, OURS);
}

static void waiting_ends(void)
{
	_cleanup_(play_end) struct play silent, undone;

	play_begin(&silent, credentials);
	silent.zone.mute = true;
	check_int(sync_zone(&silent), -ERR_NETWORK);
	check_str(silent.e.msg,
		"the records of example.com are written, but not served: "
		"dns104.ovh.net does not answer: timed out");
	check(silent.zone.now_ms >= 300000 && silent.zone.now_ms < 600000);
	play_begin(&undone, credentials);
	undone.zone.never_done = true;
	check_int(sync_zone(&undone), -ERR_NETWORK);
	check(strstr(undone.e.msg, "is not published after 5 minutes"));
	check(undone.zone.now_ms < 600000);
}

static void silent_servers_are_no_reason_to_write(void)
{
	_cleanup_(play_end) struct play p;

	play_begin(&p, credentials);
	check_int(sync_zone(&p), 0);
	p.zone.mute = true;
	p.zone.writes = 0;
	check_int(sync_zone(&p), -ERR_NETWORK);
	check(p.e.transient);
	check_int(p.zone.writes, 0);
}

static void an_error_of_an_earlier_refresh_is_mended_by_another(void)
{
	static const int shown[] = { 0, 3 }; /* until OVH has begun with it */

	for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
		_cleanup_(play_end) struct play p;

		play_begin(&p, credentials);
		p.zone.error = "bad MX";
		p.zone.error_shown = shown[i];
		check_int(sync_zone(&p), 0);
		check_int(p.zone.refreshes, 1);
		check(p.report.published);
		zone_is(&p.zone, OURS);
	}
}

static void an_error_of_our_refresh_is_final(void)
{
	static const char *const before[] = { NULL, "bad MX" };

	for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
		_cleanup_(play_end) struct play p;

		play_begin(&p, credentials);
		p.zone.error = before[i];
		p.zone.fails = "bad MX";
		check_int(sync_zone(&p), -ERR_FAILED);
		check_str(p.e.msg, "OVH does not publish the zone: bad MX");
		check(!p.e.transient);
		check_int(p.zone.refreshes, 1);
		check(p.zone.now_ms < 300000);
	}
}

static void an_error_of_others_is_told_and_does_not_hide_the_records(void)
{
	_cleanup_(play_end) struct play p;
	_buf_ text = BUF_INIT;

	play_begin(&p, credentials);
	check_int(sync_zone(&p), 0);
	p.zone.refreshes = p.zone.writes = 0;
	p.zone.error = "bad MX";
	check_int(run_zone(&p, false), 0);
	dns_report_text(&p.report, &text);
	check(strstr(buf_str(&text), "not published yet: OVH does not publish the zone: bad MX\n"));
	/* Ours are served: nothing is ours to publish. */
	check_int(sync_zone(&p), 0);
	check_int(p.zone.writes, 0);
	check(!p.report.published);
	p.zone.n_published = 0;
	check_int(sync_zone(&p), 0);
	check_int(p.zone.refreshes, 1);
	zone_is(&p.zone, OURS);
}

int main(void)
{
	run(what_others_did_not_publish_is_published);
	run(a_refresh_that_was_dropped_is_asked_for_again);
	run(it_is_waited_for_until_it_is_deployed);
	run(waiting_ends);
	run(silent_servers_are_no_reason_to_write);
	run(an_error_of_an_earlier_refresh_is_mended_by_another);
	run(an_error_of_our_refresh_is_final);
	run(an_error_of_others_is_told_and_does_not_hide_the_records);
	return done();
}
