/* kbuild-agent backup [now|copy|list|verify [ID]]: without a word, what the timer starts. */
#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "config.h"
#include "error.h"
#include "identity.h"
#include "manifest.h"
#include "offsite.h"
#include "report.h"
#include "run.h"
#include "store.h"
#include "take.h"
#include "verbs.h"
#include "verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_json(const struct manifest *m)
{
	_buf_ out = BUF_INIT;

	manifest_write(m, &out);
	fputs(buf_str(&out), stdout);
}

static void print_line(const struct manifest *m)
{
	uint64_t size = manifest_size(m);

	printf("%s  %-8s %8.1f MiB  %3zu tables %10" PRIu64 " rows  %s%s%s%s\n", m->id, m->reason,
		(double)size / MIB, manifest_tables(m), manifest_rows(m),
		m->recipients ? "encrypted" : "NOT encrypted",
		manifest_verified_by(m, "restore") ? ", restored for a test" : "",
		m->suspect ? "; SUSPECT: " : "", m->suspect ? m->suspect : "");
}

static int load(struct agent *a, struct agent_config **ret, struct error *e)
{
	int r;

	if (a->state_fd < 0)
		return error_set(e, ERR_FAILED, "there is no %s", a->state_dir);
	r = agent_config_load(ret, a->config_path, e);
	if (r >= 0)
		a->config = *ret;
	return r;
}

static int take_one(struct agent *a, bool scheduled, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct run run = { scheduled ? "timer" : BACKUP_BY_HAND, NULL, scheduled };
	struct manifest m;
	int r;

	if (!take_anything(a)) {
		report(REPORT_INFO,
			"nothing to back up: kbuild.backup names no database, volume "
			"or path");
		return 0;
	}
	/* Else it, its copy elsewhere and its test restore would wait for the next night. */
	r = run_lock_wait(a, e);
	if (r >= 0)
		r = run_backup(a, &run, arena, &m, e);
	if (r < 0)
		return r;
	if (!m.recipients)
		report(REPORT_WARNING,
			"the backup is not encrypted: kbuild.backup.recipients is "
			"empty");
	if (a->json)
		print_json(&m);
	else
		print_line(&m);
	return 0;
}

/* What a word gets. */
struct call {
	const struct verb_args *args;
	struct identities ids;
};

static int run_timer(struct agent *a, _unused_ const struct call *c, struct error *e)
{
	return take_one(a, true, e);
}

static int run_now(struct agent *a, _unused_ const struct call *c, struct error *e)
{
	return take_one(a, false, e);
}

/* What a run that was cut off, or a network that was down, left to be sent. */
static int run_copy(struct agent *a, _unused_ const struct call *c, struct error *e)
{
	_close_ int dir = store_open(a, e);
	int r = dir;

	if (r >= 0 && !offsite_wanted(a))
		r = error_set(e, ERR_INVALID, "%s has no 'backup.offsite'", a->config_path);
	if (r >= 0)
		r = run_lock(a, e);
	return r < 0 ? r : offsite_sync(a, dir, e);
}

static int run_list(struct agent *a, const struct call *c, struct error *e)
{
	_cleanup_(backup_list_free) struct backup_list list = BACKUP_LIST_INIT;
	const char *server = verb_opt(c->args, "server");
	_close_ int dir = store_open(a, e);
	int r = dir;

	if (r >= 0 && (server || verb_opt(c->args, "offsite")))
		r = offsite_list(a, server, &list, e);
	else if (r >= 0)
		r = store_list(dir, &list, e);
	for (size_t i = 0; r >= 0 && i < list.n; i++) {
		if (a->json)
			print_json(&list.v[i]);
		else
			print_line(&list.v[i]);
	}
	if (r >= 0 && list.n == 0 && !a->json)
		printf("no backups\n");
	return r;
}

/* By hand: these data really are less. From now on they are what the next ones are compared with. */
static int accept_one(int dir, struct manifest *m, struct error *e)
{
	const char *verified[8] = { NULL };
	size_t n = 0;

	for (; m->verified && m->verified[n] && n + 2 < ARRAY_SIZE(verified); n++)
		verified[n] = m->verified[n];
	if (!manifest_verified_by(m, BACKUP_ACCEPTED))
		verified[n] = BACKUP_ACCEPTED;
	m->verified = verified;
	m->suspect = NULL;
	return store_update(dir, m, e);
}

static int verify_one(struct agent *a, const struct verify *v, const struct manifest *found,
	const struct verb_args *args, struct error *e)
{
	struct manifest m = *found;
	bool opened = false;
	int r = verify_backup(v, &m, &opened, e);

	if (r >= 0 && verb_opt(args, "accept"))
		r = accept_one(v->dir, &m, e);
	if (r < 0)
		return r;
	if (a->json)
		printf("{\"id\":\"%s\",\"opened\":%s}\n", m.id, opened ? "true" : "false");
	else
		printf("%s is %s\n", m.id,
			opened ? "whole: digests, tables and rows are those of its manifest"
			       : "what was written: digests are right (--identity to look inside)");
	return 0;
}

static int run_verify(struct agent *a, const struct call *c, struct error *e)
{
	_cleanup_(backup_list_free) struct backup_list list = BACKUP_LIST_INIT;
	const struct manifest *m;
	_close_ int dir = store_open(a, e);
	int r = dir < 0 ? dir : store_list(dir, &list, e);

	if (r >= 0)
		r = backup_list_find(&list, verb_arg(c->args, 1), &m, e);
	return r < 0 ? r
		     : verify_one(a, &(struct verify){ dir, c->ids.v, c->ids.n }, m, c->args, e);
}

typedef int (*word_run)(struct agent *a, const struct call *c, struct error *e);

static const struct {
	const char *name;
	unsigned max;
	word_run run;
} words[] = {
	{ "now", 1, run_now },
	{ "copy", 1, run_copy },
	{ "list", 1, run_list },
	{ "verify", 2, run_verify },
};

/* The word's function; NULL: there is no such word. */
static word_run find_word(const struct verb_args *args)
{
	const char *word = verb_arg(args, 0);

	if (!word)
		return run_timer;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i].name, word) == 0 && verb_arg_count(args) <= words[i].max)
			return words[i].run;
	}
	return NULL;
}

static int run(struct ctx *c, const struct verb_args *args, struct error *e)
{
	_cleanup_(agent_config_freep) struct agent_config *config = NULL;
	struct agent *a = agent_of(c);
	struct call call = { .args = args };
	word_run f = find_word(args);
	int key, r;

	if (!f)
		return error_set(e, ERR_USAGE, "'backup' takes now, copy, list, or verify [ID]");
	r = load(a, &config, e);
	if (r >= 0)
		r = identities_open(verb_opt(args, "identity"), &key, e);
	if (r >= 0)
		r = agent_start_roles(a, config->backup.offsite.endpoint ? AGENT_NET : 0, e);
	if (r >= 0)
		r = identities_read(&call.ids, key, e);
	if (r >= 0)
		r = f(a, &call, e);
	identities_wipe(&call.ids);
	a->config = NULL;
	return r;
}

static const struct verb_option options[] = {
	{ "identity", "FILE", "verify: an age identity that opens it; - reads standard input", 0 },
	{ "offsite", NULL, "list: the copies elsewhere", 0 },
	{ "server", "NAME", "list: the copies elsewhere of another server", 0 },
	{ "accept", NULL, "verify: the data really are less; not suspect any more", 0 },
	{},
};

const struct verb verb_backup = {
	.name = "backup",
	.args = "[now|copy|list|verify [ID]]",
	.summary = "back up database, volumes and paths, check and keep the backups",
	.max = 2,
	.options = options,
	.examples =
		"  kbuild-agent backup now\n"
		"  kbuild-agent backup list\n"
		"  kbuild-agent backup verify 20260104T020000Z --identity key.txt\n",
	.run = run,
};
