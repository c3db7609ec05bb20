/*
 * The firewall's texts. The first is compared with what the real ufw 0.36.2 left behind after the
 * same "ufw allow" commands (tests/bake/compare does that with the ufw of a tree).
 */
#include "buf.h"
#include "check.h"
#include "definition.h"
#include "firewall.h"

static const struct port_rule allow[] = {
	{ 22, 22, "tcp", NULL },
	{ 8000, 8010, "tcp", NULL },
	{ 53, 53, "udp", NULL },
	{ 5432, 5432, "tcp", "10.1.2.3/8" },
	{ 5432, 5432, "tcp", "2001:DB8::1/32" },
	{ 7000, 7010, "udp", "10.1.2.3/32" },
};

static const char *part(const struct buf *text, const char *from, const char *to)
{
	static char cut[4096];
	const char *begin = strstr(buf_str(text), from), *end = begin ? strstr(begin, to) : NULL;

	snprintf(cut, sizeof cut, "%.*s", end ? (int)(end - begin) : 0, begin ? begin : "");
	return cut;
}

static void user_rules_are_as_ufw_writes_them(void)
{
	_buf_ text = BUF_INIT;

	firewall_user_rules(allow, ARRAY_SIZE(allow), false, &text);
	check_str(part(&text, "### RULES ###", "### END RULES ###"),
		"### RULES ###\n\n"
		"### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n"
		"-A ufw-user-input -p tcp --dport 22 -j ACCEPT\n\n"
		"### tuple ### allow tcp 8000:8010 0.0.0.0/0 any 0.0.0.0/0 in\n"
		"-A ufw-user-input -p tcp -m multiport --dports 8000:8010 -j ACCEPT\n\n"
		"### tuple ### allow udp 53 0.0.0.0/0 any 0.0.0.0/0 in\n"
		"-A ufw-user-input -p udp --dport 53 -j ACCEPT\n\n"
		"### tuple ### allow tcp 5432 0.0.0.0/0 any 10.0.0.0/8 in\n"
		"-A ufw-user-input -p tcp --dport 5432 -s 10.0.0.0/8 -j ACCEPT\n\n"
		"### tuple ### allow udp 7000:7010 0.0.0.0/0 any 10.1.2.3 in\n"
		"-A ufw-user-input -p udp -m multiport --dports 7000:7010 -s 10.1.2.3 -j ACCEPT\n\n");
}

static void sources_count_for_their_own_family_only(void)
{
	_buf_ text = BUF_INIT;

	firewall_user_rules(allow, ARRAY_SIZE(allow), true, &text);
	check_str(part(&text, "### RULES ###", "### END RULES ###"),
		"### RULES ###\n\n"
		"### tuple ### allow tcp 22 ::/0 any ::/0 in\n"
		"-A ufw6-user-input -p tcp --dport 22 -j ACCEPT\n\n"
		"### tuple ### allow tcp 8000:8010 ::/0 any ::/0 in\n"
		"-A ufw6-user-input -p tcp -m multiport --dports 8000:8010 -j ACCEPT\n\n"
		"### tuple ### allow udp 53 ::/0 any ::/0 in\n"
		"-A ufw6-user-input -p udp --dport 53 -j ACCEPT\n\n"
		"### tuple ### allow tcp 5432 ::/0 any 2001:db8::/32 in\n"
		"-A ufw6-user-input -p tcp --dport 5432 -s 2001:db8::/32 -j ACCEPT\n\n");
}

static void published_ports_are_matched_before_translation_and_all_else_is_dropped(void)
{
	_buf_ text = BUF_INIT;

	firewall_docker_rules(allow, 4, false, &text);
	check_str(buf_str(&text),
		"# BEGIN kbuild: published ports of containers\n"
		"# Written by kbuild from kbuild.firewall.allow.\n"
		"*filter\n"
		":DOCKER-USER - [0:0]\n"
		"-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN\n"
		"-A DOCKER-USER -i docker0 -j RETURN\n"
		"-A DOCKER-USER -i br-+ -j RETURN\n"
		"-A DOCKER-USER -p tcp -m conntrack --ctstate DNAT --ctorigdstport 22 --ctdir ORIGINAL -j RETURN\n"
		"-A DOCKER-USER -p tcp -m conntrack --ctstate DNAT --ctorigdstport 8000:8010 --ctdir ORIGINAL -j RETURN\n"
		"-A DOCKER-USER -p udp -m conntrack --ctstate DNAT --ctorigdstport 53 --ctdir ORIGINAL -j RETURN\n"
		"-A DOCKER-USER -s 10.0.0.0/8 -p tcp -m conntrack --ctstate DNAT --ctorigdstport 5432 --ctdir ORIGINAL -j RETURN\n"
		"-A DOCKER-USER -j DROP\n"
		"COMMIT\n"
		"# END kbuild: published ports of containers\n");
}

static void nothing_allowed_leaves_the_drop(void)
{
	_buf_ text = BUF_INIT;

	firewall_docker_rules(NULL, 0, true, &text);
	check(!strstr(buf_str(&text), "ctorigdstport"));
	check(strstr(buf_str(&text), "-A DOCKER-USER -j DROP\n"));
}

int main(void)
{
	run(user_rules_are_as_ufw_writes_them);
	run(sources_count_for_their_own_family_only);
	run(published_ports_are_matched_before_translation_and_all_else_is_dropped);
	run(nothing_allowed_leaves_the_drop);
	return done();
}
