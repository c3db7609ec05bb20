/*
 * What closes a server further and takes nothing from an application in containers: the kernel's settings, and what
 * sshd need not offer. Left as they are: what UFW sets by itself (redirects of its own, SYN cookies), forwarding between
 * interfaces, which the container engine lives of, and how many keys a client may try, since an agent has many.
 */
#include "bake_topic.h"

#define SYSCTL "/etc/sysctl.d/60-kbuild-hardening.conf"
/* sshd keeps the first value it meets: a drop-in of the definition that sorts before this one counts. */
#define SSHD "/etc/ssh/sshd_config.d/90-kbuild-hardening.conf"

#define HEAD "# Written by kbuild. A file of your own that comes "

static const char sysctl[] = HEAD
	"after this one counts.\n"
	"fs.protected_fifos = 2\n"
	"fs.protected_hardlinks = 1\n"
	"fs.protected_regular = 2\n"
	"fs.protected_symlinks = 1\n"
	"fs.suid_dumpable = 0\n"
	"kernel.core_uses_pid = 1\n"
	"kernel.dmesg_restrict = 1\n"
	"kernel.kptr_restrict = 2\n"
	"kernel.perf_event_paranoid = 3\n"
	"kernel.sysrq = 0\n"
	"kernel.unprivileged_bpf_disabled = 1\n"
	"kernel.yama.ptrace_scope = 1\n"
	"dev.tty.ldisc_autoload = 0\n"
	"net.core.bpf_jit_harden = 2\n"
	"net.ipv4.conf.all.accept_redirects = 0\n"
	"net.ipv4.conf.default.accept_redirects = 0\n"
	"net.ipv4.conf.all.accept_source_route = 0\n"
	"net.ipv4.conf.default.accept_source_route = 0\n"
	"net.ipv4.conf.all.send_redirects = 0\n"
	"net.ipv4.conf.default.send_redirects = 0\n"
	"net.ipv6.conf.all.accept_redirects = 0\n"
	"net.ipv6.conf.default.accept_redirects = 0\n"
	"net.ipv6.conf.all.accept_source_route = 0\n"
	"net.ipv6.conf.default.accept_source_route = 0\n";

/* Tunnels to what listens on the server itself stay: that is how a database is looked at. */
static const char sshd[] = HEAD
	"before this one counts.\n"
	"AllowAgentForwarding no\n"
	"AllowTcpForwarding local\n"
	"ClientAliveCountMax 2\n"
	"ClientAliveInterval 300\n"
	"Compression no\n"
	"GatewayPorts no\n"
	"LoginGraceTime 60\n"
	"PermitTunnel no\n"
	"PermitUserEnvironment no\n"
	"X11Forwarding no\n";

static bool applies(_unused_ const struct bake *b)
{
	return true;
}

static int run(const struct bake *b, struct error *e)
{
	int r = bake_puts(b, SYSCTL, sysctl, 0644, e);

	return r == 0 && bake_has(b, "/usr/sbin/sshd") ? bake_puts(b, SSHD, sshd, 0644, e) : r;
}

const struct bake_topic bake_hardening = { "hardening", applies, run };
