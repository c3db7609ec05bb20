/*
 * The private directory. APT_CONFIG names our file, which moves Dir and everything below it: apt
 * then has no reason to open anything of the host's /etc/apt or /var/lib/apt. The environment is
 * built anew; of the host's only the usual proxy variables pass on.
 */
#include "aptdir.h"

#include "alloc.h"
#include "apterror.h"
#include "arena.h"
#include "armor.h"
#include "buf.h"
#include "definition.h"
#include "digest.h"
#include "error.h"
#include "fd.h"
#include "http.h"
#include "keyring.h"
#include "process.h"
#include "progress.h"
#include "sources.h"
#include "work.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define FILE_SIZE_MAX (16 * MIB)

/*
 * ForceEssential: apt counts itself as essential otherwise, and the first transaction would not
 * be the one that mmdebstrap makes. NoLocking: our own lock does it, and apt must not reach for
 * dpkg's. One retry after 15 silent seconds: apt waits for each pocket in turn, so a mirror that
 * stalls is given up after a minute and a half. AllowReleaseInfoChange: apt would never again take a suite
 * that has become "stable", nor the right one after a wrong one; what it may be called is for verify.c.
 */
static const char conf_fixed[] =
	"Dir::Etc \"etc\";\n"
	"Dir::State \"state\";\n"
	"Dir::State::lists \"lists\";\n"
	"Dir::Cache \"cache\";\n"
	"Dir::Log \"log\";\n"
	"APT::Install-Suggests \"false\";\n"
	"APT::Get::Never-Include-Phased-Updates \"false\";\n"
	"APT::Get::Always-Include-Phased-Updates \"true\";\n"
	"APT::Solver \"internal\";\n"
	"APT::Cache-Start \"67108864\";\n"
	"pkgCacheGen::ForceEssential \",\";\n"
	"Debug::NoLocking \"true\";\n"
	"Acquire::Languages \"none\";\n"
	"Acquire::PDiffs \"false\";\n"
	"Acquire::GzipIndexes \"false\";\n"
	"Acquire::AllowInsecureRepositories \"false\";\n"
	"Acquire::AllowDowngradeToInsecureRepositories \"false\";\n"
	"Acquire::AllowWeakRepositories \"false\";\n"
	"Acquire::AllowReleaseInfoChange \"true\";\n"
	"Acquire::Retries \"1\";\n"
	"Acquire::http::Timeout \"15\";\n"
	"Acquire::https::Timeout \"15\";\n";

static const char *const directories[] = {
	"etc/apt.conf.d",
	"etc/preferences.d",
	"etc/sources.list.d",
	"etc/trusted.gpg.d",
	"etc/auth.conf.d",
	"etc/keyrings",
	"state/lists/partial",
	"cache/archives/partial",
	"log",
};

int aptdir_write(struct aptdir *d, const char *path, const char *text, size_t len, struct error *e)
{
	_free_ char *full = xasprintf("%s/%s", d->path, path);
	_buf_ old = BUF_INIT;
	int r;

	/* An equal file keeps its time: apt's cache stays valid. */
	r = file_read(AT_FDCWD, full, FILE_SIZE_MAX, &old);
	if (r == 0 && old.len == len && memcmp(buf_str(&old), text, len) == 0)
		return 0;
	r = file_replace(AT_FDCWD, full, text, len, 0644);
	if (r < 0)
		return error_errno(e, r, "writing %s", full);
	return 0;
}

static int write_conf(struct aptdir *d, const struct definition *def, struct error *e)
{
	_buf_ b = BUF_INIT;

	buf_printf(&b, "Dir \"%s/\";\n", d->path);
	buf_adds(&b, conf_fixed);
	buf_printf(&b, "Dir::State::status \"%s/status\";\n", d->path);
	buf_printf(&b, "APT::Architecture \"%s\";\n", def->architecture);
	buf_printf(&b, "APT::Architectures { \"%s\"; };\n", def->architecture);
	buf_printf(&b, "APT::Install-Recommends \"%s\";\n", def->recommends ? "true" : "false");
	buf_printf(&b, "Acquire::Check-Valid-Until \"%s\";\n",
		def->ignore_valid_until ? "false" : "true");
	return aptdir_write(d, "apt.conf", buf_str(&b), b.len, e);
}

/*
 * Keys of the definition, as text or as a file of its own, become a file here that apt and gpgv both
 * read: to apt a relative path is no file at all, and its own user may not reach one in a home.
 */
static int write_keyring(struct aptdir *d, size_t i, const struct definition *def, struct error *e)
{
	const struct apt_source *s = &d->sources->v[i];
	const char *name = arena_printf(d->arena, "etc/keyrings/%zu.gpg", i);
	_buf_ b = BUF_INIT;
	int r = 0;

	if (!s->key && !def->keyring) {
		d->keyrings[i] = s->keyring;
		return 0;
	}
	if (!s->key)
		r = keyring_read(s->keyring, &b, e);
	else if (!armor_decode(s->key, strlen(s->key), &b))
		return error_set(
			e, ERR_INVALID, "the key of the apt source '%s' is damaged", s->id);
	if (r == 0)
		r = aptdir_write(d, name, buf_str(&b), b.len, e);
	if (r < 0)
		return r;
	d->keyrings[i] = arena_printf(d->arena, "%s/%s", d->path, name);
	return 0;
}

static int write_sources(struct aptdir *d, const struct definition *def, struct error *e)
{
	_buf_ b = BUF_INIT;
	int r;

	for (size_t i = 0; i < d->sources->n; i++) {
		const struct apt_source *s = &d->sources->v[i];

		r = write_keyring(d, i, def, e);
		if (r < 0)
			return r;
		buf_printf(&b, "Types: deb\nURIs: %s\nSuites: %s\n", s->uri, s->suite);
		if (s->components[0])
			buf_printf(&b, "Components: %s\n", s->components);
		buf_printf(&b, "Architectures: %s\nSigned-By: %s\n\n", def->architecture,
			d->keyrings[i]);
	}
	return aptdir_write(d, "etc/sources.list.d/kbuild.sources", buf_str(&b), b.len, e);
}

/* own_keyring: the digest of kbuild.base.keyring, or "". */
static char *directory_name(
	const char *cache_dir, const struct apt_sources *sources, const char *own_keyring)
{
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();
	char hex[SHA256_HEX];

	for (size_t i = 0; i < sources->n; i++) {
		const struct apt_source *s = &sources->v[i];

		sha256_adds(h, s->uri);
		sha256_adds(h, s->suite);
		sha256_adds(h, s->components);
		sha256_adds(h, s->key ? s->key : *own_keyring ? own_keyring : s->keyring);
	}
	sha256_end(h, hex);
	return xasprintf("%s/apt/%.16s", cache_dir, hex);
}

int aptdir_open(struct aptdir *d, const char *cache_dir, const struct apt_sources *sources,
	const struct definition *def, struct progress *p, struct error *e)
{
	_free_ char *absolute = NULL, *lock = NULL;
	char own_keyring[SHA256_HEX] = "";
	int r;

	r = mkdir_all(AT_FDCWD, cache_dir, 0755);
	if (r < 0)
		return error_errno(e, r, "making %s", cache_dir);
	absolute = realpath(cache_dir, NULL);
	if (!absolute || strpbrk(absolute, "\"\\\n"))
		return error_set(e, ERR_FAILED,
			"apt cannot work below '%s': choose another cache with --cache", cache_dir);
	if (def->keyring) {
		r = keyring_digest(def->keyring, own_keyring, e);
		if (r < 0)
			return r;
	}
	d->arena = arena_new();
	d->sources = sources;
	d->path = directory_name(absolute, sources, own_keyring);
	d->keyrings = arena_alloc(d->arena, sources->n * sizeof *d->keyrings);
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		_free_ char *dir = xasprintf("%s/%s", d->path, directories[i]);

		r = mkdir_all(AT_FDCWD, dir, 0755);
		if (r < 0)
			return error_errno(e, r, "making %s", dir);
	}
	lock = xasprintf("%s/lock", d->path);
	d->lock = work_lock(lock, "these package indexes", p, e);
	if (d->lock < 0)
		return d->lock;
	r = write_conf(d, def, e);
	if (r < 0)
		return r;
	r = aptdir_write(d, "status", "", 0, e);
	if (r < 0)
		return r;
	return write_sources(d, def, e);
}

void aptdir_close(struct aptdir *d)
{
	arena_free(d->arena);
	free(d->path);
	free(d->indexes);
	closep(&d->lock);
	*d = (struct aptdir)APTDIR_INIT;
}

const char **aptdir_environment(struct aptdir *d)
{
	static const char *const passed[] = { "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY",
		"HTTPS_PROXY", "NO_PROXY", "TMPDIR" };
	const char **env = arena_alloc(d->arena, (ARRAY_SIZE(passed) + 5) * sizeof *env);
	const char *path = getenv("PATH");
	size_t n = 0;

	env[n++] = arena_printf(d->arena, "APT_CONFIG=%s/apt.conf", d->path);
	env[n++] = arena_printf(d->arena, "PATH=%s",
		path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	env[n++] = "LC_ALL=C.UTF-8";
	env[n++] = arena_printf(d->arena, "HOME=%s", d->path);
	for (size_t i = 0; i < ARRAY_SIZE(passed); i++) {
		const char *v = getenv(passed[i]);

		if (v)
			env[n++] = arena_printf(d->arena, "%s=%s", passed[i], v);
	}
	return env;
}

struct watch {
	struct progress *progress;
};

/* "Get:3 http://host/debian trixie/main amd64 Packages [9679 kB]" */
static void on_line(void *arg, const char *line)
{
	struct watch *w = arg;

	if (strncmp(line, "Get:", 4) == 0 && strchr(line, ' ')) {
		_free_ char *what = http_without_login(strchr(line, ' ') + 1);

		progress_detail(w->progress, "%s", what);
	}
}

/*
 * apt and its methods hold our lock too: when kbuild is killed they write on for a moment, and whoever
 * comes next must not write beside them.
 */
static int run(struct aptdir *d, const char *const *args, struct process *p, struct error *e)
{
	const int keep[] = { d->lock, -1 };
	const char **argv;
	size_t n = 0;

	while (args[n])
		n++;
	argv = arena_alloc(d->arena, (n + 4) * sizeof *argv);
	argv[0] = "apt-get";
	argv[1] = "-o";
	argv[2] = arena_printf(d->arena, "APT::Keep-Fds::=%d", d->lock);
	memcpy(argv + 3, args, n * sizeof *args);
	p->argv = argv;
	p->env = aptdir_environment(d);
	p->keep_fds = keep;
	return process_run(p, e);
}

int aptdir_run(struct aptdir *d, const char *const *args, struct buf *out, struct buf *err,
	struct error *e)
{
	struct process p = { .out = out, .err = err };

	return run(d, args, &p, e);
}

int aptdir_update(struct aptdir *d, struct progress *p, struct error *e)
{
	/* Its own cache is made by whoever asks; making one here would cost more than the rest. */
	static const char *const args[] = { "update", "-q", "--error-on=any", "-o",
		"pkgCacheFile::Generate=false", NULL };
	struct watch w = { p };
	_buf_ out = BUF_INIT, err = BUF_INIT;
	struct process proc = { .out = &out, .err = &err, .line = on_line, .line_arg = &w };
	int r;

	r = run(d, args, &proc, e);
	if (r <= 0)
		return r;
	return apt_update_error(buf_str(&err), d->sources, e);
}

/* One line of indextargets: "FILE|URI|SUITE|NAME". The source is found again by URI and suite. */
static void add_index(struct aptdir *d, char *line, size_t *cap)
{
	char *save = NULL, *path = strtok_r(line, "|", &save), *uri = strtok_r(NULL, "|", &save);
	char *suite = strtok_r(NULL, "|", &save), *name = strtok_r(NULL, "|", &save);
	size_t n;

	if (!path || !uri || !suite || !name)
		return;
	n = strlen(uri);
	while (n > 0 && uri[n - 1] == '/')
		uri[--n] = '\0';
	for (size_t i = 0; i < d->sources->n; i++) {
		const struct apt_source *s = &d->sources->v[i];

		if (strcmp(s->uri, uri) != 0 || strcmp(s->suite, suite) != 0)
			continue;
		d->indexes = grow(d->indexes, d->n, cap, sizeof *d->indexes);
		d->indexes[d->n++] = (struct apt_index){ arena_strdup(d->arena, path), s,
			arena_strdup(d->arena, name) };
		return;
	}
}

static int by_source(const void *x, const void *y)
{
	const struct apt_index *a = x, *b = y;

	if (a->source != b->source)
		return a->source < b->source ? -1 : 1;
	return strcmp(a->name, b->name);
}

int aptdir_indexes(struct aptdir *d, struct error *e)
{
	static const char *const args[] = { "indextargets", "--format",
		"$(FILENAME)|$(REPO_URI)|$(RELEASE)|$(METAKEY)", "Created-By: Packages", NULL };
	_buf_ out = BUF_INIT, err = BUF_INIT;
	char *save = NULL;
	size_t cap = 0;
	int r;

	r = aptdir_run(d, args, &out, &err, e);
	if (r < 0)
		return r;
	if (r > 0)
		return error_set(
			e, ERR_FAILED, "apt could not list its indexes: %s", buf_str(&err));
	if (out.len > 0) {
		for (char *l = strtok_r(out.data, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
			add_index(d, l, &cap);
	}
	if (d->n > 0)
		qsort(d->indexes, d->n, sizeof *d->indexes, by_source);
	return 0;
}
