/*
 * kbuild.firewall: UFW enabled at boot, incoming denied but for the list, outgoing allowed, and the
 * published ports of containers under the same list.
 */
#include "bake_topic.h"
#include "buf.h"
#include "definition.h"
#include "error.h"
#include "firewall.h"

static const struct {
	const char *file, *name, *value;
} settings[] = {
	{ "/etc/default/ufw", "IPV6", "yes" },
	{ "/etc/default/ufw", "DEFAULT_INPUT_POLICY", "\"DROP\"" },
	{ "/etc/default/ufw", "DEFAULT_OUTPUT_POLICY", "\"ACCEPT\"" },
	/* Forwarded packets of containers are accepted by Docker's rules, which stand before UFW's. */
	{ "/etc/default/ufw", "DEFAULT_FORWARD_POLICY", "\"DROP\"" },
	/* Never flush what others (Docker, fail2ban) put into the built-in chains. */
	{ "/etc/default/ufw", "MANAGE_BUILTINS", "no" },
	{ "/etc/ufw/ufw.conf", "ENABLED", "yes" },
	{ "/etc/ufw/ufw.conf", "LOGLEVEL", "low" },
};

static const struct {
	const char *user, *after;
	bool v6;
} families[] = {
	{ "/etc/ufw/user.rules", "/etc/ufw/after.rules", false },
	{ "/etc/ufw/user6.rules", "/etc/ufw/after6.rules", true },
};

static bool applies(const struct bake *b)
{
	return b->def->firewall.enabled;
}

static int set_settings(const struct bake *b, struct error *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		_buf_ old = BUF_INIT, new = BUF_INIT;
		int r = bake_read(b, settings[i].file, &old, e);

		if (r < 0)
			return r;
		text_set(buf_str(&old), settings[i].name, settings[i].value, &new);
		r = bake_puts(b, settings[i].file, buf_str(&new), 0644, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_after(const struct bake *b, const char *path, bool v6, struct error *e)
{
	_buf_ old = BUF_INIT, new = BUF_INIT, block = BUF_INIT;
	int r = bake_read(b, path, &old, e);

	if (r < 0)
		return r;
	firewall_docker_rules(b->def->firewall.allow, b->def->firewall.n, v6, &block);
	text_replace_block(buf_str(&old), FIREWALL_BEGIN, FIREWALL_END, buf_str(&block), &new);
	return bake_puts(b, path, buf_str(&new), 0640, e);
}

static int run(const struct bake *b, struct error *e)
{
	static const char *const units[] = { "ufw.service", NULL };
	int r;

	if (!bake_has(b, "/usr/sbin/ufw"))
		return error_set(e, ERR_INVALID, "the image has no ufw; add ufw to packages");
	r = set_settings(b, e);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++) {
		_buf_ rules = BUF_INIT;

		firewall_user_rules(
			b->def->firewall.allow, b->def->firewall.n, families[i].v6, &rules);
		r = bake_puts(b, families[i].user, buf_str(&rules), 0640, e);
		/* Also without our Docker: the definition may bring another, whose published ports pass INPUT by as well. */
		if (r == 0)
			r = write_after(b, families[i].after, families[i].v6, e);
	}
	return r < 0 ? r : bake_enable(b, units, e);
}

const struct bake_topic bake_firewall = { "kbuild.firewall", applies, run };
