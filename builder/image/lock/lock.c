/*
 * Making a lock and judging one: the whole path of a resolution stands in lock_resolve().
 */
#include "lock.h"

#include "alloc.h"
#include "aptdir.h"
#include "arena.h"
#include "buf.h"
#include "definition.h"
#include "digest.h"
#include "error.h"
#include "http.h"
#include "keyring.h"
#include "lock_inputs.h"
#include "process.h"
#include "progress.h"
#include "resolve.h"
#include "sources.h"
#include "verify.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define UPDATE_HINT "run kbuild lock --update %s"

static int stale(const struct definition *def, struct error *e, const char *what)
{
	return error_set(e, ERR_LOCK, "the lock %s.lock is stale: %s; run kbuild lock --update %s",
		def->path, what, def->path);
}

/* The first string that is only in one of two sorted lists; *ret_new tells in which. */
static const char *first_difference(const char **old, const char **new, bool *ret_new)
{
	while (*old || *new) {
		int c = !*old ? 1 : !*new ? -1 : strcmp(*old, *new);

		if (c != 0) {
			*ret_new = c > 0;
			return c > 0 ? *new : *old;
		}
		old++;
		new ++;
	}
	return NULL;
}

static int check_asked(const struct lock *l, const struct definition *def,
	const struct lock_inputs *in, struct error *e)
{
	bool is_new;
	const char *name = first_difference(l->asked, in->asked, &is_new);
	_free_ char *text = NULL;
	bool by_definition = false;

	if (!name)
		return 0;
	for (const char **p = def->packages; p && *p; p++)
		by_definition |= strcmp(*p, name) == 0;
	if (!is_new)
		text = xasprintf("package '%s' is in the lock but not asked for any more", name);
	else if (by_definition)
		text = xasprintf("package '%s' is in the definition but not in the lock", name);
	else
		text = xasprintf(
			"package '%s', which the definition needs, is not in the lock", name);
	return stale(def, e, text);
}

static int check_inputs(const struct lock *l, const struct definition *def,
	const struct lock_inputs *in, struct error *e)
{
	bool is_new;
	const char *line = first_difference(l->inputs, in->lines, &is_new);
	_free_ char *shown = NULL;
	_free_ char *text = NULL;

	if (!line)
		return 0;
	shown = http_without_login(line);
	text = xasprintf("'%s' is in the %s", shown,
		is_new ? "definition but not in the lock" : "lock but not in the definition");
	return stale(def, e, text);
}

static int check_word(const char *what, const char *locked, const char *wanted,
	const struct definition *def, struct error *e)
{
	_free_ char *text = NULL;

	if (strcmp(locked, wanted) == 0)
		return 0;
	text = xasprintf("it is for the %s %s, the definition says %s", what, locked, wanted);
	return stale(def, e, text);
}

int lock_check(const struct lock *l, const struct definition *def, struct error *e)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct apt_sources sources;
	struct lock_inputs in;
	int r;

	r = check_word("distribution", l->distribution, def->distribution, def, e);
	if (r == 0)
		r = check_word("release", l->release, def->release, def, e);
	if (r == 0)
		r = check_word("architecture", l->architecture, def->architecture, def, e);
	if (r < 0)
		return r;
	if (l->recommends != def->recommends)
		return stale(def, e,
			l->recommends
				? "it has recommended packages, the definition does not want them"
				: "the definition wants recommended packages, it has none");
	r = apt_sources_read(&sources, a, def, e);
	if (r < 0)
		return r;
	r = lock_inputs_read(&in, a, def, &sources, e);
	if (r < 0)
		return r;
	r = check_asked(l, def, &in, e);
	if (r < 0)
		return r;
	return check_inputs(l, def, &in, e);
}

/* Indexes that are there, current (unless offline) and proven. */
static int get_indexes(
	struct aptdir *d, const struct lock_request *q, struct lock *l, struct error *e)
{
	int r;

	progress_begin(q->progress, "Indexes", NULL, 0);
	if (!q->offline) {
		r = aptdir_update(d, q->progress, e);
		if (r < 0)
			return r;
	}
	r = aptdir_indexes(d, e);
	if (r < 0)
		return r;
	l->n_sources = d->sources->n;
	l->sources = arena_alloc(l->arena, l->n_sources * sizeof *l->sources);
	r = verify_indexes(d, q->def, q->old, !q->offline, l->arena, l->sources, q->progress, e);
	if (r < 0)
		return r;
	progress_end(q->progress, NULL);
	return 0;
}

static int get_packages(
	struct aptdir *d, const struct lock_request *q, struct lock *l, struct error *e)
{
	struct resolution plan = {
		.dir = d, .def = q->def, .asked = l->asked, .sources = l->sources, .arena = l->arena
	};
	int r;

	progress_begin(q->progress, "Resolving", NULL, 0);
	r = aptdir_steer(d, q->def, e);
	if (r < 0)
		return r;
	r = phased_pins(d, e);
	if (r < 0)
		return r;
	r = resolve(&plan, e);
	if (r < 0)
		return r;
	l->packages = plan.packages;
	l->n = plan.n;
	r = lint_packages(l->packages, l->n, q->def, e);
	if (r < 0)
		return r;
	progress_end(q->progress, NULL);
	return 0;
}

static int need_programs(struct error *e)
{
	static const char *const needed[][2] = { { "apt-get", "apt" }, { "gpgv", "gpgv" } };

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (!program_exists(needed[i][0]))
			return error_set(e, ERR_FAILED,
				"%s is not on this machine: install the package %s", needed[i][0],
				needed[i][1]);
	}
	return 0;
}

static struct lock *lock_new(const struct definition *def)
{
	struct arena *a = arena_new();
	struct lock *l = arena_alloc(a, sizeof *l);

	l->arena = a;
	l->path = arena_printf(a, "%s.lock", def->path);
	l->distribution = arena_strdup(a, def->distribution);
	l->release = arena_strdup(a, def->release);
	l->architecture = arena_strdup(a, def->architecture);
	l->recommends = def->recommends;
	return l;
}

static void copy_strings(struct arena *a, const char **v)
{
	for (; *v; v++)
		*v = arena_strdup(a, *v);
}

int lock_resolve(struct lock **ret, const struct lock_request *q, struct error *e)
{
	_cleanup_(aptdir_close) struct aptdir d = APTDIR_INIT;
	_cleanup_(lock_freep) struct lock *l = lock_new(q->def);
	struct apt_sources sources;
	struct lock_inputs in;
	_buf_ text = BUF_INIT;
	int r;

	r = need_programs(e);
	if (r < 0)
		return r;
	r = apt_sources_read(&sources, l->arena, q->def, e);
	if (r < 0)
		return r;
	r = lock_inputs_read(&in, l->arena, q->def, &sources, e);
	if (r < 0)
		return r;
	l->asked = in.asked;
	l->inputs = in.lines;
	/* The definition may end before the lock does. */
	copy_strings(l->arena, l->asked);
	copy_strings(l->arena, l->inputs);
	if (in.note)
		progress_note(q->progress, "%s", in.note);
	r = apt_sources_place(&sources, l->arena, q->def, q->mirror, e);
	if (r < 0)
		return r;
	if (sources.note)
		progress_note(q->progress, "%s", sources.note);
	r = apt_sources_check_keyrings(&sources, q->def, e);
	if (r < 0)
		return r;
	r = aptdir_open(&d, q->cache_dir, &sources, q->def, q->progress, e);
	if (r < 0)
		return r;
	r = get_indexes(&d, q, l, e);
	if (r < 0)
		return r;
	r = get_packages(&d, q, l, e);
	if (r < 0)
		return r;
	lock_format(l, &text);
	sha256_bytes(text.data, text.len, l->digest);
	*ret = TAKE(l);
	return 0;
}

/*
 * A path as apt asks for it: a server may take a plain '+' for a blank (S3 does), a '%' of the file's own name would
 * be read as an escape, and caches know a file by apt's spelling, "%2b".
 */
static const char *encode_path(const char *path, struct arena *a)
{
	_buf_ b = BUF_INIT;

	for (const char *p = path; *p; p++) {
		if (isalnum((unsigned char)*p) || strchr("-._/:,=@", *p))
			buf_addc(&b, *p);
		else
			buf_printf(&b, "%%%02x", (unsigned char)*p);
	}
	return arena_strdup(a, buf_str(&b));
}

const char **lock_uris(struct lock *l, const struct definition *def, const char *mirror,
	const struct lock_package *p)
{
	const char **urls = arena_alloc(l->arena, 2 * sizeof *urls);
	struct error e = {};

	if (!l->placed) {
		l->placed = arena_alloc(l->arena, sizeof *l->placed);
		if (apt_sources_read(l->placed, l->arena, def, &e) < 0 ||
			apt_sources_place(l->placed, l->arena, def, mirror, &e) < 0)
			l->placed->n = 0;
	}
	for (size_t i = 0; i < l->placed->n; i++) {
		if (strcmp(l->placed->v[i].id, p->source) == 0)
			urls[0] = arena_printf(l->arena, "%s/%s", l->placed->v[i].uri,
				encode_path(p->file, l->arena));
	}
	return urls;
}
