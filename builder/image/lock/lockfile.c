/*
 * The lock as text. One fact a line and one package a line, sorted, so that a review reads the
 * difference of two locks; strict, so that a merge gone wrong is seen where it is.
 */
#include "lock.h"
#include "lock_text.h"
#include "lock_words.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "digest.h"
#include "error.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LOCK_SIZE_MAX  (16 * MIB)
#define PACKAGES_MAX   100000
#define CONTAINERS_MAX 1000

struct parser {
	struct lock *l;
	const char *name;
	const char *p, *end; /* what is left */
	unsigned line;
	const char *keyword; /* of the current line, in the arena */
	char *rest;
	struct error *e;
	size_t n_asked, n_inputs, asked_cap, inputs_cap, sources_cap, packages_cap, containers_cap;
	const char **asked, **inputs;
	struct lock_source *sources;
	struct lock_package *packages;
	struct lock_container *containers;
};

static _printf_(2, 3) int bad(struct parser *s, const char *fmt, ...)
{
	_free_ char *what = NULL;
	va_list ap;

	va_start(ap, fmt);
	what = xvasprintf(fmt, ap);
	va_end(ap);
	return error_set(s->e, ERR_LOCK,
		"%s:%u: %s; restore the lock from version control, or remove it and run kbuild "
		"lock again",
		s->name, s->line, what);
}

/* 1: s->keyword and s->rest are the next line; 0: the end. */
static int next_line(struct parser *s)
{
	const char *nl;
	char *line, *blank;

	if (s->p == s->end)
		return 0;
	s->line++;
	nl = memchr(s->p, '\n', (size_t)(s->end - s->p));
	if (!nl)
		return bad(s, "the file is cut off here");
	line = arena_strndup(s->l->arena, s->p, (size_t)(nl - s->p));
	if (strlen(line) != (size_t)(nl - s->p))
		return bad(s, "there is a NUL byte");
	for (const char *c = line; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return bad(s, "there is a control character");
	}
	if (nl > s->p && nl[-1] == ' ')
		return bad(s, "there is a blank at the end");
	s->p = nl + 1;
	blank = strchr(line, ' ');
	s->rest = blank ? blank + 1 : line + strlen(line);
	if (blank)
		*blank = '\0';
	s->keyword = line;
	return 1;
}

/* The next word of the line, "" when there is none. */
static char *word(struct parser *s)
{
	char *w = s->rest, *blank = strchr(w, ' ');

	s->rest = blank ? blank + 1 : w + strlen(w);
	if (blank)
		*blank = '\0';
	return w;
}

static int expect(struct parser *s, const char *keyword, const char **ret)
{
	int r = next_line(s);

	if (r < 0)
		return r;
	if (r == 0 || strcmp(s->keyword, keyword) != 0)
		return bad(s, "expected '%s', not '%s'", keyword, r ? s->keyword : "the end");
	*ret = s->rest;
	if (!all_of(s->rest, LOWER "-"))
		return bad(s, "'%s' needs one word", keyword);
	return 0;
}

static int parse_head(struct parser *s)
{
	const char *recommends = "";
	size_t n = strlen(LOCK_HEAD);
	int r;

	s->line = 1;
	if ((size_t)(s->end - s->p) < n || memcmp(s->p, LOCK_HEAD, n) != 0)
		return bad(s, "this is no lock that this kbuild can read (it must begin with '%s')",
			LOCK_FORMAT);
	s->p += n;
	s->line = 2;
	r = expect(s, "distribution", &s->l->distribution);
	if (r < 0)
		return r;
	r = expect(s, "release", &s->l->release);
	if (r < 0)
		return r;
	r = expect(s, "architecture", &s->l->architecture);
	if (r < 0)
		return r;
	r = expect(s, "recommends", &recommends);
	if (r < 0)
		return r;
	s->l->recommends = strcmp(recommends, "yes") == 0;
	if (!s->l->recommends && strcmp(recommends, "no") != 0)
		return bad(s, "'recommends' is yes or no");
	return 0;
}

static int parse_asked(struct parser *s)
{
	const char *name = s->rest;

	if (!all_of(name, LOWER UPPER "+-.~:=/_"))
		return bad(s, "'%s' is no name of a package", name);
	if (s->n_asked > 0 && strcmp(s->asked[s->n_asked - 1], name) >= 0)
		return bad(s, "'%s' is out of order, or twice", name);
	s->asked = grow(s->asked, s->n_asked, &s->asked_cap, sizeof *s->asked);
	s->asked[s->n_asked++] = name;
	return 0;
}

static int parse_input(struct parser *s)
{
	if (!*s->rest)
		return bad(s, "an input is empty");
	if (s->n_inputs > 0 && strcmp(s->inputs[s->n_inputs - 1], s->rest) >= 0)
		return bad(s, "'%s' is out of order, or twice", s->rest);
	s->inputs = grow(s->inputs, s->n_inputs, &s->inputs_cap, sizeof *s->inputs);
	s->inputs[s->n_inputs++] = s->rest;
	return 0;
}

static const struct lock_source *find_source(const struct parser *s, const char *id)
{
	for (size_t i = 0; i < s->l->n_sources; i++) {
		if (strcmp(s->sources[i].id, id) == 0)
			return &s->sources[i];
	}
	return NULL;
}

static int parse_source(struct parser *s)
{
	struct lock_source new = { .id = word(s) };

	new.date = word(s);
	new.fingerprint = word(s);
	new.sha256 = word(s);
	new.uri = word(s);
	new.suite = word(s);
	new.components = s->rest;
	if (!*new.id || !*new.uri || !*new.suite || !is_date(new.date) ||
		!sha256_valid(new.sha256) || !all_of(new.fingerprint, "0123456789ABCDEF") ||
		strlen(new.fingerprint) != 40)
		return bad(s, "a source must be ID DATE FINGERPRINT SHA256 URI SUITE COMPONENTS");
	if (strcmp(new.uri, "-") == 0)
		new.uri = NULL;
	if (new.suite[strlen(new.suite) - 1] != '/' && !*new.components)
		return bad(s, "the source '%s' has no components", new.id);
	if (new.suite[0] && s->rest == new.components && * s->rest == ' ')
		return bad(s, "there is a blank too many");
	if (find_source(s, new.id))
		return bad(s, "the source '%s' is there twice", new.id);
	s->sources = grow(s->sources, s->l->n_sources, &s->sources_cap, sizeof *s->sources);
	s->sources[s->l->n_sources++] = new;
	return 0;
}

static bool parse_reason(char *text, struct lock_package *ret)
{
	char *colon = strchr(text, ':');

	if (colon)
		*colon = '\0';
	ret->because = colon ? colon + 1 : NULL;
	for (size_t i = 0; i < LOCK_REASONS; i++) {
		if (strcmp(lock_reason_words[i], text) != 0)
			continue;
		ret->reason = (enum lock_reason)i;
		return !colon || is_name(ret->because);
	}
	return false;
}

/* NAME VERSION ARCH auto|manual essential|- REASON[:BECAUSE] SOURCE SIZE SHA256 FILE */
static int parse_package(struct parser *s)
{
	struct lock_package new = {};
	const char *mark, *essential, *size;
	char *reason;

	new.name = word(s);
	new.version = word(s);
	new.architecture = word(s);
	mark = word(s);
	essential = word(s);
	reason = word(s);
	new.source = word(s);
	size = word(s);
	new.sha256 = word(s);
	new.file = s->rest;
	if (!is_name(new.name) || !all_of(new.version, LOWER UPPER ".+~:-") ||
		!all_of(new.architecture, LOWER "-"))
		return bad(s, "a package must begin with its name, version and architecture");
	if ((strcmp(mark, "auto") != 0 && strcmp(mark, "manual") != 0) ||
		(strcmp(essential, "essential") != 0 && strcmp(essential, "-") != 0))
		return bad(s, "'%s': expected auto or manual, then essential or -", new.name);
	new.automatic = strcmp(mark, "auto") == 0;
	new.essential = strcmp(essential, "essential") == 0;
	if (!parse_reason(reason, &new))
		return bad(s, "'%s': why it is there cannot be read", new.name);
	if (!find_source(s, new.source))
		return bad(s, "'%s' is from a source that is not in the lock", new.name);
	if (!parse_size_exact(size, &new.size) || !sha256_valid(new.sha256))
		return bad(s, "'%s': its size or SHA-256 cannot be read", new.name);
	if (!is_file(new.file))
		return bad(s, "'%s': '%s' is no file of an archive", new.name, new.file);
	if (s->l->n > 0 && strcmp(s->packages[s->l->n - 1].name, new.name) >= 0)
		return bad(s, "the package '%s' is out of order, or twice", new.name);
	if (s->l->n == PACKAGES_MAX)
		return bad(s, "there are too many packages");
	s->packages = grow(s->packages, s->l->n, &s->packages_cap, sizeof *s->packages);
	s->packages[s->l->n++] = new;
	return 0;
}

static int parse_application(struct parser *s)
{
	if (s->l->application)
		return bad(s, "'application' is there twice");
	if (strlen(s->rest) != 40 || !all_of(s->rest, "0123456789abcdef"))
		return bad(s, "'application' needs a commit, 40 digits");
	s->l->application = s->rest;
	return 0;
}

/* REFERENCE SIZE SHA256 */
static int parse_container(struct parser *s)
{
	struct lock_container new = { .reference = word(s) };
	struct lock *l = s->l;

	if (!l->application)
		return bad(s, "a container image stands before the application's commit");
	if (!all_of(new.reference, LOWER UPPER "._-/:@"))
		return bad(s, "'%s' is no name of a container image", new.reference);
	if (!parse_size_exact(word(s), &new.size) || !sha256_valid(s->rest))
		return bad(s, "'%s': its size or SHA-256 cannot be read", new.reference);
	new.sha256 = s->rest;
	if (l->n_containers > 0 &&
		strcmp(s->containers[l->n_containers - 1].reference, new.reference) >= 0)
		return bad(s, "the container image '%s' is out of order, or twice", new.reference);
	if (l->n_containers == CONTAINERS_MAX)
		return bad(s, "there are too many container images");
	s->containers =
		grow(s->containers, l->n_containers, &s->containers_cap, sizeof *s->containers);
	s->containers[l->n_containers++] = new;
	return 0;
}

static const struct record {
	const char *keyword;
	int (*parse)(struct parser *s);
} records[] = {
	{ "asked", parse_asked },
	{ "input", parse_input },
	{ "source", parse_source },
	{ "package", parse_package },
	{ "application", parse_application },
	{ "container", parse_container },
};

static int parse_body(struct parser *s)
{
	size_t at = 0;
	int r;

	while ((r = next_line(s)) > 0) {
		while (at < ARRAY_SIZE(records) && strcmp(records[at].keyword, s->keyword) != 0)
			at++;
		if (at == ARRAY_SIZE(records))
			return bad(s, "'%s' is not expected here", s->keyword);
		r = records[at].parse(s);
		if (r < 0)
			return r;
	}
	return r;
}

static void *to_arena(struct arena *a, const void *v, size_t n, size_t size)
{
	void *copy = arena_alloc(a, (n + 1) * size);

	if (n > 0)
		memcpy(copy, v, n * size);
	return copy;
}

int lock_parse(struct lock **ret, const char *name, const char *text, size_t len, struct error *e)
{
	struct arena *a = arena_new();
	_cleanup_(lock_freep) struct lock *l = arena_alloc(a, sizeof *l);
	struct parser s = { .l = l, .name = name, .p = text, .end = text + len, .e = e };
	int r;

	l->arena = a;
	l->path = arena_strdup(a, name);
	r = parse_head(&s);
	if (r == 0)
		r = parse_body(&s);
	l->asked = to_arena(a, s.asked, s.n_asked, sizeof *s.asked);
	l->inputs = to_arena(a, s.inputs, s.n_inputs, sizeof *s.inputs);
	l->sources = to_arena(a, s.sources, l->n_sources, sizeof *s.sources);
	l->packages = to_arena(a, s.packages, l->n, sizeof *s.packages);
	l->containers = to_arena(a, s.containers, l->n_containers, sizeof *s.containers);
	free(s.asked);
	free(s.inputs);
	free(s.sources);
	free(s.packages);
	free(s.containers);
	if (r < 0)
		return r;
	sha256_bytes(text, len, l->digest);
	*ret = TAKE(l);
	return 0;
}

int lock_read(struct lock **ret, const char *path, struct error *e)
{
	_buf_ b = BUF_INIT;
	int r;

	r = file_read(AT_FDCWD, path, LOCK_SIZE_MAX, &b);
	if (r == -ENOENT)
		return LOCK_ABSENT;
	if (r < 0)
		return error_errno(e, r, "reading the lock %s", path);
	return lock_parse(ret, path, buf_str(&b), b.len, e);
}
