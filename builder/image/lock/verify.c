/*
 * gpgv does the verifying, we read its status lines. Its rule is one valid signature by a key of
 * the keyring that is neither expired nor revoked; signatures by keys we do not have are common
 * (archives sign with the old and the new key) and no fault.
 */
#include "verify.h"

#include "alloc.h"
#include "aptdir.h"
#include "arena.h"
#include "buf.h"
#include "definition.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "http.h"
#include "lock.h"
#include "process.h"
#include "progress.h"
#include "release.h"
#include "sources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define RELEASE_SIZE_MAX (64 * MIB)
#define FINGERPRINT_LEN	 40

const char *apt_list_name(struct arena *a, const char *uri)
{
	_buf_ b = BUF_INIT;

	for (const char *p = http_host(uri); *p; p++) {
		if (*p == '/')
			buf_addc(&b, '_');
		else if (strchr("\\|{}[]<>\"^~_=!@#$%&*", *p) || (unsigned char)*p <= ' ' ||
			 (unsigned char)*p >= 0x7f)
			buf_printf(&b, "%%%02x", (unsigned char)*p);
		else
			buf_addc(&b, *p);
	}
	return arena_strdup(a, buf_str(&b));
}

/* Who signed, from gpgv's status lines. */
struct signer {
	const struct definition *def;
	bool good; /* the last verdict was GOODSIG */
	bool bad;
	char fingerprint[FINGERPRINT_LEN + 1]; /* of the first good one that may sign */
	char other[FINGERPRINT_LEN + 1];       /* a good one that may not */
};

static bool may_sign(const struct definition *def, const char *fingerprint)
{
	if (!def->fingerprints)
		return true;
	for (const char **p = def->fingerprints; *p; p++) {
		_free_ char *bare = xstrdup(*p);
		size_t n = 0;

		for (const char *c = *p; *c; c++) {
			if (*c != ' ')
				bare[n++] = *c;
		}
		bare[n] = '\0';
		if (strcasecmp(bare, fingerprint) == 0)
			return true;
	}
	return false;
}

/* "VALIDSIG fpr date timestamp expires version reserved algo hash class primary-fpr" */
static void on_valid(struct signer *s, const char *fields)
{
	const char *primary = strrchr(fields, ' ');
	char *into;

	if (!s->good || !primary)
		return;
	s->good = false;
	primary++;
	if (strlen(primary) != FINGERPRINT_LEN)
		return;
	into = may_sign(s->def, primary) ? s->fingerprint : s->other;
	if (!into[0])
		memcpy(into, primary, FINGERPRINT_LEN + 1);
}

static void on_status(void *arg, const char *line)
{
	struct signer *s = arg;

	if (strncmp(line, "[GNUPG:] ", 9) != 0)
		return;
	line += 9;
	if (strncmp(line, "GOODSIG ", 8) == 0)
		s->good = true;
	else if (strncmp(line, "VALIDSIG ", 9) == 0)
		on_valid(s, line + 9);
	else if (strncmp(line, "NEWSIG", 6) == 0 || strstr(line, "KEYSIG ") ||
		 strncmp(line, "EXPSIG ", 7) == 0)
		s->good = false;
	else if (strncmp(line, "BADSIG ", 7) == 0)
		s->bad = true;
}

struct check {
	const struct aptdir *d;
	const struct apt_source *source;
	const char *keyring;
	const struct definition *def;
	bool fetched;
	struct arena *arena;
	struct progress *progress;
	struct error *e;
};

/* "the index trixie at http://host/debian" */
static const char *index_name(const struct check *c)
{
	_free_ char *url = http_without_login(c->source->uri);

	return arena_printf(c->arena, "the index %s at %s", c->source->suite, url);
}

static int refuse(const struct check *c, const char *reason, const char *next)
{
	return error_set(c->e, ERR_LOCK, "%s: %s; %s", index_name(c), reason, next);
}

/* Verifies file (and its detached signature, when given); signed text goes to signed_text. */
static int run_gpgv(const struct check *c, const char *signature, const char *file,
	struct signer *s, struct buf *signed_text)
{
	const char *argv[] = { "gpgv", "--status-fd", "2", "--keyring", c->keyring, "--output", "-",
		signature ? signature : file, signature ? file : NULL, NULL };
	_buf_ err = BUF_INIT;
	struct process p = { .argv = argv, .out = signed_text, .err = &err };
	const char *env[] = { arena_printf(c->arena, "HOME=%s", c->d->path),
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
		NULL };
	char *save = NULL;
	int r;

	if (signature) { /* gpgv has nothing to extract then */
		argv[5] = signature;
		argv[6] = file;
		argv[7] = NULL;
	}
	p.env = env;
	r = process_run(&p, c->e);
	if (r < 0)
		return r;
	for (char *l = strtok_r(err.data, "\n", &save); err.data && l;
		l = strtok_r(NULL, "\n", &save))
		on_status(s, l);
	return 0;
}

static int check_signer(const struct check *c, const struct signer *s)
{
	if (s->bad)
		return refuse(c, "its signature is wrong",
			"do not trust this mirror; use another with --mirror");
	if (s->fingerprint[0])
		return 0;
	if (s->other[0])
		return refuse(c,
			arena_printf(c->arena,
				"it is signed by the key %s, which is not one of "
				"kbuild.base.fingerprints",
				s->other),
			"do not trust this mirror, or add the fingerprint");
	return refuse(c,
		arena_printf(c->arena, "no key of %s has signed it",
			c->source->keyring ? c->source->keyring : c->keyring),
		"install the newer keyring package, or do not trust this mirror");
}

/*
 * The file on disk against the signed hash. A cache that lost bits must not stay: without the file
 * (and with its Release gone) apt fetches both again.
 */
static int check_index(const struct check *c, const struct apt_index *index, const struct buf *text,
	const char *release)
{
	char want[SHA256_HEX], got[SHA256_HEX];
	_close_ int fd = -1;
	int r;

	if (!release_hash(buf_str(text), index->name, want))
		return refuse(
			c, "it does not name its package list by SHA-256", "use another mirror");
	fd = open(index->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(c->e, errno, "opening %s", index->path);
	r = sha256_fd(fd, got, NULL);
	if (r < 0)
		return error_errno(c->e, r, "reading %s", index->path);
	if (strcmp(want, got) == 0)
		return 0;
	(void)unlink(index->path);
	(void)unlink(release);
	return refuse(c, "its package list in the cache is damaged",
		"it was removed: run the same command again");
}

static const struct lock_source *old_source(const struct lock *old, const char *id)
{
	for (size_t i = 0; old && i < old->n_sources; i++) {
		if (strcmp(old->sources[i].id, id) == 0)
			return &old->sources[i];
	}
	return NULL;
}

static int check_date(const struct check *c, const struct buf *text, const struct lock *old,
	struct lock_source *ret)
{
	const struct lock_source *before = old_source(old, c->source->id);
	const char *date = release_field(buf_str(text), "Date", c->arena);
	char iso[RELEASE_DATE_SIZE];

	if (!date || !release_date(date, iso))
		return refuse(c, "it has no Date", "use another mirror with --mirror");
	/* ISO 8601 in UTC: the order of the text is the order of time. */
	if (before && strcmp(iso, before->date) < 0)
		return refuse(c,
			arena_printf(c->arena, "its Date goes back, from %s in the lock to %s",
				before->date, iso),
			"the mirror is stale or somebody replays old indexes: use another mirror, "
			"or remove the lock to accept it");
	ret->date = arena_strdup(c->arena, iso);
	return 0;
}

/*
 * A signature says whose index it is, not which: whoever serves it may give any other that the same key has
 * signed, an older release's among them. The distribution's own archives name theirs rightly, so what
 * they sign is held to it. Vendors write what they like (NodeSource's "nodistro", Grafana's "stable"), and apt only
 * warns: with a key of its own, a source is used, and the person told.
 */
static int check_suite(const struct check *c, const struct buf *text)
{
	const struct apt_source *s = c->source;
	const char *suite, *codename;

	if (!s->components[0] || release_is(buf_str(text), s->suite))
		return 0;
	suite = release_field(buf_str(text), "Suite", c->arena);
	codename = release_field(buf_str(text), "Codename", c->arena);
	if (s->base != APT_OWN || !s->key)
		return refuse(c,
			arena_printf(c->arena, "it is another one's (Suite: %s, Codename: %s)",
				suite ? suite : "none", codename ? codename : "none"),
			s->base != APT_OWN ? "do not trust this mirror; use another with --mirror"
					   : "do not trust it; or, if it is a vendor's, give its "
					     "own key as 'key:'");
	progress_note(c->progress,
		"%s calls itself Suite: %s, Codename: %s: if its vendor does not do so, do not "
		"trust what serves it",
		index_name(c), suite ? suite : "none", codename ? codename : "none");
	return 0;
}

/* apt passes over a component that is not there. All of them is a mistake of whoever wrote them. */
static int check_components(const struct check *c, const struct buf *text)
{
	_free_ char *copy = xstrdup(c->source->components);
	_buf_ missing = BUF_INIT;
	char *save = NULL;
	size_t found = 0;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		if (release_has(buf_str(text), w, c->def->architecture))
			found++;
		else
			buf_printf(&missing, "%s%s", missing.len ? " " : "", w);
	}
	if (!missing.len)
		return 0;
	if (!found)
		return refuse(c,
			arena_printf(c->arena, "it has no packages of %s for %s", buf_str(&missing),
				c->def->architecture),
			c->source->base == APT_OWN
				? "check the components of the source"
				: "check kbuild.base.components, or use another mirror with --mirror");
	progress_note(c->progress, "%s has no packages of %s for %s", index_name(c),
		buf_str(&missing), c->def->architecture);
	return 0;
}

/* InRelease, or the older pair of Release and Release.gpg. */
static int read_release(const struct check *c, struct signer *s, struct buf *text,
	const char **ret_path, char hex[SHA256_HEX])
{
	/* Flat repositories have their Release beside the packages. */
	const char *dists = c->source->components[0] ? "dists/" : "";
	size_t n = strlen(c->source->suite);
	const char *base = arena_printf(c->arena, "%s/state/lists/%s", c->d->path,
		apt_list_name(c->arena,
			arena_printf(c->arena, "%s/%s%s%s", c->source->uri, dists, c->source->suite,
				c->source->suite[n - 1] == '/' ? "" : "/")));
	const char *in = arena_printf(c->arena, "%sInRelease", base);
	const char *plain = arena_printf(c->arena, "%sRelease", base);
	_buf_ raw = BUF_INIT;
	int r;

	if (file_read(AT_FDCWD, in, RELEASE_SIZE_MAX, &raw) == 0) {
		*ret_path = in;
		sha256_bytes(buf_str(&raw), raw.len, hex);
		return run_gpgv(c, NULL, in, s, text);
	}
	*ret_path = plain;
	r = file_read(AT_FDCWD, plain, RELEASE_SIZE_MAX, text);
	if (r == -ENOENT)
		return error_set(c->e, ERR_NETWORK,
			"%s is not on this machine yet: run kbuild lock without --offline once",
			index_name(c));
	if (r < 0)
		return error_errno(c->e, r, "reading %s", plain);
	sha256_bytes(buf_str(text), text->len, hex);
	return run_gpgv(c, arena_printf(c->arena, "%s.gpg", plain), plain, s, NULL);
}

static int verify_source(const struct check *c, const struct lock *old, struct lock_source *ret)
{
	struct signer s = { .def = c->def };
	const char *path = NULL;
	_buf_ text = BUF_INIT;
	char hex[SHA256_HEX];
	int r;

	r = read_release(c, &s, &text, &path, hex);
	if (r < 0)
		return r;
	r = check_signer(c, &s);
	if (r == 0)
		r = check_date(c, &text, old, ret);
	if (r == 0)
		r = check_suite(c, &text);
	if (r == 0)
		r = check_components(c, &text);
	if (r < 0) {
		if (c->fetched)
			(void)unlink(path);
		return r;
	}
	for (size_t i = 0; i < c->d->n; i++) {
		if (c->d->indexes[i].source != c->source)
			continue;
		r = check_index(c, &c->d->indexes[i], &text, path);
		if (r < 0)
			return r;
	}
	ret->id = arena_strdup(c->arena, c->source->id);
	ret->uri = c->source->base == APT_OWN ? arena_strdup(c->arena, c->source->uri) : NULL;
	ret->suite = arena_strdup(c->arena, c->source->suite);
	ret->components = arena_strdup(c->arena, c->source->components);
	ret->sha256 = arena_strdup(c->arena, hex);
	ret->fingerprint = arena_strdup(c->arena, s.fingerprint);
	return 0;
}

int verify_indexes(const struct aptdir *d, const struct definition *def, const struct lock *old,
	bool fetched, struct arena *a, struct lock_source *ret, struct progress *p, struct error *e)
{
	for (size_t i = 0; i < d->sources->n; i++) {
		struct check c = { .d = d,
			.source = &d->sources->v[i],
			.keyring = d->keyrings[i],
			.def = def,
			.fetched = fetched,
			.arena = a,
			.progress = p,
			.e = e };
		int r = verify_source(&c, old, &ret[i]);

		if (r < 0)
			return r;
	}
	if (d->n == 0)
		return error_set(e, ERR_NETWORK,
			"there are no package indexes on this machine yet: run kbuild lock without "
			"--offline once");
	return 0;
}
