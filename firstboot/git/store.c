/* See store.h. */
#include "store.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "client.h"
#include "config.h"
#include "error.h"
#include "ipc.h"
#include "libgit.h"
#include "node.h"
#include "object.h"
#include "release.h"
#include "remote.h"
#include "repair.h"
#include "role.h"
#include "sshsig.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

/* Bounds where the request names none. Small applications: the largest honest ones are far below. */
#define FETCH_BYTES   (1 * GIB)
#define FETCH_OBJECTS 2000000
#define RELEASE_FILES 100000
#define RELEASE_BYTES (1 * GIB)
#define RELEASE_FILE  (64 * MIB) /* held in memory while it is written */
#define FILE_MAX      (4 * GIB)	 /* of any file this process writes */
#define PACKS_MAX     16	 /* a repository with more of them is repacked */

struct store {
	struct libgit *git;
	struct remote *remote;
	const char *const *signers;
	char *path;
	const char *directories[3];
	int repo, releases;
	bool open;
};

/* By path: a role keeps none of the conductor's descriptors. */
static int open_directory(const char *path, int *ret, struct error *e)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_errno(e, errno, "cannot make %s", path);
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret < 0 ? error_errno(e, errno, "cannot open %s", path) : 0;
}

int store_new(struct store **ret, const struct agent *a, struct error *e)
{
	const struct rlimit limit = { FILE_MAX, FILE_MAX };
	struct store *s = xcalloc(1, sizeof *s);
	int r;

	/* Ends with the process; a store that cannot be made is the end of it. */
	s->path = xasprintf("%s/repo.git", a->state_dir);
	s->directories[0] = s->path;
	s->directories[1] = xasprintf("%s/releases", a->state_dir);
	s->signers = a->config ? a->config->app.signers : NULL;
	r = open_directory(s->path, &s->repo, e);
	if (r >= 0)
		r = open_directory(s->directories[1], &s->releases, e);
	if (r >= 0)
		r = remote_new(&s->remote, a, e);
	if (r >= 0)
		r = libgit_load(&s->git, e);
	if (r < 0)
		return r;
	tzset(); /* signers' times may be local: /etc/localtime is out of reach later */
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return error_errno(e, errno, "cannot limit the size of files");
	/* Waits for another run: at most as long as that one's deadline. */
	if (flock(s->repo, LOCK_EX) < 0)
		return error_errno(e, errno, "cannot lock %s", s->path);
	r = repair_sweep(s->repo);
	if (r < 0)
		return error_errno(e, r, "cannot tidy %s", s->path);
	*ret = s;
	return 0;
}

const char *const *store_directories(const struct store *s)
{
	return s->directories;
}

static int store_open(struct store *s, struct error *e)
{
	int r = s->open ? 0 : libgit_open(s->git, s->path, e);

	s->open = r == 0;
	return r;
}

static int fetch(
	struct store *s, const struct libgit_limits *limits, char ret[REPO_SHA], struct error *e)
{
	int r = store_open(s, e);

	return r == 0 ? libgit_fetch(s->git, s->remote, limits, ret, e) : r;
}

/* What is damaged is thrown away and fetched again; releases are not touched. */
static int fetch_anew(
	struct store *s, const struct libgit_limits *limits, char ret[REPO_SHA], struct error *e)
{
	int r;

	libgit_close(s->git);
	s->open = false;
	r = repair_empty(s->repo);
	if (r < 0)
		return error_errno(e, r, "cannot throw away the damaged %s", s->path);
	r = fetch(s, limits, ret, e);
	if (r > 0)
		return error_set(e, ERR_FAILED,
			"%s is damaged, and so it is after fetching it anew", s->path);
	return r;
}

static uint64_t bound(const struct ipc_message *q, const char *key, uint64_t fallback)
{
	int64_t n;

	return node_is_int(node_get(q->doc, key), &n) && n > 0 ? (uint64_t)n : fallback;
}

static struct libgit_limits fetch_limits(const struct ipc_message *q)
{
	return (struct libgit_limits){
		.bytes = bound(q, "max_bytes", FETCH_BYTES),
		.objects = bound(q, "max_objects", FETCH_OBJECTS),
	};
}

/* An argument that is a revision: 40 hexadecimal digits. */
static int revision(const struct ipc_message *q, const char *key, const char **ret, struct error *e)
{
	const char *sha = node_str(node_get(q->doc, key));

	if (!sha || strlen(sha) != REPO_SHA - 1 || strspn(sha, "0123456789abcdef") != REPO_SHA - 1)
		return error_set(e, ERR_FAILED, "'%s' is no full revision", sha ? sha : "");
	*ret = sha;
	return 0;
}

static int op_fetch(
	struct store *s, struct ipc_message *q, struct role_reply *reply, struct error *e)
{
	const struct libgit_limits limits = fetch_limits(q);
	char tip[REPO_SHA];
	int r = fetch(s, &limits, tip, e);

	if (r > 0)
		r = fetch_anew(s, &limits, tip, e);
	if (r < 0)
		return r;
	ipc_add_str(reply->json, "tip", tip);
	return 0;
}

static int op_relation(
	struct store *s, struct ipc_message *q, struct role_reply *reply, struct error *e)
{
	const char *old, *new;
	enum repo_relation relation;
	int r = revision(q, "old", &old, e);

	if (r >= 0)
		r = revision(q, "sha", &new, e);
	if (r >= 0)
		r = libgit_relation(s->git, old, new, &relation, e);
	if (r == 0)
		ipc_add_int(reply->json, "relation", relation);
	return r;
}

static int read_commit(struct store *s, struct ipc_message *q, struct buf *ret, struct error *e)
{
	const char *sha;
	int r = revision(q, "sha", &sha, e);

	if (r >= 0)
		r = libgit_read(s->git, sha, LIBGIT_COMMIT, MIB, ret, e);
	return r < 0 ? error_prefix(e, "the commit") : r;
}

static int op_describe(
	struct store *s, struct ipc_message *q, struct role_reply *reply, struct error *e)
{
	_buf_ data = BUF_INIT;
	struct commit c;
	int r = read_commit(s, q, &data, e);

	if (r != 0)
		return r;
	if (!commit_parse(buf_str(&data), data.len, q->arena, &c))
		return error_set(e, ERR_INVALID, "this revision is no commit");
	ipc_add_str(reply->json, "subject", c.subject);
	ipc_add_str(reply->json, "author", c.author);
	ipc_add_int(reply->json, "time", c.time);
	return 0;
}

static int op_verify(
	struct store *s, struct ipc_message *q, struct role_reply *reply, struct error *e)
{
	struct sshsig_check check = { .signers = s->signers, .name = "git", .now = time(NULL) };
	_buf_ data = BUF_INIT;
	_buf_ payload = BUF_INIT;
	_buf_ signature = BUF_INIT;
	char who[SSHSIG_WHO] = "its signature cannot be read";
	int r = read_commit(s, q, &data, e), outcome = REPO_UNTRUSTED;

	if (r != 0)
		return r;
	r = commit_signature(buf_str(&data), data.len, &payload, &signature);
	if (r == COMMIT_UNSIGNED) {
		strcpy(who, "it is not signed");
		outcome = REPO_UNSIGNED;
	} else if (r == 0) {
		check.signature = buf_str(&signature);
		check.data = buf_str(&payload);
		check.len = payload.len;
		outcome = sshsig_verify(&check, who) ? 0 : REPO_UNTRUSTED;
	}
	ipc_add_int(reply->json, "outcome", outcome);
	ipc_add_str(reply->json, "who", who);
	return 0;
}

static int op_write(
	struct store *s, struct ipc_message *q, _unused_ struct role_reply *reply, struct error *e)
{
	const struct release_limits limits = {
		.files = bound(q, "max_files", RELEASE_FILES),
		.bytes = bound(q, "max_bytes", RELEASE_BYTES),
		.file = bound(q, "max_file", RELEASE_FILE),
	};
	const char *sha;
	int r = revision(q, "sha", &sha, e);

	return r < 0 ? r : release_write(s->git, s->releases, sha, &limits, e);
}

static int op_good(
	struct store *s, struct ipc_message *q, _unused_ struct role_reply *reply, struct error *e)
{
	const char *sha;
	int r = revision(q, "sha", &sha, e);

	return r < 0 ? r : libgit_set_ref(s->git, LIBGIT_GOOD, sha, e);
}

static int op_gc(
	struct store *s, struct ipc_message *q, _unused_ struct role_reply *reply, struct error *e)
{
	const struct node *list = node_get(q->doc, "keep");
	size_t n = list && list->kind == NODE_LIST ? list->n : 0, k = 0, packs;
	const char **keep = arena_alloc(q->arena, (n + 3) * sizeof *keep);
	char tip[REPO_SHA], good[REPO_SHA], pack[REPO_SHA];
	int r;

	if (libgit_ref(s->git, LIBGIT_TIP, tip))
		keep[k++] = tip;
	if (libgit_ref(s->git, LIBGIT_GOOD, good))
		keep[k++] = good;
	r = repair_packs(s->repo, &packs);
	if (r >= 0 && packs > PACKS_MAX && k > 0) {
		r = libgit_repack(s->git, keep, pack, e);
		if (r != 0)
			return r;
		libgit_close(s->git);
		s->open = false;
		r = repair_keep_pack(s->repo, pack);
	}
	if (r < 0)
		return error_errno(e, r, "cannot tidy %s", s->path);
	for (size_t i = 0; i < n; i++) {
		if (node_str(list->items[i]))
			keep[k++] = node_str(list->items[i]);
	}
	return release_clean(s->releases, keep, e);
}

static const struct {
	const char *name;
	int (*run)(
		struct store *s, struct ipc_message *q, struct role_reply *reply, struct error *e);
} ops[] = {
	{ "describe", op_describe },
	{ "fetch", op_fetch },
	{ "gc", op_gc },
	{ "good", op_good },
	{ "relation", op_relation },
	{ "verify", op_verify },
	{ "write", op_write },
};

/*
 * Whether a revision that an operation needs and did not find was here: then the repository lost it. One that
 * never was is a mistake of who asks, and no reason to throw anything away.
 */
static bool lost(struct store *s, const struct ipc_message *q)
{
	const char *sha = node_str(node_get(q->doc, "sha"));
	char ref[REPO_SHA];

	if (!sha || !s->open || libgit_has(s->git, sha))
		return true;
	return (libgit_ref(s->git, LIBGIT_TIP, ref) && strcmp(ref, sha) == 0) ||
	       (libgit_ref(s->git, LIBGIT_GOOD, ref) && strcmp(ref, sha) == 0);
}

static int run(struct store *s, size_t op, struct ipc_message *q, struct role_reply *reply,
	struct error *e)
{
	const struct libgit_limits limits = fetch_limits(&(struct ipc_message){ .doc = NULL });
	char tip[REPO_SHA];
	int r = store_open(s, e);

	if (r == 0)
		r = ops[op].run(s, q, reply, e);
	if (r <= 0)
		return r;
	if (lost(s, q)) {
		r = fetch_anew(s, &limits, tip, e);
		if (r < 0)
			return error_prefix(e, "the repository is damaged");
		r = ops[op].run(s, q, reply, e);
	}
	if (r > 0)
		return error_set(e, ERR_FAILED,
			"this revision is not in the repository: it was not fetched, or it is not on "
			"the branch any more");
	return r;
}

struct remote *store_remote(struct store *s)
{
	return s->remote;
}

int store_handle(struct store *s, struct ipc_message *q, struct role_reply *reply, struct error *e)
{
	const char *op = node_str(node_get(q->doc, "op"));
	int r;

	for (size_t i = 0; op && i < ARRAY_SIZE(ops); i++) {
		if (strcmp(ops[i].name, op) != 0)
			continue;
		ipc_begin(reply->json);
		r = run(s, i, q, reply, e);
		ipc_end(reply->json);
		return r;
	}
	return error_set(e, ERR_FAILED, "the git process does not know '%s'", op ? op : "");
}
