/* What baking writes, as texts. Expected texts of cloud-init's are what cloud-init 25.1 wrote. */
#include "arena.h"
#include "backup_calendar.h"
#include "bake_text.h"
#include "bake_topic.h"
#include "buf.h"
#include "check.h"
#include "error.h"
#include "fail2ban.h"
#include "mark.h"
#include "node.h"
#include "seal.h"
#include "user_list.h"
#include "yaml_tree.h"

/* The node of a text; a broken one is a mistake of the test. */
static struct node *yaml(struct arena *a, const char *text)
{
	struct diags d = DIAGS_INIT;
	struct error e = { 0 };
	struct node *n = NULL;

	if (yaml_parse(&n, a, "test", text, strlen(text), &d, &e) < 0)
		printf("# %s\n", d.n ? d.v[0].message : e.msg);
	diags_free(&d);
	return n;
}

static void jail_names_every_address_and_number(void)
{
	static const char *const ignore[] = { "10.0.0.0/8", "2001:db8::/32", NULL };
	struct fail2ban_settings s = { 4, 600, 3600, ignore };
	_buf_ text = BUF_INIT;

	fail2ban_jail(&s, &text);
	check_str(buf_str(&text),
		"# Written by kbuild from kbuild.fail2ban.\n"
		"[DEFAULT]\n"
		"banaction = nftables\n"
		"banaction_allports = nftables[type=allports]\n"
		"ignoreip = 127.0.0.1/8 ::1 10.0.0.0/8 2001:db8::/32\n\n"
		"[sshd]\n"
		"enabled = true\n"
		"mode = aggressive\n"
		"backend = systemd\n"
		"journalmatch = _SYSTEMD_UNIT=ssh.service + _SYSTEMD_UNIT=sshd.service"
		" + _COMM=sshd + _COMM=sshd-session\n"
		"ignoreregex = ^(?:(?:Connection (?:closed|reset)|Disconnected) (?:by|from)"
		"|maximum authentication attempts exceeded for) invalid user\n"
		"maxretry = 4\n"
		"findtime = 600\n"
		"bantime = 3600\n"
		"bantime.increment = true\n");
}

static void daemon_json_merges_maps_and_lets_the_user_win(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct error e = { 0 };
	_buf_ text = BUF_INIT;

	check_int(docker_daemon(a,
			  yaml(a, "{log-opts: {max-size: 5m}, live-restore: false, mtu: 1400}"),
			  &text, &e),
		0);
	check_str(buf_str(&text),
		"{\n"
		"  \"icc\": false,\n"
		"  \"live-restore\": false,\n"
		"  \"log-driver\": \"local\",\n"
		"  \"log-level\": \"info\",\n"
		"  \"log-opts\": {\n"
		"    \"max-file\": \"3\",\n"
		"    \"max-size\": \"5m\"\n"
		"  },\n"
		"  \"no-new-privileges\": true,\n"
		"  \"mtu\": 1400\n"
		"}\n");
}

static void sudo_rules_are_one_line_each(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_buf_ text = BUF_INIT;

	sudo_rules("ko", yaml(a, "[\"ALL=(ALL) NOPASSWD:ALL\", \"ALL=(www-data) ALL\"]"), &text);
	check_str(buf_str(&text),
		"\n# User rules for ko\nko ALL=(ALL) NOPASSWD:ALL\nko ALL=(www-data) ALL\n");
}

static void key_lines_lose_blanks_but_keep_comments(void)
{
	static const struct {
		const char *key, *want;
	} table[] = {
		{ "ssh-ed25519   AAAA   ko at  laptop\n", "ssh-ed25519 AAAA ko at  laptop\n" },
		{ "  ssh-ed25519 AAAA", "ssh-ed25519 AAAA\n" },
		{ "ssh-rsa AAAA c\r\n", "ssh-rsa AAAA c\n" },
		/* The blank in an option's quotes is not ours to touch; only the first two are squeezed. */
		{ "no-pty ssh-ed25519 AAAA x", "no-pty ssh-ed25519 AAAA x\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_buf_ text = BUF_INIT;

		ssh_key_line(table[i].key, &text);
		check_str(buf_str(&text), table[i].want);
	}
}

static void locale_gen_gets_one_line_active(void)
{
	static const char text[] =
		"# This file lists\n# fr_BE ISO-8859-1\n# fr_BE.UTF-8 UTF-8\n# x\n";
	_buf_ out = BUF_INIT, other = BUF_INIT;

	check(locale_select(text, "fr_BE.UTF-8", &out));
	check_str(buf_str(&out), "# This file lists\n# fr_BE ISO-8859-1\nfr_BE.UTF-8 UTF-8\n# x\n");
	check(!locale_select(text, "fr_BE.UTF", &other));
	check_str(buf_str(&other), text);
}

static void certificates_are_deselected_once(void)
{
	static const char want[] =
		"# head\n"
		"# Modified by cloud-init to deselect certs due to user-data\n"
		"!mozilla/A.crt\n!mozilla/B.crt\n";
	_buf_ once = BUF_INIT, twice = BUF_INIT;

	ca_deselect("# head\nmozilla/A.crt\n!mozilla/B.crt\n", &once);
	check_str(buf_str(&once), want);
	ca_deselect(want, &twice);
	check_str(buf_str(&twice), want);
}

static void cloud_init_is_told_what_is_left(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct cloudinit_settings s = {
		.users = yaml(a,
			"{debian: {gecos: Debian}, ko: {ssh_import_id: [gh:ko], lock_passwd: false, "
			"gecos: K}}"),
		.has_default = true,
		.disable_root = true,
	};
	_buf_ text = BUF_INIT;

	cloudinit_config(a, &s, &text);
	check(strstr(
		buf_str(&text), "\ndatasource_list: [ConfigDrive, OpenStack, NoCloud, None]\n"));
	check(strstr(buf_str(&text),
		"\napt: {preserve_sources_list: true}\nlocale: false\ndisable_root: true\n"));
	check(strstr(buf_str(&text),
		      "\nusers: [\"default\",{\"name\":\"ko\",\"ssh_import_id\":[\"gh:ko\"],"
		      "\"lock_passwd\":false}]\n") ||
		strstr(buf_str(&text),
			"\nusers: [\"default\", {\"name\": \"ko\", \"ssh_import_id\": "
			"[\"gh:ko\"], \"lock_passwd\": false}]\n"));
}

static void blocks_are_replaced_not_repeated(void)
{
	static const char block[] = "# B\nnew\n# E\n";
	static const struct {
		const char *text, *want;
	} table[] = {
		{ "", "# B\nnew\n# E\n" },
		{ "a", "a\n# B\nnew\n# E\n" },
		{ "a\n# B\nold\n# E\nz\n", "a\n# B\nnew\n# E\nz\n" },
		{ "a\n# B\nnever ended\n", "a\n# B\nnever ended\n# B\nnew\n# E\n" },
		{ "# Before\n", "# Before\n# B\nnew\n# E\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_buf_ out = BUF_INIT;

		text_replace_block(table[i].text, "# B", "# E", block, &out);
		check_str(buf_str(&out), table[i].want);
	}
}

static void settings_are_set_where_they_stand(void)
{
	static const struct {
		const char *text, *want;
	} table[] = {
		{ "", "A=yes\n" },
		{ "B=1", "B=1\nA=yes\n" },
		{ "# A=x\nA=no\nB=1\n", "# A=x\nA=yes\nB=1\n" },
		{ "AA=no\n", "AA=no\nA=yes\n" },
		{ "A=no", "A=yes\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_buf_ out = BUF_INIT;

		text_set(table[i].text, "A", "yes", &out);
		check_str(buf_str(&out), table[i].want);
	}
}

static void passwords_age_from_the_images_day(void)
{
	_buf_ out = BUF_INIT;

	shadow_set_day("root:*:20000:0:99999:7:::\nko:$6$x:0:0:99999:7:::\nold::::::::\nshort:x",
		19675, &out);
	check_str(buf_str(&out),
		"root:*:19675:0:99999:7:::\nko:$6$x:0:0:99999:7:::\nold::::::::\nshort:x\n");
}

/* Renders "name{key=…}…" for comparison. */
static const char *users(struct arena *a, const char *text, const struct node *default_user)
{
	const struct node *list = NULL;
	const char *name = NULL;
	struct error e = { 0 };
	_buf_ out = BUF_INIT;

	if (user_list(a, yaml(a, text), default_user, &list, &name, &e) < 0)
		return e.msg[0] ? "an error" : "an error without words";
	for (size_t i = 0; i < list->n; i++) {
		const struct node *groups = word_list(a, node_get(list->items[i], "groups"));

		buf_printf(&out, "%s%s", i ? " " : "", list->keys[i]->str);
		for (size_t j = 0; j < groups->n; j++)
			buf_printf(&out, "%c%s", j ? ',' : ':', groups->items[j]->str);
	}
	buf_printf(&out, "; %s", name ? name : "none");
	return arena_strdup(a, buf_str(&out));
}

static void users_of_all_shapes_become_one_list(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const struct node *debian =
		yaml(a, "{name: debian, groups: [adm, sudo], shell: /bin/bash}");
	static const struct {
		const char *yaml, *want;
	} table[] = {
		{ "[default]", "debian:adm,sudo; debian" },
		{ "default", "debian:adm,sudo; debian" },
		{ "[a, 'b, c']", "a b c; none" },
		{ "[[a, b], default]", "a b debian:adm,sudo; debian" },
		{ "{a: true, b: {groups: x}, c: false}", "a b:x; none" },
		{ "[default, {name: a, groups: 'x, y'}]", "a:x,y debian:adm,sudo; debian" },
		{ "[default, {name: debian, groups: [docker]}]", "debian:docker,adm,sudo; debian" },
		{ "[{name: default, groups: [only]}]", "debian:only; debian" },
		{ "[{groups: [only]}]", "debian:only; debian" },
		{ "[{name: a, groups: x}, {name: a, groups: y, uid: 1}]", "a:x; none" },
		{ "[{name: [x]}]", "an error" },
		{ "[]", "; none" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		check_str(users(a, table[i].yaml, debian), table[i].want);
	check_str(users(a, "[default, a]", NULL), "a; none");
}

static void a_night_whose_hour_is_left_out_has_its_own_date(void)
{
	static const struct {
		const char *zone, *at, *first; /* of the nights; NULL: there is none */
		unsigned lines;
	} cases[] = {
		{ "Europe/Paris", "02:00", "\nOnCalendar=2027-03-28 03:00:00 Europe/Paris\n", 11 },
		{ "Europe/Paris", "02:59", "\nOnCalendar=2027-03-28 03:59:00 Europe/Paris\n", 11 },
		{ "Europe/Paris", "03:00", NULL, 1 },
		{ "Europe/Paris", "01:59", NULL, 1 },
		{ "America/New_York", "02:15",
			"\nOnCalendar=2027-03-14 03:15:00 America/New_York\n", 11 },
		{ "Australia/Lord_Howe", "02:10",
			"\nOnCalendar=2027-10-03 02:40:00 Australia/Lord_Howe\n", 11 },
		{ "UTC", "02:00", NULL, 1 },
		{ "No/Where", "02:00", NULL, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_buf_ text = BUF_INIT;
		unsigned lines = 0;

		backup_calendar("/usr/share/zoneinfo", cases[i].zone, cases[i].at,
			INT64_C(1795996800) /* 2026-11-30 */, &text);
		for (const char *p = buf_str(&text); *p; p++)
			lines += *p == '\n';
		if (lines != cases[i].lines ||
			(cases[i].first && !strstr(buf_str(&text), cases[i].first)))
			check_fail("%s %s: %s", cases[i].zone, cases[i].at, buf_str(&text));
	}
}

int main(void)
{
	run(a_night_whose_hour_is_left_out_has_its_own_date);
	run(jail_names_every_address_and_number);
	run(daemon_json_merges_maps_and_lets_the_user_win);
	run(sudo_rules_are_one_line_each);
	run(key_lines_lose_blanks_but_keep_comments);
	run(locale_gen_gets_one_line_active);
	run(certificates_are_deselected_once);
	run(cloud_init_is_told_what_is_left);
	run(blocks_are_replaced_not_repeated);
	run(settings_are_set_where_they_stand);
	run(passwords_age_from_the_images_day);
	run(users_of_all_shapes_become_one_list);
	return done();
}
