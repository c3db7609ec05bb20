/*
 * Asking apt. "install --print-uris" gives in one run the new packages, which of them nobody asked
 * for by name (apt's automatic mark), and where each file is, so that nothing has to be guessed
 * from version strings.
 */
#include "resolve.h"

#include "alloc.h"
#include "aptdir.h"
#include "apterror.h"
#include "arena.h"
#include "buf.h"
#include "deb822.h"
#include "definition.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "lock.h"
#include "sources.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

void picks_free(struct picks *p)
{
	free(p->v);
	*p = (struct picks){};
}

/* "%2b" to "+" */
static char *decode(struct arena *a, const char *s, size_t n)
{
	char *out = arena_alloc(a, n + 1), *o = out;

	for (size_t i = 0; i < n; i++) {
		unsigned v;

		if (s[i] == '%' && i + 2 < n && isxdigit((unsigned char)s[i + 1]) &&
			isxdigit((unsigned char)s[i + 2]) && sscanf(s + i + 1, "%2x", &v) == 1) {
			*o++ = (char)v;
			i += 2;
		} else {
			*o++ = s[i];
		}
	}
	*o = '\0';
	return out;
}

/* Is the name a word of an indented list, as apt prints below its headings? */
static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = list; p && (p = strstr(p, name)); p += n) {
		if (p[-1] == ' ' && (p[n] == ' ' || p[n] == '\n' || p[n] == '\0'))
			return true;
	}
	return false;
}

/* The indented lines below a heading of apt's, as one string in the arena; NULL without it. */
static const char *section(const char *text, const char *heading, struct arena *a)
{
	const char *p = strstr(text, heading), *end;

	if (!p)
		return NULL;
	p += strcspn(p, "\n");
	end = p;
	while (*end == '\n' && end[1] == ' ')
		end += 1 + strcspn(end + 1, "\n");
	return arena_strndup(a, p, (size_t)(end - p));
}

static struct pick *find(struct picks *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->v[i].name, name) == 0)
			return &p->v[i];
	}
	return NULL;
}

/* "'URL' NAME_VERSION_ARCH.deb SIZE HASH". Another version of one that is there replaces it. */
static void add(
	struct picks *p, const char *line, const char *additional, bool essential, struct arena *a)
{
	const char *end = strchr(line + 1, '\''), *file;
	struct pick new = { .essential = essential }, *old;

	if (!end || end[1] != ' ')
		return;
	file = end + 2;
	new.url = decode(a, line + 1, (size_t)(end - line - 1));
	new.name = arena_strndup(a, file, strcspn(file, "_ "));
	/* What came in the first phase is unpacked by hand: nothing of it is automatic. */
	new.automatic = !essential &&listed(additional, new.name);
	old = find(p, new.name);
	if (old) {
		new.essential = old->essential;
		new.automatic = old->automatic;
		*old = new;
		return;
	}
	p->v = grow(p->v, p->n, &p->cap, sizeof *p->v);
	p->v[p->n++] = new;
}

static void drop_removed(struct picks *p, const char *removed)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (!removed || !listed(removed, p->v[i].name))
			p->v[n++] = p->v[i];
	}
	p->n = n;
}

static void read_plan(const char *text, struct picks *p, bool essential, struct arena *a)
{
	const char *additional = section(text, "The following additional packages", a);

	drop_removed(p, section(text, "The following packages will be REMOVED", a));
	for (const char *l = text; *l; l += strcspn(l, "\n"), l += *l == '\n') {
		if (*l == '\'')
			add(p, l, additional, essential, a);
	}
}

/* The pattern of mmdebstrap: it looks at the release pocket, where priorities are authoritative. */
static const char *pattern(const struct definition *def, const char *what, struct arena *a)
{
	return arena_printf(a, "?narrow(?or(?archive(^%s$),?codename(^%s$)),?architecture(%s),%s)",
		def->release, def->release, def->architecture, what);
}

/* Asks apt for one phase. Each has its own status and its own cache, so that both stay warm. */
static int ask(struct resolution *r, int number, const char *const *names, struct buf *out,
	struct error *e)
{
	_buf_ err = BUF_INIT;
	const char **argv;
	size_t n = 0, k = 0;
	int x;

	while (names[n])
		n++;
	argv = arena_alloc(r->arena, (n + 12) * sizeof *argv);
	argv[k++] = "install";
	argv[k++] = "-q";
	argv[k++] = "-y";
	argv[k++] = "--print-uris";
	argv[k++] = "--allow-downgrades";
	argv[k++] = "-o";
	argv[k++] = arena_printf(r->arena, "Dir::State::status=%s/status-%d", r->dir->path, number);
	argv[k++] = "-o";
	argv[k++] = arena_printf(r->arena, "Dir::Cache::pkgcache=pkgcache-%d.bin", number);
	argv[k++] = "--";
	memcpy(argv + k, names, n * sizeof *names);
	x = aptdir_run(r->dir, argv, out, &err, e);
	if (x <= 0)
		return x;
	buf_adds(&err, "\n");
	buf_adds(&err, buf_str(out));
	x = apt_install_error(buf_str(&err), r->def, e);
	suggest_package(r->dir, buf_str(&err), e);
	return x;
}

/* Everything that the first phase depends on. */
static void first_key(const struct resolution *r, const char *what, char ret[SHA256_HEX])
{
	static const char *const files[] = { "apt.conf", "etc/apt.conf.d/50definition",
		"etc/preferences.d/50-definition", "etc/preferences.d/90-phased" };
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();

	sha256_adds(h, what);
	for (size_t i = 0; i < r->dir->sources->n; i++)
		sha256_adds(h, r->sources[i].sha256);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_free_ char *path = xasprintf("%s/%s", r->dir->path, files[i]);
		_buf_ b = BUF_INIT;

		(void)file_read(AT_FDCWD, path, MIB, &b);
		sha256_adds(h, buf_str(&b));
	}
	sha256_end(h, ret);
}

/*
 * The first phase does not depend on what is asked for, so its answer is kept until an index
 * changes: a third of the time of a lock.
 */
static int first_phase(struct resolution *r, struct buf *out, struct error *e)
{
	const char *names[] = { pattern(r->def, "?essential", r->arena), NULL };
	_free_ char *path = xasprintf("%s/first", r->dir->path);
	_buf_ kept = BUF_INIT;
	char key[SHA256_HEX];
	int x;

	first_key(r, names[0], key);
	if (file_read(AT_FDCWD, path, MIB, &kept) == 0 && kept.len > SHA256_HEX &&
		memcmp(kept.data, key, SHA256_HEX - 1) == 0) {
		buf_adds(out, kept.data + SHA256_HEX);
		return 0;
	}
	x = aptdir_write(r->dir, "status-1", "", 0, e);
	if (x < 0)
		return x;
	x = ask(r, 1, names, out, e);
	if (x < 0)
		return x;
	buf_reset(&kept);
	buf_printf(&kept, "%s\n%s", key, buf_str(out));
	return aptdir_write(r->dir, "first", kept.data, kept.len, e);
}

static int by_name(const void *x, const void *y)
{
	const struct pick *a = x, *b = y;

	return strcmp(a->name, b->name);
}

/* What dpkg would say after the first phase: the stanzas without what only an index has. */
static int write_status(struct aptdir *d, const struct picks *p, struct error *e)
{
	static const char *const index_only[] = {
		"Filename:", "Size:", "MD5sum:", "SHA1:", "SHA256:", "SHA512:"
	};
	_buf_ b = BUF_INIT;

	for (size_t i = 0; i < p->n; i++) {
		for (const char *l = p->v[i].text; *l; l += strcspn(l, "\n"), l += *l == '\n') {
			bool skip = false;

			for (size_t k = 0; k < ARRAY_SIZE(index_only); k++)
				skip |= strncmp(l, index_only[k], strlen(index_only[k])) == 0;
			if (!skip)
				buf_printf(&b, "%.*s\n", (int)strcspn(l, "\n"), l);
		}
		buf_adds(&b, "Status: install ok installed\n\n");
	}
	return aptdir_write(d, "status-2", buf_str(&b), b.len, e);
}

static const char *need(
	const struct pick *p, const char *field, struct arena *a, const char **missing)
{
	struct stanza s = { p->text, p->len };
	const char *v = stanza_dup(&s, field, a);

	if (!v || !*v)
		*missing = field;
	return v;
}

static int fill(struct lock_package *ret, const struct pick *p, struct arena *a, struct error *e)
{
	const char *missing = NULL, *size;
	char *end = NULL;

	*ret = (struct lock_package){
		.name = need(p, "Package", a, &missing),
		.version = need(p, "Version", a, &missing),
		.architecture = need(p, "Architecture", a, &missing),
		.sha256 = need(p, "SHA256", a, &missing),
		.file = arena_strdup(a, p->url + strlen(p->source->uri) + 1),
		.source = arena_strdup(a, p->source->id),
		.essential = p->essential,
		.automatic = p->automatic,
	};
	size = need(p, "Size", a, &missing);
	if (missing)
		return error_set(e, ERR_FAILED, "the package list of %s gives no %s for %s",
			p->source->id, missing, p->name);
	ret->size = strtoull(size, &end, 10);
	if (*end || ret->size == 0 || !sha256_valid(ret->sha256))
		return error_set(e, ERR_FAILED,
			"the package list of %s gives a wrong size or SHA-256 for %s",
			p->source->id, p->name);
	return 0;
}

static int second_phase(struct resolution *r, struct buf *out, struct error *e)
{
	const char **names;
	size_t n = 0;

	while (r->asked[n])
		n++;
	names = arena_alloc(r->arena, (n + 2) * sizeof *names);
	memcpy(names, r->asked, n * sizeof *names);
	names[n] = pattern(r->def, "?and(?priority(required),?not(?essential))", r->arena);
	return ask(r, 2, names, out, e);
}

static int run_phases(struct resolution *r, struct picks *p, struct error *e)
{
	_buf_ first = BUF_INIT, second = BUF_INIT;
	int x;

	x = first_phase(r, &first, e);
	if (x < 0)
		return x;
	read_plan(buf_str(&first), p, true, r->arena);
	qsort(p->v, p->n, sizeof *p->v, by_name);
	x = index_find(r->dir, p, r->arena, e);
	if (x < 0)
		return x;
	x = write_status(r->dir, p, e);
	if (x < 0)
		return x;
	x = second_phase(r, &second, e);
	if (x < 0)
		return x;
	read_plan(buf_str(&second), p, false, r->arena);
	return 0;
}

int resolve(struct resolution *r, struct error *e)
{
	_cleanup_(picks_free) struct picks p = {};
	int x;

	x = run_phases(r, &p, e);
	if (x < 0)
		return x;
	qsort(p.v, p.n, sizeof *p.v, by_name);
	x = index_find(r->dir, &p, r->arena, e);
	if (x < 0)
		return x;
	r->packages = arena_alloc(r->arena, (p.n + 1) * sizeof *r->packages);
	for (size_t i = 0; i < p.n; i++) {
		x = fill(&r->packages[i], &p.v[i], r->arena, e);
		if (x < 0)
			return x;
	}
	explain_packages(r->packages, &p, r->asked, r->arena);
	r->n = p.n;
	return 0;
}
