/* See libgit.h. Only what libgit2 1.1 has is used, so there is no "depth": the whole branch is fetched. */
#include "libgit.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "remote.h"

#include <dlfcn.h>
#include <git2.h>
#include <git2/sys/transport.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* All that is used of it; the types are those of its header. */
#define FUNCTIONS(F)                                                                               \
	F(git_error_last)                                                                          \
	F(git_graph_descendant_of)                                                                 \
	F(git_libgit2_init)                                                                        \
	F(git_libgit2_opts)                                                                        \
	F(git_libgit2_shutdown)                                                                    \
	F(git_odb_exists)                                                                          \
	F(git_odb_free)                                                                            \
	F(git_odb_object_data)                                                                     \
	F(git_odb_object_free)                                                                     \
	F(git_odb_read)                                                                            \
	F(git_odb_read_header)                                                                     \
	F(git_oid_fmt)                                                                             \
	F(git_oid_fromstr)                                                                         \
	F(git_packbuilder_free)                                                                    \
	F(git_packbuilder_hash)                                                                    \
	F(git_packbuilder_insert_walk)                                                             \
	F(git_packbuilder_new)                                                                     \
	F(git_packbuilder_write)                                                                   \
	F(git_reference_create)                                                                    \
	F(git_reference_free)                                                                      \
	F(git_reference_name_to_id)                                                                \
	F(git_remote_connect)                                                                      \
	F(git_remote_create_anonymous)                                                             \
	F(git_remote_download)                                                                     \
	F(git_remote_free)                                                                         \
	F(git_remote_ls)                                                                           \
	F(git_repository_free)                                                                     \
	F(git_repository_init_ext)                                                                 \
	F(git_repository_odb)                                                                      \
	F(git_repository_open_bare)                                                                \
	F(git_revwalk_free)                                                                        \
	F(git_revwalk_new)                                                                         \
	F(git_revwalk_push)                                                                        \
	F(git_transport_smart)

struct functions {
#define F(name) __typeof__(name) *name;
	FUNCTIONS(F)
#undef F
};

struct libgit {
	void *library;
	struct functions f;
	git_repository *repo;
	git_odb *odb;
};

static int find_functions(struct libgit *g, struct error *e)
{
	static const struct {
		const char *name;
		size_t offset;
	} table[] = {
#define F(name) { #name, offsetof(struct functions, name) },
		FUNCTIONS(F)
#undef F
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		void *p = dlsym(g->library, table[i].name);

		if (!p)
			return error_set(e, ERR_FAILED, "libgit2 has no %s", table[i].name);
		memcpy((char *)&g->f + table[i].offset, &p, sizeof p);
	}
	return 0;
}

int libgit_load(struct libgit **ret, struct error *e)
{
	_cleanup_(libgit_freep) struct libgit *g = xcalloc(1, sizeof *g);
	int r;

	g->library = dlopen("libgit2.so." LIBGIT2_SOVERSION, RTLD_NOW | RTLD_LOCAL);
	if (!g->library)
		return error_set(e, ERR_FAILED, "cannot load libgit2: %s", dlerror());
	r = find_functions(g, e);
	if (r < 0)
		return r;
	if (g->f.git_libgit2_init() < 0)
		return error_set(e, ERR_FAILED, "cannot start libgit2");
	/* Neither the machine's nor anybody's configuration: system, XDG, global, ProgramData. */
	for (int level = GIT_CONFIG_LEVEL_PROGRAMDATA; level <= GIT_CONFIG_LEVEL_GLOBAL; level++)
		(void)g->f.git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
	(void)g->f.git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
	/* What is mapped of packs at a time: this process is to stay small. */
	(void)g->f.git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, (size_t)(64 * MIB));
	(void)g->f.git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)(8 * MIB));
	*ret = TAKE(g);
	return 0;
}

void libgit_close(struct libgit *g)
{
	if (g->odb)
		g->f.git_odb_free(TAKE(g->odb));
	if (g->repo)
		g->f.git_repository_free(TAKE(g->repo));
}

void libgit_free(struct libgit *g)
{
	libgit_close(g);
	/* The library stays loaded: its thread data has destructors. */
	free(g);
}

/* What libgit2 says; kind decides whether it may be otherwise in a moment. */
static int failed(struct libgit *g, const char *what, struct error *e)
{
	const git_error *last = g->f.git_error_last();
	const char *text = last && last->message ? last->message : "it gave no reason";

	switch (last ? last->klass : GIT_ERROR_NONE) {
	case GIT_ERROR_NET:
	case GIT_ERROR_INDEXER:
	case GIT_ERROR_ZLIB:
		/* Half an answer, or one that was spoiled on its way. */
		return error_set(e, ERR_NETWORK, "%s: %s", what, text);
	case GIT_ERROR_OS:
		/* A full disk, most of all. */
		error_set(e, ERR_FAILED, "%s: %s", what, text);
		return error_transient(e);
	default:
		return error_set(e, ERR_FAILED, "%s: %s", what, text);
	}
}

int libgit_open(struct libgit *g, const char *path, _unused_ struct error *e)
{
	git_repository_init_options o = GIT_REPOSITORY_INIT_OPTIONS_INIT;

	libgit_close(g);
	o.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_NO_REINIT |
		  GIT_REPOSITORY_INIT_MKDIR;
	o.initial_head = "kbuild";
	if (g->f.git_repository_open_bare(&g->repo, path) < 0 &&
		g->f.git_repository_init_ext(&g->repo, path, &o) < 0)
		return LIBGIT_DAMAGED;
	return g->f.git_repository_odb(&g->odb, g->repo) < 0 ? LIBGIT_DAMAGED : 0;
}

/* The conversation of one fetch, as libgit2's smart protocol sees it: two steps over remote.h. */
struct conversation {
	git_smart_subtransport base;
	struct libgit *g;
	struct remote *remote;
	const struct libgit_limits *limits;
	struct error *e; /* of ours; libgit2 only hears that something failed */
	bool damaged;	 /* it failed because of what we have */
	struct line *line;
};

struct line {
	git_smart_subtransport_stream base;
	struct conversation *c;
	struct remote_stream *stream; /* NULL: a request that was not sent yet */
	struct buf request;
};

static int line_read(git_smart_subtransport_stream *s, char *data, size_t len, size_t *ret)
{
	struct line *l = (struct line *)s;

	if (!l->stream && remote_open_pack(l->c->remote, &l->request, &l->stream, l->c->e) < 0)
		return -1;
	return remote_read(l->stream, data, len, ret, l->c->e) < 0 ? -1 : 0;
}

#define REQUEST_MAX (16 * MIB) /* what we have, told to the server: 50 bytes a commit */

static int line_write(git_smart_subtransport_stream *s, const char *data, size_t len)
{
	struct line *l = (struct line *)s;

	if (l->stream)
		return remote_write(l->stream, data, len, l->c->e) < 0 ? -1 : 0;
	if (l->request.len + len > REQUEST_MAX)
		return error_set(l->c->e, ERR_FAILED, "a request to the server is too long");
	buf_add(&l->request, data, len);
	return 0;
}

static void line_free(git_smart_subtransport_stream *s)
{
	struct line *l = (struct line *)s;

	if (l->c->line == l)
		l->c->line = NULL;
	remote_closep(&l->stream);
	buf_free(&l->request);
	free(l);
}

static int conversation_act(git_smart_subtransport_stream **ret, git_smart_subtransport *base,
	_unused_ const char *url, git_smart_service_t what)
{
	struct conversation *c = (struct conversation *)base;
	struct line *l = c->line;

	if (what == GIT_SERVICE_UPLOADPACK && c->remote->url.ssh && l) {
		*ret = &l->base;
		return 0;
	}
	if (what != GIT_SERVICE_UPLOADPACK_LS && what != GIT_SERVICE_UPLOADPACK)
		return -1;
	l = xcalloc(1, sizeof *l);
	l->base.subtransport = base;
	l->base.read = line_read;
	l->base.write = line_write;
	l->base.free = line_free;
	l->c = c;
	if (what == GIT_SERVICE_UPLOADPACK_LS && remote_open(c->remote, &l->stream, c->e) < 0) {
		line_free(&l->base);
		return -1;
	}
	c->line = l;
	*ret = &l->base;
	return 0;
}

/* The lines are freed by libgit2, the conversation is on libgit_fetch()'s stack. */
static int conversation_close(_unused_ git_smart_subtransport *base)
{
	return 0;
}

static void conversation_free(_unused_ git_smart_subtransport *base)
{
}

static int conversation_begin(
	git_smart_subtransport **ret, _unused_ git_transport *owner, void *arg)
{
	struct conversation *c = arg;

	c->base.action = conversation_act;
	c->base.close = conversation_close;
	c->base.free = conversation_free;
	*ret = &c->base;
	return 0;
}

static int make_transport(git_transport **ret, git_remote *owner, void *arg)
{
	struct conversation *c = arg;
	git_smart_subtransport_definition d = { conversation_begin, !c->remote->url.ssh, c };

	return c->g->f.git_transport_smart(ret, owner, &d);
}

static int count(const git_indexer_progress *p, void *arg)
{
	struct conversation *c = arg;

	if (p->received_bytes > c->limits->bytes)
		return error_set(c->e, ERR_INVALID,
			"the repository is larger than the %" PRIu64 " MiB that are allowed",
			c->limits->bytes / MIB);
	if (p->total_objects > c->limits->objects)
		return error_set(c->e, ERR_INVALID,
			"the repository has more than the %" PRIu64 " objects that are allowed",
			c->limits->objects);
	return 0;
}

/* Errors of libgit2 that speak of what we have, not of what comes. */
static bool is_damage(struct libgit *g)
{
	const git_error *last = g->f.git_error_last();

	switch (last ? last->klass : GIT_ERROR_NONE) {
	case GIT_ERROR_REFERENCE:
	case GIT_ERROR_ODB:
	case GIT_ERROR_OBJECT:
	case GIT_ERROR_REPOSITORY:
	case GIT_ERROR_CONFIG:
		return true;
	default:
		return false;
	}
}

/* Something failed: our own connection has said why, or libgit2 says it. */
static int broken(struct conversation *c, const char *what)
{
	if (c->e->code)
		return -c->e->code;
	c->damaged = is_damage(c->g);
	return failed(c->g, what, c->e);
}

static int download(struct libgit *g, git_remote *remote, struct conversation *c, git_oid *ret)
{
	_free_ char *name = xasprintf("refs/heads/%s", c->remote->branch);
	_free_ char *spec = xasprintf("+%s:" LIBGIT_TIP, name);
	git_fetch_options o = GIT_FETCH_OPTIONS_INIT;
	const git_remote_head **heads = NULL;
	size_t n = 0, i = 0;

	o.callbacks.transport = make_transport;
	o.callbacks.transfer_progress = count;
	o.callbacks.payload = c;
	o.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
	o.prune = GIT_FETCH_NO_PRUNE;
	if (g->f.git_remote_connect(remote, GIT_DIRECTION_FETCH, &o.callbacks, NULL, NULL) < 0 ||
		g->f.git_remote_ls(&heads, &n, remote) < 0)
		return broken(c, "cannot list the branches");
	while (i < n && strcmp(heads[i]->name, name) != 0)
		i++;
	if (i == n)
		return error_set(
			c->e, ERR_FAILED, "the repository has no branch '%s'", c->remote->branch);
	*ret = heads[i]->oid;
	if (g->f.git_remote_download(remote, &(git_strarray){ &spec, 1 }, &o) < 0)
		return broken(c, "cannot fetch");
	return 0;
}

int libgit_fetch(struct libgit *g, struct remote *r, const struct libgit_limits *limits,
	char ret[REPO_SHA], struct error *e)
{
	struct error ours = { 0 };
	struct conversation c = { .g = g, .remote = r, .limits = limits, .e = &ours };
	git_remote *remote = NULL;
	git_oid tip;
	int n;

	/* The address is the conversation's business; this one is only read for its form. */
	if (g->f.git_remote_create_anonymous(&remote, g->repo, "https://repository/") < 0)
		return is_damage(g) ? LIBGIT_DAMAGED : failed(g, "cannot prepare a fetch", e);
	n = download(g, remote, &c, &tip);
	g->f.git_remote_free(remote);
	if (n < 0) {
		*e = ours;
		return c.damaged ? LIBGIT_DAMAGED : n;
	}
	g->f.git_oid_fmt(ret, &tip);
	ret[REPO_SHA - 1] = '\0';
	if (!libgit_has(g, ret))
		return LIBGIT_DAMAGED;
	return libgit_set_ref(g, LIBGIT_TIP, ret, e);
}

bool libgit_has(struct libgit *g, const char *sha)
{
	git_oid id;

	return g->f.git_oid_fromstr(&id, sha) == 0 && g->f.git_odb_exists(g->odb, &id) == 1;
}

int libgit_read(struct libgit *g, const char *sha, enum libgit_kind kind, uint64_t max,
	struct buf *ret, struct error *e)
{
	static const git_object_t types[] = {
		[LIBGIT_COMMIT] = GIT_OBJECT_COMMIT,
		[LIBGIT_TREE] = GIT_OBJECT_TREE,
		[LIBGIT_BLOB] = GIT_OBJECT_BLOB,
	};
	git_odb_object *object = NULL;
	git_object_t type;
	size_t size;
	git_oid id;

	/* The size comes first: nothing that is too large is unpacked into memory. */
	if (g->f.git_oid_fromstr(&id, sha) < 0 ||
		g->f.git_odb_read_header(&size, &type, g->odb, &id) < 0 || type != types[kind])
		return LIBGIT_DAMAGED;
	if (size > max)
		return error_set(e, ERR_INVALID,
			"it is larger than the %" PRIu64 " MiB that are allowed", max / MIB);
	/* This also compares its bytes with its id. */
	if (g->f.git_odb_read(&object, g->odb, &id) < 0)
		return LIBGIT_DAMAGED;
	buf_add(ret, g->f.git_odb_object_data(object), size);
	g->f.git_odb_object_free(object);
	return 0;
}

int libgit_relation(struct libgit *g, const char *old, const char *new, enum repo_relation *ret,
	_unused_ struct error *e)
{
	git_oid from, to;
	int after, before;

	if (strcmp(old, new) == 0) {
		*ret = REPO_EQUAL;
		return 0;
	}
	if (!libgit_has(g, new))
		return LIBGIT_DAMAGED;
	*ret = REPO_DIVERGED;
	if (!libgit_has(g, old))
		return 0;
	if (g->f.git_oid_fromstr(&from, old) < 0 || g->f.git_oid_fromstr(&to, new) < 0)
		return LIBGIT_DAMAGED;
	after = g->f.git_graph_descendant_of(g->repo, &to, &from);
	before = after == 0 ? g->f.git_graph_descendant_of(g->repo, &from, &to) : 0;
	if (after < 0 || before < 0)
		return LIBGIT_DAMAGED;
	if (after || before)
		*ret = after ? REPO_DESCENDANT : REPO_ANCESTOR;
	return 0;
}

bool libgit_ref(struct libgit *g, const char *name, char ret[REPO_SHA])
{
	git_oid id;

	if (g->f.git_reference_name_to_id(&id, g->repo, name) < 0)
		return false;
	g->f.git_oid_fmt(ret, &id);
	ret[REPO_SHA - 1] = '\0';
	return true;
}

int libgit_set_ref(struct libgit *g, const char *name, const char *sha, struct error *e)
{
	git_reference *made = NULL;
	git_oid id;

	if (g->f.git_oid_fromstr(&id, sha) < 0 ||
		g->f.git_reference_create(&made, g->repo, name, &id, 1, NULL) < 0)
		return failed(g, "cannot remember a revision", e);
	g->f.git_reference_free(made);
	return 0;
}

static bool collect(struct libgit *g, git_packbuilder *pack, const char *const *commits)
{
	git_revwalk *walk = NULL;
	bool good = g->f.git_revwalk_new(&walk, g->repo) == 0;
	git_oid id;

	for (; good && *commits; commits++)
		good = g->f.git_oid_fromstr(&id, *commits) == 0 &&
		       g->f.git_revwalk_push(walk, &id) == 0;
	good = good && g->f.git_packbuilder_insert_walk(pack, walk) == 0;
	g->f.git_revwalk_free(walk);
	return good;
}

int libgit_repack(struct libgit *g, const char *const *commits, char ret[REPO_SHA], struct error *e)
{
	git_packbuilder *pack = NULL;
	int r = 0;

	if (g->f.git_packbuilder_new(&pack, g->repo) < 0)
		return failed(g, "cannot repack", e);
	if (!collect(g, pack, commits)) {
		r = LIBGIT_DAMAGED;
	} else if (g->f.git_packbuilder_write(pack, NULL, 0, NULL, NULL) < 0) {
		r = failed(g, "cannot repack", e);
	} else {
		g->f.git_oid_fmt(ret, g->f.git_packbuilder_hash(pack));
		ret[REPO_SHA - 1] = '\0';
	}
	g->f.git_packbuilder_free(pack);
	return r;
}
