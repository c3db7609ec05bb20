/*
 * kbuild.fail2ban: one file that works on Debian 12 and 13, Ubuntu 22.04 and 24.04, whatever their own
 * jail says. It is a .local because those are read after every .conf.
 */
#include "bake_topic.h"
#include "buf.h"
#include "definition.h"
#include "error.h"
#include "fail2ban.h"

#include <inttypes.h>

#define JAIL "/etc/fail2ban/jail.d/kbuild.local"

void fail2ban_jail(const struct fail2ban_settings *s, struct buf *out)
{
	buf_adds(out,
		"# Written by kbuild from kbuild.fail2ban.\n"
		"[DEFAULT]\n"
		"banaction = nftables\n"
		"banaction_allports = nftables[type=allports]\n"
		"ignoreip = 127.0.0.1/8 ::1");
	for (const char *const *p = s->ignore; p && *p; p++)
		buf_printf(out, " %s", *p);
	/*
	 * The backend stands in the section, because distributions set it there and that wins over
	 * [DEFAULT]. The matches name both units and both program names: ssh.service is Debian's,
	 * sshd-session logs the failures since OpenSSH 9.8. "+" means or.
	 *
	 * The aggressive mode sees those who leave without trying a key, but it takes "Invalid user" and
	 * the end of the same session for two failures. What ends such a session is ignored, so that
	 * maxretry counts logins. (Anchored: a user's name must not be able to hide its line.)
	 */
	buf_printf(out,
		"\n\n"
		"[sshd]\n"
		"enabled = true\n"
		"mode = aggressive\n"
		"backend = systemd\n"
		"journalmatch = _SYSTEMD_UNIT=ssh.service + _SYSTEMD_UNIT=sshd.service"
		" + _COMM=sshd + _COMM=sshd-session\n"
		"ignoreregex = ^(?:(?:Connection (?:closed|reset)|Disconnected) (?:by|from)"
		"|maximum authentication attempts exceeded for) invalid user\n"
		"maxretry = %" PRIu64
		"\n"
		"findtime = %" PRIu64
		"\n"
		"bantime = %" PRIu64
		"\n"
		"bantime.increment = true\n",
		s->maxretry, s->findtime, s->bantime);
}

static bool applies(const struct bake *b)
{
	return b->def->fail2ban.enabled;
}

static int run(const struct bake *b, struct error *e)
{
	static const char *const units[] = { "fail2ban.service", NULL };
	struct fail2ban_settings s = {
		.maxretry = b->def->fail2ban.maxretry,
		.findtime = b->def->fail2ban.findtime,
		.bantime = b->def->fail2ban.bantime,
		.ignore = (const char *const *)b->def->fail2ban.ignore,
	};
	_buf_ jail = BUF_INIT;
	int r;

	if (!bake_has(b, "/usr/bin/fail2ban-server"))
		return error_set(
			e, ERR_INVALID, "the image has no fail2ban; add fail2ban to packages");
	fail2ban_jail(&s, &jail);
	r = bake_puts(b, JAIL, buf_str(&jail), 0644, e);
	return r < 0 ? r : bake_enable(b, units, e);
}

const struct bake_topic bake_fail2ban = { "kbuild.fail2ban", applies, run };
