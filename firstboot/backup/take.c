/*
 * See take.h. What is written has no name until all of it is there and checked; the old backups are not
 * touched here at all.
 */
#include "take.h"

#include "age.h"
#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "choose.h"
#include "config.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"
#include "ipc.h"
#include "manifest.h"
#include "node.h"
#include "pack.h"
#include "pg.h"
#include "sanity.h"
#include "scan.h"
#include "secrets.h"
#include "state.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BLOCK	  (256 * KIB)
#define PIPE_SIZE (1024 * 1024) /* what an ordinary user may ask for (pipe(7)) */

struct taking {
	const struct take *t;
	const struct backup_config *config;
	struct arena *arena;
	struct pg pg;
	struct age_recipient to[AGE_RECIPIENTS_MAX];
	size_t n_to;
	int part;
	struct manifest m;
	struct backup_file *files;
	size_t cap;
	bool listed;	     /* pg_restore has read the contents of every custom dump */
	const char *missing; /* which paths and volumes are not there; NULL: none, or lenient */
};

/* One file to be made. */
struct job {
	const char *kind; /* of the manifest */
	const char *of;
	const char *dump; /* pg-dump's kind; NULL: a tar */
	const char *ending;
	enum scan_kind scan;
};

bool take_anything(const struct agent *a)
{
	const struct agent_config *c = a->config;

	return c->has_backup &&
	       (c->backup.postgres.container || c->backup.paths || c->backup.volumes);
}

/* "database-app.dump.zst.age"; what a file's name cannot hold becomes "_", and a number tells them apart. */
static const char *file_name(struct taking *k, const struct job *j)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789-_.";
	char of[64] = "";
	bool exact = true;

	if (j->of) {
		snprintf(of, sizeof of, "-%s", j->of);
		exact = strlen(j->of) < sizeof of - 1;
	}
	for (char *p = of; *p; p++) {
		if (!strchr(allowed, *p)) {
			*p = '_';
			exact = false;
		}
	}
	return exact ? arena_printf(k->arena, "%s%s.%s.zst%s", j->kind, of, j->ending,
			       k->n_to ? ".age" : "")
		     : arena_printf(k->arena, "%s%s-%zu.%s.zst%s", j->kind, of, k->m.n_files + 1,
			       j->ending, k->n_to ? ".age" : "");
}

static int copy_stream(
	int from, struct scan *scan, struct pack *pack, uint64_t *ret_bytes, struct error *e)
{
	_free_ char *block = xmalloc(BLOCK);
	uint64_t bytes = 0;
	int r = 0;

	(void)fcntl(from, F_SETPIPE_SZ, PIPE_SIZE);
	while (r >= 0) {
		ssize_t n = read(from, block, BLOCK);

		if (interrupted())
			return error_set(e, ERR_INTERRUPTED, "interrupted");
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(e, errno, "cannot read the dump");
		if (n == 0)
			break;
		bytes += (uint64_t)n;
		r = scan_add(scan, block, (size_t)n, e);
		if (r >= 0)
			r = pack_add(pack, block, (size_t)n, e);
	}
	*ret_bytes = bytes;
	return r;
}

/* PostgreSQL's own reader agrees with ours that these are a dump's contents. */
static int check_list(struct taking *k, const struct scan *scan, struct error *e)
{
	const struct buf *contents = scan_contents(scan);
	_close_ int fd = ipc_memfd(contents->data, contents->len);
	int r;

	if (fd < 0)
		return error_errno(e, fd, "cannot hand over a dump's contents");
	r = pg_restore(&k->pg, "list", NULL, fd, e);
	return r < 0 ? error_prefix(e, "pg_restore cannot read the dump") : 0;
}

static void note_tables(struct taking *k, const struct scan *scan, struct backup_file *f)
{
	size_t n;
	const struct scan_table *from = scan_tables(scan, &n);
	struct backup_table *v = arena_alloc(k->arena, (n + 1) * sizeof *v);

	for (size_t i = 0; i < n; i++)
		v[i] = (struct backup_table){ arena_strdup(k->arena, from[i].name), from[i].rows };
	f->tables = v;
	f->n_tables = n;
	if (scan_server_version(scan) && !k->m.server)
		k->m.server = arena_strdup(k->arena, scan_server_version(scan));
}

/* From an fd; s: who writes at its other end, or NULL. */
static int write_file(struct taking *k, const struct job *j, int from, struct pg_stream *s,
	struct backup_file *f, struct error *e)
{
	_cleanup_(scan_freep) struct scan *scan = scan_new(j->scan);
	_cleanup_(pack_freep) struct pack *pack = NULL;
	char sha[SHA256_HEX];
	_close_ int fd = openat(
		k->part, f->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return error_errno(e, errno, "cannot write %s", f->name);
	r = pack_new(&pack, fd, k->to, k->n_to, e);
	if (r >= 0)
		r = copy_stream(from, scan, pack, &f->bytes, e);
	/* How the program ended says more than what is missing of its output. */
	if (r >= 0 && s)
		r = pg_stream_end(s, e);
	if (r >= 0)
		r = scan_end(scan, e);
	if (r >= 0)
		r = pack_end(pack, sha, &f->size, e);
	if (r >= 0 && j->scan == SCAN_CUSTOM)
		r = check_list(k, scan, e);
	if (r < 0)
		return r;
	f->sha256 = arena_strdup(k->arena, sha);
	note_tables(k, scan, f);
	return 0;
}

/* What is lost may not cost the backup of what is there. */
static int note_absent(struct taking *k, const struct job *j)
{
	if (!k->t->lenient)
		k->missing = arena_printf(k->arena, "%s%sthe %s %s is not there",
			k->missing ? k->missing : "", k->missing ? "; " : "", j->kind, j->of);
	return 0;
}

static void add_file(struct taking *k, const struct backup_file *f)
{
	k->files = grow(k->files, k->m.n_files, &k->cap, sizeof *k->files);
	k->files[k->m.n_files++] = *f;
}

static int run_job(struct taking *k, const struct job *j, struct error *e)
{
	_cleanup_(pg_stream_close) struct pg_stream s = PG_STREAM_INIT;
	struct backup_file f = { .name = file_name(k, j), .kind = j->kind, .of = j->of };
	int r;

	if (j->dump)
		r = pg_dump(&k->pg, j->dump, j->of, &s, e);
	else
		r = volume_tar(
			k->t->agent, strcmp(j->kind, "volume") == 0 ? j->of : NULL, j->of, &s, e);
	if (r == VOLUME_ABSENT && !j->dump)
		return note_absent(k, j);
	if (r >= 0)
		r = write_file(k, j, s.fd, &s, &f, e);
	if (r < 0)
		return error_prefix(
			e, "the backup of %s%s%s", j->kind, j->of ? " " : "", j->of ? j->of : "");
	add_file(k, &f);
	return 0;
}

/*
 * The application's values: what data are encrypted or signed with is worth as much as the data. Only where nobody but
 * the operator can open it.
 */
static int take_secrets(struct taking *k, struct error *e)
{
	static const struct job j = { "secrets", NULL, NULL, "json", SCAN_JSON };
	struct backup_file f = { .name = file_name(k, &j), .kind = j.kind };
	_close_ int fd = -1;
	int r;

	if (k->n_to == 0)
		return 0;
	fd = openat(k->t->agent->state_fd, SECRETS_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return 0;
	r = fd < 0 ? error_errno(e, errno, "cannot read " SECRETS_FILE)
		   : write_file(k, &j, fd, NULL, &f, e);
	if (r < 0)
		return error_prefix(e, "the backup of the secrets");
	add_file(k, &f);
	return 0;
}

static size_t count(const char *const *names)
{
	size_t n = 0;

	while (names && names[n])
		n++;
	return n;
}

/* Before hours are spent on what no manifest can name. */
static int check_count(struct taking *k, const char *const *databases, struct error *e)
{
	size_t n = 1 + (k->n_to > 0) + count(databases) + count(k->config->volumes) +
		   count(k->config->paths);

	return n > MANIFEST_FILES_MAX
		       ? error_set(e, ERR_FAILED,
				 "a backup holds at most %d files, and this one would have %zu: "
				 "name fewer databases, volumes or paths (kbuild.backup)",
				 MANIFEST_FILES_MAX, n)
		       : 0;
}

static int take_custom(struct taking *k, struct error *e)
{
	const char **names = NULL;
	int r = choose_databases(
		&k->pg, k->config->postgres.databases, k->t->lenient, k->arena, &names, e);

	if (r >= 0)
		r = check_count(k, names, e);
	if (r >= 0)
		r = run_job(k, &(struct job){ "globals", NULL, "globals", "sql", SCAN_GLOBALS }, e);
	for (; r >= 0 && *names; names++)
		r = run_job(
			k, &(struct job){ "database", *names, "custom", "dump", SCAN_CUSTOM }, e);
	k->listed = r >= 0;
	return r;
}

static int take_database(struct taking *k, struct error *e)
{
	if (!k->config->postgres.container)
		return 0;
	k->m.image = pg_image(&k->pg, k->arena);
	if (!k->config->postgres.plain)
		return take_custom(k, e);
	return run_job(k, &(struct job){ "cluster", NULL, "all", "sql", SCAN_PLAIN }, e);
}

static int take_files(struct taking *k, struct error *e)
{
	int r = 0;

	for (const char **v = k->config->volumes; r >= 0 && v && *v; v++)
		r = run_job(k, &(struct job){ "volume", *v, NULL, "tar", SCAN_TAR }, e);
	for (const char **v = k->config->paths; r >= 0 && v && *v; v++)
		r = run_job(k, &(struct job){ "path", *v, NULL, "tar", SCAN_TAR }, e);
	return r;
}

static int read_recipients(struct taking *k, struct error *e)
{
	for (const char **v = k->config->recipients; v && *v; v++) {
		/* One place is for the witness. */
		if (k->n_to == AGE_RECIPIENTS_MAX - 1)
			return error_set(e, ERR_INVALID,
				"backup.recipients names more than %d keys",
				AGE_RECIPIENTS_MAX - 1);
		if (!age_recipient_parse(*v, &k->to[k->n_to++]))
			return error_set(e, ERR_INVALID, "backup.recipients: '%s' is no key", *v);
	}
	if (k->n_to > 0)
		k->m.recipients = k->config->recipients;
	if (k->n_to > 0 && k->t->witness)
		age_identity_recipient(k->t->witness, &k->to[k->n_to++]);
	return 0;
}

/* The commit of the application that is deployed, or NULL. */
static const char *read_revision(const struct agent *a, struct arena *arena)
{
	const struct node *doc;
	struct error e = { 0 };

	if (state_read(a, "gitops.json", arena, &doc, &e) != 0)
		return NULL;
	return node_str(node_path(doc, "good.sha"));
}

static void note_checks(struct taking *k)
{
	static const char *whole[] = { "whole", NULL };
	static const char *listed[] = { "whole", "list", NULL };

	k->m.files = k->files;
	k->m.verified = k->listed ? listed : whole;
	k->m.ended = time(NULL);
}

static int take_into(struct taking *k, const struct backup_list *before, struct error *e)
{
	char *id = arena_alloc(k->arena, BACKUP_ID_LEN + 1);
	int r;

	k->m.started = time(NULL);
	k->m.id = id;
	k->part = store_begin(k->t->dir, k->m.started, before->n ? before->v[0].id : NULL, id, e);
	if (k->part < 0)
		return k->part;
	r = take_database(k, e);
	if (r >= 0)
		r = take_files(k, e);
	if (r >= 0)
		r = take_secrets(k, e);
	if (r < 0)
		return r;
	if (k->missing && k->m.n_files == 0)
		return error_set(e, ERR_FAILED, "there is nothing to back up: %s", k->missing);
	note_checks(k);
	k->m.suspect =
		k->missing ? k->missing : sanity_check(&k->m, backup_list_good(before), k->arena);
	return store_publish(k->t->dir, k->part, &k->m, e);
}

int take_backup(const struct take *t, struct arena *arena, struct manifest *ret, struct error *e)
{
	_cleanup_(backup_list_free) struct backup_list before = BACKUP_LIST_INIT;
	const struct backup_config *c = &t->agent->config->backup;
	struct taking k = {
		.t = t,
		.config = c,
		.arena = arena,
		.pg = { t->agent, c->postgres.container, c->postgres.user },
		.part = -1,
		.m = { .reason = t->reason, .revision = read_revision(t->agent, arena) },
	};
	struct error ignored = { 0 };
	int r = read_recipients(&k, e);

	if (r >= 0)
		r = store_list(t->dir, &before, e);
	if (r >= 0)
		r = store_check_room(t->dir, before.n ? &before.v[0] : NULL, e);
	if (r >= 0)
		r = take_into(&k, &before, e);
	closep(&k.part);
	if (r < 0) {
		free(k.files);
		(void)store_sweep(t->dir, &ignored);
		return r;
	}
	/* The list of files grew outside the arena. */
	k.m.files = memcpy(arena_alloc(arena, (k.m.n_files + 1) * sizeof *k.files), k.files,
		k.m.n_files * sizeof *k.files);
	free(k.files);
	*ret = k.m;
	return 0;
}
