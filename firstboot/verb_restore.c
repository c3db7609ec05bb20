/* kbuild-agent restore [latest|ID] [--to NAME|--dry-run] */
#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "config.h"
#include "error.h"
#include "identity.h"
#include "ipc.h"
#include "manifest.h"
#include "offsite.h"
#include "report.h"
#include "restore.h"
#include "room.h"
#include "run.h"
#include "secrets.h"
#include "secrets_back.h"
#include "store.h"
#include "verbs.h"
#include "verify.h"

#include <stdio.h>
#include <string.h>

static void print_json(const struct manifest *m, const struct restored *v, bool dry)
{
	_buf_ list = BUF_INIT;
	_buf_ files = BUF_INIT;
	_buf_ out = BUF_INIT;

	buf_addc(&list, '[');
	buf_addc(&files, '[');
	for (; v->name; v++) {
		bool database = strcmp(v->kind, "database") == 0;
		struct buf *to = database ? &list : &files;
		_buf_ one = BUF_INIT;

		ipc_begin(&one);
		ipc_add_str(&one, database ? "name" : v->kind, v->name);
		if (database)
			ipc_add_str(&one, "now", v->now);
		if (database)
			ipc_add_str(&one, "before", v->old);
		ipc_end(&one);
		buf_adds(to, to->len > 1 ? "," : "");
		buf_adds(to, buf_str(&one));
	}
	buf_addc(&list, ']');
	buf_addc(&files, ']');
	ipc_begin(&out);
	ipc_add_str(&out, "id", m->id);
	ipc_add_bool(&out, "dry_run", dry);
	ipc_add(&out, "databases", buf_str(&list));
	ipc_add(&out, "files", buf_str(&files));
	ipc_end(&out);
	printf("%s\n", buf_str(&out));
}

static void print(const struct manifest *m, const struct restored *v, bool dry)
{
	const char *would = dry ? "would be " : "is ";

	for (; v->name; v++) {
		if (strcmp(v->kind, "database") != 0) {
			printf("the %s %s of backup %s %srestored; what was there %skept beside it\n",
				v->kind, v->name, m->id, would, would);
			continue;
		}
		printf("%s of backup %s %s%s", v->name, m->id, would, "restored");
		if (strcmp(v->name, v->now) != 0)
			printf(" as %s", v->now);
		if (v->old)
			printf("; the one before %s%s", dry ? "would be kept as " : "is kept as ",
				v->old);
		printf("\n");
	}
}

/* The whole backup is read once before anything is touched. */
static int check_first(const struct restore *q, struct error *e)
{
	const struct verify v = { q->dir, q->identities, q->n };
	bool opened = false;
	int r = verify_backup(&v, q->m, &opened, e);

	if (r >= 0 && !opened)
		return error_set(e, ERR_CONFIRM,
			"backup %s is encrypted: give the key that opens it with --identity FILE",
			q->m->id);
	return r;
}

static int put_aside(struct agent *a, const struct restore *q, struct arena *arena, struct error *e)
{
	const struct run safety = { BACKUP_BEFORE_RESTORE, q->m->id, false };
	struct manifest m;
	int r = run_backup(a, &safety, arena, &m, e);

	if (r < 0)
		return error_prefix(e,
			"nothing was changed: what is there could not be backed up first "
			"(--without-safety-dump goes on all the same)");
	/* Once more: it may have taken the room. */
	return room_for_restore(q, e);
}

static int do_restore(struct agent *a, struct restore *q, bool dry, bool safety, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct restored *done;
	int r = check_first(q, e);

	if (r >= 0)
		r = restore_plan(q, arena, &done, e);
	if (r >= 0)
		r = room_for_restore(q, e);
	if (r >= 0 && !dry && safety)
		r = put_aside(a, q, arena, e);
	if (r >= 0 && !dry)
		r = restore_run(q, arena, &done, e);
	if (r < 0)
		return r;
	if (a->json)
		print_json(q->m, done, dry);
	else
		print(q->m, done, dry);
	return 0;
}

/* Those that are here look wrong, all of them: what somebody wants may be elsewhere. A name is a name. */
static bool none_is_good(const struct backup_list *list, const char *id)
{
	return (!id || strcmp(id, "latest") == 0) && !backup_list_good(list);
}

/* Here, or else brought here from the copies elsewhere. */
static int find_backup(struct agent *a, int dir, const struct verb_args *args,
	struct backup_list *list, const struct manifest **ret, struct error *e)
{
	bool elsewhere = verb_opt(args, "offsite") || verb_opt(args, "server");
	char id[BACKUP_ID_LEN + 1];
	int r = store_list(dir, list, e);

	if (r >= 0 && offsite_wanted(a) && none_is_good(list, verb_arg(args, 0)))
		elsewhere = true;
	if (r >= 0 && !elsewhere) {
		r = backup_list_find(list, verb_arg(args, 0), ret, e);
		if (r >= 0 || !offsite_wanted(a))
			return r;
		r = 0;
	}
	if (r >= 0)
		r = offsite_fetch(a, dir, verb_opt(args, "server"), verb_arg(args, 0), id, e);
	if (r < 0)
		return r;
	backup_list_free(list);
	r = store_list(dir, list, e);
	return r < 0 ? r : backup_list_find(list, id, ret, e);
}

static void print_secrets(
	const struct agent *a, const struct manifest *m, const char **names, const char *kept)
{
	_buf_ out = BUF_INIT;

	if (a->json) {
		ipc_begin(&out);
		ipc_add_str(&out, "id", m->id);
		ipc_add_strs(&out, "secrets", names);
		ipc_add_str(&out, "before", kept);
		ipc_end(&out);
		printf("%s\n", buf_str(&out));
		return;
	}
	if (!names[0]) {
		printf("no secret of backup %s differs, but for those of databases\n", m->id);
		return;
	}
	for (size_t i = 0; names[i]; i++)
		printf("%s is again the one of backup %s\n", names[i], m->id);
	printf("what was there is kept as %s/%s\n"
	       "the next run of kbuild-gitops.timer gives the application what is there now\n",
		a->state_dir, kept);
}

/* They go back alone: with other options something else would be meant. */
static int check_secrets_alone(const struct verb_args *args, struct error *e)
{
	static const char *const others[] = { "to", "database", "databases", "roles",
		"without-safety-dump" };

	for (size_t i = 0; verb_opt(args, "secrets") && i < ARRAY_SIZE(others); i++)
		if (verb_opt(args, others[i]))
			return error_set(e, ERR_USAGE,
				"--secrets puts back secrets alone, and --%s is about databases: one after the other",
				others[i]);
	return 0;
}

/* They are no data: nothing is swapped, and the next run of gitops gives them to the application. */
static int restore_secrets(struct agent *a, const struct restore *q, bool dry, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct node *then;
	const char **names, *kept;
	int r = check_first(q, e);

	if (r >= 0)
		r = secrets_read_back(q, arena, &then, e);
	if (r >= 0 && dry && a->json)
		print_secrets(a, q->m, (const char *[]){ NULL }, NULL);
	else if (r >= 0 && dry)
		printf("the secrets of backup %s can be read\n", q->m->id);
	if (r < 0 || dry)
		return r;
	r = agent_lock(a, "secrets", e);
	if (r == AGENT_BUSY)
		r = error_set(e, ERR_FAILED,
			"a rotation of a secret is at work: try again when it has ended");
	if (r >= 0)
		r = secrets_put_back(a, then, arena, &names, &kept, e);
	if (r >= 0)
		print_secrets(a, q->m, names, kept);
	return r;
}

static int with_backup(struct agent *a, const struct verb_args *args, const struct identities *ids,
	struct error *e)
{
	_cleanup_(backup_list_free) struct backup_list list = BACKUP_LIST_INIT;
	bool dry = verb_opt(args, "dry-run") != NULL;
	struct error removing = { 0 };
	_close_ int dir = -1;
	struct restore q = {
		.agent = a,
		.identities = ids->v,
		.n = ids->n,
		.only = verb_opt(args, "database"),
		.to = verb_opt(args, "to"),
		.roles = verb_opt(args, "roles") != NULL,
		.files = !verb_opt(args, "database") && !verb_opt(args, "to") &&
			 !verb_opt(args, "databases"),
	};
	int r = run_lock(a, e);

	if (r >= 0)
		r = q.dir = dir = offsite_open(a, verb_opt(args, "server"), e);
	if (r >= 0)
		r = restore_settle(a, e);
	if (r >= 0)
		r = find_backup(a, dir, args, &list, &q.m, e);
	if (r >= 0 && verb_opt(args, "secrets"))
		r = restore_secrets(a, &q, dry, e);
	else if (r >= 0)
		r = do_restore(a, &q, dry, !verb_opt(args, "without-safety-dump"), e);
	/* After a dry run it waits for the true one, at most until the next night. */
	if (r >= 0 && !dry && store_forget_foreign(a, &removing) < 0)
		report(REPORT_WARNING, "%s", removing.msg);
	return r;
}

static int run(struct ctx *c, const struct verb_args *args, struct error *e)
{
	_cleanup_(agent_config_freep) struct agent_config *config = NULL;
	_cleanup_(identities_wipe) struct identities ids = IDENTITIES_INIT;
	struct agent *a = agent_of(c);
	int key = IDENTITIES_NONE, r;

	if (a->state_fd < 0)
		return error_set(e, ERR_FAILED, "there is no %s", a->state_dir);
	r = check_secrets_alone(args, e);
	if (r < 0)
		return r;
	r = agent_config_load(&config, a->config_path, e);
	if (r < 0)
		return r;
	a->config = config;
	if (!config->has_backup)
		r = error_set(e, ERR_INVALID, "%s has no backup", a->config_path);
	if (r >= 0)
		r = identities_open(verb_opt(args, "identity"), &key, e);
	if (r >= 0)
		r = agent_start_roles(a, config->backup.offsite.endpoint ? AGENT_NET : 0, e);
	if (r >= 0)
		r = identities_read(&ids, key, e);
	if (r >= 0)
		r = with_backup(a, args, &ids, e);
	a->config = NULL;
	return r;
}

static const struct verb_option options[] = {
	{ "dry-run", NULL, "read the backup whole, say what would be done", 0 },
	{ "to", "NAME", "into a new database of this name; nothing is replaced", 0 },
	{ "database", "NAME", "this one alone", 0 },
	{ "databases", NULL, "leave volumes and paths as they are", 0 },
	{ "identity", "FILE", "the age identity that opens it; - reads standard input", 0 },
	{ "offsite", NULL, "from the copies elsewhere, though there are backups here", 0 },
	{ "server", "NAME", "from the copies elsewhere of another server", 0 },
	{ "roles", NULL, "with the roles' passwords, settings and memberships of then", 0 },
	{ "secrets", NULL,
		"the secrets that were made on the server of then, but for those of databases; nothing else",
		0 },
	{ "without-safety-dump", NULL,
		"back up nothing first: for what cannot be dumped any more; it is kept all the same",
		0 },
	{},
};

const struct verb verb_restore = {
	.name = "restore",
	.args = "[latest|ID]",
	.summary = "put a backup in place of what is there, which is kept",
	.max = 1,
	.options = options,
	.run = run,
	.examples =
		"  kbuild-agent restore --dry-run\n"
		"  kbuild-agent restore 20260104T020000Z --identity - <key.txt\n"
		"  kbuild-agent restore latest --to app_look\n",
};
