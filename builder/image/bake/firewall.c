/*
 * UFW's rule files. The order of lines, the blank lines and the chains nobody uses are UFW's own:
 * it reads its "### tuple ###" comments back, and rewrites the file in the same form at the next
 * "ufw allow", which then changes nothing else.
 */
#include "firewall.h"
#include "buf.h"
#include "cidr.h"
#include "definition.h"

#include <stdio.h>
#include <string.h>

static bool is_v6(const char *from)
{
	return strchr(from, ':') != NULL;
}

/* A rule without a source is for both families, one with a source for its own. */
static bool rule_applies(const struct port_rule *r, bool v6)
{
	return !r->from || is_v6(r->from) == v6;
}

static void port_text(const struct port_rule *r, char *ret, size_t size)
{
	if (r->last_port != r->port)
		snprintf(ret, size, "%u:%u", r->port, r->last_port);
	else
		snprintf(ret, size, "%u", r->port);
}

static void user_rule(const struct port_rule *r, bool v6, struct buf *out)
{
	const char *any = v6 ? "::/0" : "0.0.0.0/0";
	char port[16], from[CIDR_SIZE] = "";

	port_text(r, port, sizeof port);
	if (r->from)
		cidr_text(r->from, from); /* as UFW writes it, too */
	buf_printf(out, "### tuple ### allow %s %s %s any %s in\n", r->protocol, port, any,
		r->from ? from : any);
	buf_printf(out, "-A ufw%s-user-input -p %s %s %s", v6 ? "6" : "", r->protocol,
		r->last_port != r->port ? "-m multiport --dports" : "--dport", port);
	if (r->from)
		buf_printf(out, " -s %s", from);
	buf_adds(out, " -j ACCEPT\n\n");
}

/* "%s" is "ufw" or "ufw6". */
static const char *const user_chains[] = {
	"user-input",
	"user-output",
	"user-forward",
	"before-logging-input",
	"before-logging-output",
	"before-logging-forward",
	"user-logging-input",
	"user-logging-output",
	"user-logging-forward",
	"after-logging-input",
	"after-logging-output",
	"after-logging-forward",
	"logging-deny",
	"logging-allow",
	"user-limit",
	"user-limit-accept",
};

/* UFW's own logging of level "low", and its rate limit. */
static void user_tail(const char *ufw, struct buf *out)
{
	static const char limit[] = "-m limit --limit 3/min --limit-burst 10";

	buf_adds(out, "### END RULES ###\n\n### LOGGING ###\n");
	buf_printf(out, "-A %s-after-logging-input -j LOG --log-prefix \"[UFW BLOCK] \" %s\n", ufw,
		limit);
	buf_printf(out, "-A %s-after-logging-forward -j LOG --log-prefix \"[UFW BLOCK] \" %s\n",
		ufw, limit);
	buf_printf(out, "-I %s-logging-deny -m conntrack --ctstate INVALID -j RETURN %s\n", ufw,
		limit);
	buf_printf(out, "-A %s-logging-deny -j LOG --log-prefix \"[UFW BLOCK] \" %s\n", ufw, limit);
	buf_printf(
		out, "-A %s-logging-allow -j LOG --log-prefix \"[UFW ALLOW] \" %s\n", ufw, limit);
	buf_adds(out, "### END LOGGING ###\n\n### RATE LIMITING ###\n");
	buf_printf(out,
		"-A %s-user-limit -m limit --limit 3/minute -j LOG --log-prefix \"[UFW LIMIT BLOCK] \"\n",
		ufw);
	buf_printf(
		out, "-A %s-user-limit -j REJECT\n-A %s-user-limit-accept -j ACCEPT\n", ufw, ufw);
	buf_adds(out, "### END RATE LIMITING ###\nCOMMIT\n");
}

void firewall_user_rules(const struct port_rule *allow, size_t n, bool v6, struct buf *out)
{
	const char *ufw = v6 ? "ufw6" : "ufw";

	buf_adds(out, "*filter\n");
	for (size_t i = 0; i < ARRAY_SIZE(user_chains); i++)
		buf_printf(out, ":%s-%s - [0:0]\n", ufw, user_chains[i]);
	buf_adds(out, "### RULES ###\n\n");
	for (size_t i = 0; i < n; i++)
		if (rule_applies(&allow[i], v6))
			user_rule(&allow[i], v6, out);
	user_tail(ufw, out);
}

/*
 * The port is compared before translation (--ctorigdstport), because DOCKER-USER sees the container's
 * own. "--ctstate DNAT" makes it hold for published ports only: a neighbour on the same network who
 * sends packets straight to a container's address was not translated, and meets the DROP.
 */
static void docker_rule(const struct port_rule *r, struct buf *out)
{
	char port[16], from[CIDR_SIZE];

	port_text(r, port, sizeof port);
	buf_adds(out, "-A DOCKER-USER ");
	if (r->from) {
		cidr_text(r->from, from);
		buf_printf(out, "-s %s ", from);
	}
	buf_printf(out,
		"-p %s -m conntrack --ctstate DNAT --ctorigdstport %s --ctdir ORIGINAL -j RETURN\n",
		r->protocol, port);
}

/*
 * RETURN means "as Docker decides", DROP is final. Established flows and what containers themselves
 * begin pass; from anywhere else only listed ports do. Interfaces of the outside are not named, so it
 * holds for one or several, whatever they are called. Naming the chain flushes it at each reload, so
 * loading it again is the same as loading it once; Docker makes it when absent and keeps it when not.
 */
void firewall_docker_rules(const struct port_rule *allow, size_t n, bool v6, struct buf *out)
{
	buf_adds(out, FIREWALL_BEGIN
		"\n"
		"# Written by kbuild from kbuild.firewall.allow.\n"
		"*filter\n"
		":DOCKER-USER - [0:0]\n"
		"-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN\n"
		"-A DOCKER-USER -i docker0 -j RETURN\n"
		"-A DOCKER-USER -i br-+ -j RETURN\n");
	for (size_t i = 0; i < n; i++)
		if (rule_applies(&allow[i], v6))
			docker_rule(&allow[i], out);
	buf_adds(out, "-A DOCKER-USER -j DROP\nCOMMIT\n" FIREWALL_END "\n");
}
