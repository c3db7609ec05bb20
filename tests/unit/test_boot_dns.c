/* Whose the names are: a copy of a server takes them when it was handed over by a launch, or by hand. */
#include "agent.h"
#include "arena.h"
#include "boot.h"
#include "config.h"
#include "dns.h"
#include "error.h"
#include "journal.h"
#include "self.h"
#include "steps.h"

#include "check.h"
#include "tmpdir.h"

#include <fcntl.h>

static int syncs, outcome;
static char reason[256];

int __wrap_dns_sync(struct agent *a, const struct dns_options *o, struct arena *arena,
	struct dns_report *ret, struct error *e);
int __wrap_dns_sync(_unused_ struct agent *a, const struct dns_options *o,
	_unused_ struct arena *arena, struct dns_report *ret, _unused_ struct error *e)
{
	syncs++;
	check(o->yields);
	*ret = (struct dns_report){ .taken = "example.com leads to 203.0.113.20" };
	return outcome;
}

/* The step at a boot as that instance, on the disk as it is; handed: a launch has given it something. */
static enum boot_state boot_as(const char *id, bool handed)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct agent a = { .state_dir = tmp_path, .state_fd = tmp_fd() };
	struct boot b = { .agent = &a, .arena = arena, .worst = BOOT_READY };
	struct error e = {};

	syncs = 0;
	check_int(boot_set_instance(&b, id, &e), 0);
	if (handed)
		check_int(self_adopt(&a, &e), 0);
	check_int(step_dns_run(&b, &e), 0);
	journal_close(b.journal);
	snprintf(reason, sizeof reason, "%s", b.n_reasons > 0 ? b.reasons[0] : "");
	free(b.reasons);
	return b.worst;
}

static void begin(void)
{
	check_int(remove_all(tmp_fd(), BOOT_JOURNAL), 0);
	check_int(remove_all(tmp_fd(), COPY_STATE), 0);
}

static void a_new_server_has_its_names(void)
{
	begin();
	check_int(boot_as("i-1", false), BOOT_READY);
	check_int(syncs, 1);
}

static void a_copy_leaves_them_to_the_other_one(void)
{
	begin();
	check_int(boot_as("i-1", true), BOOT_READY);
	check_int(boot_as("i-2", false), BOOT_DEGRADED);
	check_int(syncs, 0);
	check_int(boot_as("i-2", false), BOOT_DEGRADED);
	check_int(syncs, 0);
}

static void a_launched_copy_takes_them(void)
{
	begin();
	check_int(boot_as("i-1", false), BOOT_READY);
	check_int(boot_as("i-2", true), BOOT_READY);
	check_int(syncs, 1);
	/* Also at a later boot, when what was handed over is gone. */
	check_int(boot_as("i-2", false), BOOT_READY);
	check_int(syncs, 1);
}

/* The step is done, so no later boot takes them back by itself. */
static void names_that_another_one_took_are_left_to_it(void)
{
	begin();
	outcome = DNS_TAKEN;
	check_int(boot_as("i-1", true), BOOT_DEGRADED);
	outcome = 0;
	check_str(reason,
		"dns: example.com leads to 203.0.113.20: another server has taken the names of this one. "
		"`kbuild-agent dns sync` here, or `kbuild dns sync NAME`, takes them back");
}

/* What the other one made is not what this one has lost. */
static void a_copy_does_not_remember_the_other_ones_records(void)
{
	begin();
	(void)boot_as("i-1", true);
	check_int(file_replace(tmp_fd(), DNS_STATE, "{}", 2, 0600), 0);
	(void)boot_as("i-1", false);
	check_int(faccessat(tmp_fd(), DNS_STATE, F_OK, 0), 0);
	(void)boot_as("i-2", true);
	check_int(faccessat(tmp_fd(), DNS_STATE, F_OK, 0), -1);
}

/* So that neither takes the other's backups for its own, whatever both are called. */
static void a_copy_has_a_name_of_its_own(void)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct agent_config config = { .name = "shop" };
	struct agent a = { .config = &config, .state_dir = tmp_path, .state_fd = tmp_fd() };
	const char *first, *second, *third;

	begin();
	(void)boot_as("i-1", true);
	first = self_name(&a, arena);
	(void)boot_as("i-2", false);
	second = self_name(&a, arena);
	(void)boot_as("i-3", false);
	third = self_name(&a, arena);
	check(self_name_valid(second) && self_name_valid(third));
	check(strcmp(first, second) != 0 && strcmp(second, third) != 0);
	(void)boot_as("i-3", true);
	check_str(self_name(&a, arena), first);
}

int main(void)
{
	run(a_new_server_has_its_names);
	run(a_copy_leaves_them_to_the_other_one);
	run(a_launched_copy_takes_them);
	run(names_that_another_one_took_are_left_to_it);
	run(a_copy_does_not_remember_the_other_ones_records);
	run(a_copy_has_a_name_of_its_own);
	return done();
}
