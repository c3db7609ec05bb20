/* Console bytes to an answer: what servers say, what they say when they die, and noise. */
#include "check.h"

#include "buf.h"
#include "readiness.h"

static void feed(struct readiness_watch *w, const char *text)
{
	readiness_feed(w, text, strlen(text));
}

static void the_status_line_is_the_answer(void)
{
	static const struct {
		const char *console;
		enum readiness state;
		const char *reasons;
	} rows[] = {
		{ "kbuild-status: {\"state\": \"ready\"}\n", READINESS_READY, NULL },
		{ "kbuild-status: {\"state\": \"done\"}\r\n", READINESS_READY, NULL },
		{ "[   12.3] unit[1]: kbuild-status: {\"state\":\"ready\"}\r\n", READINESS_READY,
			NULL },
		{ "kbuild-status: {\"state\":\"degraded\",\"reasons\":[\"a\",\"b c\"]}\n",
			READINESS_DEGRADED, "a; b c" },
		{ "kbuild-status: {\"state\":\"degraded\",\"reasons\":[\"\\u001b[31mred\\u0007\"]}\n",
			READINESS_DEGRADED, "red" },
		{ "kbuild-status: {\"state\":\"failed\",\"reasons\":[]}\n", READINESS_FAILED,
			NULL },
		{ "kbuild-status: {\"state\":\"error\",\"reasons\":\"x\"}\n", READINESS_FAILED,
			NULL },
		{ "kbuild-status: {\"v\":1,\"state\":\"failed\",\"cloud_init\":\"error\","
		  "\"failed_units\":[\"a.service\",\"b.mount\"],\"docker\":\"failed\","
		  "\"ufw\":\"activating\",\"fail2ban\":\"active\"}\n",
			READINESS_FAILED,
			"cloud-init: error; a.service failed; b.mount failed; ufw is activating" },
		{ "kbuild-status: {\"v\":1,\"state\":\"ready\",\"cloud_init\":\"done\","
		  "\"failed_units\":[],\"docker\":\"active\",\"ufw\":\"inactive\"}\n",
			READINESS_READY, NULL },
		/* Not an answer: cut off, no JSON, no object, no known word, not yet ended. */
		{ "kbuild-status: {\"state\": \"rea\n", READINESS_WAITING, NULL },
		{ "kbuild-status: ready\n", READINESS_WAITING, NULL },
		{ "kbuild-status: [\"ready\"]\n", READINESS_WAITING, NULL },
		{ "kbuild-status: {\"state\": \"fine\"}\n", READINESS_WAITING, NULL },
		{ "kbuild-status: {}\n", READINESS_WAITING, NULL },
		{ "kbuild-status: {\"state\": \"ready\"}", READINESS_WAITING, NULL },
		{ "", READINESS_WAITING, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(readiness_watch_free) struct readiness_watch w = READINESS_WATCH_INIT;

		feed(&w, rows[i].console);
		check_int(w.state, rows[i].state);
		check_str(w.reasons, rows[i].reasons);
		check((w.status != NULL) == (w.state != READINESS_WAITING));
	}
}

static void a_server_at_work_says_at_what(void)
{
	static const struct {
		const char *console, *step, *doing;
	} rows[] = {
		{ "kbuild-status: {\"v\":1,\"state\":\"working\",\"step\":\"images\",\"n\":6,"
		  "\"of\":12,\"note\":\"pulling 3 images\"}\n",
			"images", "step 6 of 12, images: pulling 3 images" },
		{ "kbuild-status: {\"state\":\"working\",\"step\":\"dns\"}\n", "dns", "step dns" },
		{ "kbuild-status: {\"state\":\"working\",\"step\":\"a\\u001b[1mb\",\"note\":"
		  "\"\\u0007x\",\"n\":\"1\"}\n",
			"ab", "step ab: x" },
		{ "kbuild-status: {\"state\":\"working\",\"step\":7,\"n\":{},\"note\":[]}\n", "7",
			"step 7" },
		{ "kbuild-status: {\"state\":\"working\"}\n", NULL, NULL },
		{ "kbuild-status: {\"state\":\"ready\",\"step\":\"report\",\"n\":12}\n", NULL,
			NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(readiness_watch_free) struct readiness_watch w = READINESS_WATCH_INIT;

		feed(&w, rows[i].console);
		check_str(w.step, rows[i].step);
		check_str(w.doing, rows[i].doing);
		check_int(readiness_answered(&w), i + 1 == ARRAY_SIZE(rows));
		check(w.status != NULL);
	}
}

static void work_after_an_answer_takes_it_back(void)
{
	_cleanup_(readiness_watch_free) struct readiness_watch w = READINESS_WATCH_INIT;

	feed(&w, "kbuild-status: {\"state\":\"failed\",\"reasons\":[\"dns\"]}\n");
	feed(&w, "kbuild-status: {\"state\":\"working\",\"step\":\"dns\"}\n");
	check_int(w.state, READINESS_WAITING);
	check_str(w.reasons, NULL);
	feed(&w, "kbuild-status: {\"state\":\"ready\"}\n");
	check_int(w.state, READINESS_READY);
	check_str(w.doing, NULL);
}

static void bytes_may_come_one_by_one(void)
{
	static const char text[] =
		"\033[0;32m  OK  \033[0m] Started\r\nkbuild-status: {\"state\":\"ready\"}\r\n";
	_cleanup_(readiness_watch_free) struct readiness_watch w = READINESS_WATCH_INIT;

	for (size_t i = 0; text[i]; i++)
		readiness_feed(&w, text + i, 1);
	check_int(w.state, READINESS_READY);
	check_str(w.detail, "OK  ] Started");
}

static void a_later_status_replaces_an_earlier_one(void)
{
	_cleanup_(readiness_watch_free) struct readiness_watch w = READINESS_WATCH_INIT;

	feed(&w, "kbuild-status: {\"state\":\"failed\",\"reasons\":[\"dns\"]}\n");
	feed(&w, "kbuild-status: {\"state\":\"ready\",\"reasons\":[]}\n");
	check_int(w.state, READINESS_READY);
	check_str(w.reasons, NULL);
	check(strstr(w.status, "ready") && !strchr(w.status, '\n'));
}

static void some_lines_mean_that_no_answer_will_come(void)
{
	static const struct {
		const char *console, *cause;
	} rows[] = {
		{ "[    3.1] Kernel panic - not syncing: VFS: Unable to mount root fs\n",
			"the kernel panicked" },
		{ "[    1.4] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI\n[    1.5] Kernel panic - not syncing: Fatal\n",
			"QEMU's emulation broke the kernel, as its versions before 8 do now and then: switch the server off (kbuild stop --force), and start it again" },
		{ "You are in emergency mode. After logging in, type\r\n",
			"the system stopped in emergency mode" },
		{ "ALERT!  UUID=x does not exist.  Dropping to a shell!\n",
			"the initramfs did not find the root file system" },
		/* A prompt: no newline follows. */
		{ "error: unknown filesystem.\r\ngrub rescue> ",
			"the boot loader found no system (GRUB rescue shell)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(readiness_watch_free) struct readiness_watch w = READINESS_WATCH_INIT;

		feed(&w, rows[i].console);
		check_int(w.state, READINESS_DEAD);
		check_str(w.cause, rows[i].cause);
	}
}

static void what_is_said_after_an_answer_does_not_kill_it(void)
{
	_cleanup_(readiness_watch_free) struct readiness_watch w = READINESS_WATCH_INIT;

	feed(&w, "kbuild-status: {\"state\":\"ready\"}\nYou are in emergency mode\n");
	check_int(w.state, READINESS_READY);
}

static void the_tail_keeps_the_last_lines_in_order(void)
{
	_cleanup_(readiness_watch_free) struct readiness_watch w = READINESS_WATCH_INIT;
	_buf_ out = BUF_INIT;
	char line[32];

	for (int i = 0; i < 40; i++) {
		snprintf(line, sizeof line, "line %d\r\n\r\n", i);
		feed(&w, line);
	}
	readiness_tail(&w, &out);
	check(strncmp(buf_str(&out), "  | line 28\n  | line 29\n", 24) == 0);
	check_str(buf_str(&out) + out.len - 11, "  | line 39");
}

static void a_line_without_end_is_bounded(void)
{
	_cleanup_(readiness_watch_free) struct readiness_watch w = READINESS_WATCH_INIT;
	static char block[64 * KIB];

	memset(block, 'x', sizeof block);
	for (int i = 0; i < 64; i++)
		readiness_feed(&w, block, sizeof block);
	check(w.line.len <= 64 * KIB);
	feed(&w, "\nkbuild-status: {\"state\":\"ready\"}\n");
	check_int(w.state, READINESS_READY);
}

static void progress_shows_no_remains_of_a_sequence(void)
{
	_cleanup_(readiness_watch_free) struct readiness_watch w = READINESS_WATCH_INIT;
	static char line[400];

	/* As systemd greets a console: colours, then resets that end by ESC \. */
	feed(&w, "\033[!p\033]104\033\\\033[?7h\033[1;1H[  \033[0;32mOK\033[0m  ] Reached\r\n");
	check_str(w.detail, "[  OK  ] Reached");
	/* Cut where it gets too long, between two characters. */
	memset(line, 'x', 99);
	strcpy(line + 99, "\342\200\246 and so on\n");
	feed(&w, line);
	check_int(strlen(w.detail), 99);
}

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2xR3zXkV0cXv8zvL9uYH0L3o9u5vYgXq1sT2b4wK7d"
#define KEY2                                                                                       \
	"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBJ2xR3zXkV0cXv8zvL9="

static void printed_host_keys_become_known_hosts(void)
{
	static const char text[] =
		"noise\n"
		"-----BEGIN SSH HOST KEY KEYS-----\r\n" KEY2
		" root@old\r\n"
		"-----END SSH HOST KEY KEYS-----\r\n"
		"<14>Nov 1 12:00:00 cloud-init: "
		"-----BEGIN SSH HOST KEY KEYS-----\r\n" KEY2
		" root@demo\r\n"
		"[  12.0] something else\r\n" KEY
		" root@demo\r\n"
		"ssh-rsa short root@demo\r\n"
		"-----END SSH HOST KEY KEYS-----\r\n"
		"-----BEGIN SSH HOST KEY KEYS-----\r\n" KEY " cut off\r\n";
	_buf_ out = BUF_INIT;

	check_int(console_host_keys(text, strlen(text), "web", &out), 2);
	check_str(buf_str(&out), "web " KEY2 "\nweb " KEY "\n");
}

static void no_printed_host_keys_give_none(void)
{
	static const char text[] = KEY
		" root@demo\n-----BEGIN SSH HOST KEY KEYS-----\n"
		"-----END SSH HOST KEY KEYS-----\n";
	_buf_ out = BUF_INIT;

	check_int(console_host_keys(text, strlen(text), "web", &out), 0);
	check_int(out.len, 0);
}

int main(void)
{
	run(the_status_line_is_the_answer);
	run(a_server_at_work_says_at_what);
	run(work_after_an_answer_takes_it_back);
	run(bytes_may_come_one_by_one);
	run(a_later_status_replaces_an_earlier_one);
	run(some_lines_mean_that_no_answer_will_come);
	run(what_is_said_after_an_answer_does_not_kill_it);
	run(the_tail_keeps_the_last_lines_in_order);
	run(a_line_without_end_is_bounded);
	run(progress_shows_no_remains_of_a_sequence);
	run(printed_host_keys_become_known_hosts);
	run(no_printed_host_keys_give_none);
	return done();
}
