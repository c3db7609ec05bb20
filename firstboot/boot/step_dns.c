/* The records of kbuild.dns: the work is all of firstboot/dns, which may be cut off and run again. */
#include "agent.h"
#include "arena.h"
#include "boot.h"
#include "config.h"
#include "dns.h"
#include "error.h"
#include "self.h"
#include "steps.h"

const char *step_dns_skip(const struct boot *b)
{
	return b->agent->config && b->agent->config->has_dns ? NULL : "no kbuild.dns";
}

static void note(void *arg, const char *text)
{
	boot_note(arg, "%s", text);
}

int step_dns_run(struct boot *b, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const struct dns_options o = { .yields = true, .note = note, .note_arg = b };
	struct dns_report report;
	int r;

	if (self_is_copy(b->agent)) {
		boot_degrade(b,
			"dns: this is a copy of another server, which keeps its names until "
			"`kbuild-agent dns sync` makes them this one's");
		return 0;
	}
	r = dns_sync(b->agent, &o, a, &report, e);
	if (r == DNS_TAKEN)
		boot_degrade(b,
			"dns: %s: another server has taken the names of this one. `kbuild-agent dns sync` "
			"here, or `kbuild dns sync NAME`, takes them back",
			report.taken);
	return r < 0 ? r : 0;
}
