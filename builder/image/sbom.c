/*
 * Packages are named by package URLs (purl), with the source package as "upstream": Debian's and Ubuntu's
 * security notices are about source packages.
 */
#include "sbom.h"

#include "api.h"
#include "arena.h"
#include "buf.h"
#include "json.h"
#include "lock.h"

#include <string.h>
#include <time.h>

#define IMAGE "image" /* what the parts are named within the document */
#define OS    "os"
#define AGENT "kbuild-agent"

static void add_text(struct buf *out, const char *key, const char *value)
{
	buf_printf(out, ", \"%s\": ", key);
	json_write_string(out, value, strlen(value));
}

static void add_sha256(struct buf *out, const char *hex)
{
	buf_printf(out, ", \"hashes\": [{\"alg\": \"SHA-256\", \"content\": \"%s\"}]", hex);
}

static void begin(struct buf *out, const char *type, const char *ref, const char *name)
{
	buf_printf(out, "    {\"type\": \"%s\"", type);
	add_text(out, "bom-ref", ref);
	add_text(out, "name", name);
}

/*
 * The source package of "pool/main/o/openssl/libssl3_3.0_amd64.deb" is a directory of its path: so Debian's
 * and Ubuntu's archives are laid out. False: this path is another one's.
 */
static bool source_of(const char *file, const char **ret, size_t *ret_len)
{
	const char *last = strrchr(file, '/'), *first, *prefix;
	size_t len, lib;

	if (!last || strncmp(file, "pool/", 5) != 0)
		return false;
	first = memrchr(file, '/', (size_t)(last - file));
	prefix = first ? memrchr(file, '/', (size_t)(first - file)) : NULL;
	if (!prefix)
		return false;
	*ret = first + 1;
	*ret_len = (size_t)(last - first - 1);
	len = (size_t)(first - prefix - 1);
	lib = *ret_len > 3 && memcmp(*ret, "lib", 3) == 0 ? 4 : 1; /* pool/main/libx/libxml2 */
	return len == lib && *ret_len >= len && memcmp(prefix + 1, *ret, len) == 0;
}

static const char *purl(const struct sbom *s, const struct lock_package *p, struct arena *a)
{
	_buf_ out = BUF_INIT;
	const char *source;
	size_t len;

	buf_printf(&out, "pkg:deb/%s/", s->lock->distribution);
	api_escape(&out, p->name);
	buf_addc(&out, '@');
	api_escape(&out, p->version);
	buf_printf(
		&out, "?arch=%s&distro=%s-%s", p->architecture, s->lock->distribution, s->version);
	if (source_of(p->file, &source, &len)) {
		buf_adds(&out, "&upstream=");
		api_escape(&out, arena_strndup(a, source, len));
	}
	return arena_strdup(a, buf_str(&out));
}

static void add_package(const struct lock_package *p, const char *url, struct buf *out)
{
	begin(out, "library", url, p->name);
	add_text(out, "version", p->version);
	add_text(out, "purl", url);
	add_sha256(out, p->sha256);
	buf_adds(out, "},\n");
}

/* The distribution comes last, so that all before it can end with a comma. */
static void add_components(
	const struct sbom *s, const char *const *urls, struct arena *a, struct buf *out)
{
	const struct lock *l = s->lock;

	buf_adds(out, "  \"components\": [\n");
	for (size_t i = 0; i < l->n; i++)
		add_package(&l->packages[i], urls[i], out);
	for (size_t i = 0; i < l->n_containers; i++) {
		const struct lock_container *c = &l->containers[i];

		begin(out, "container", c->reference, c->reference);
		add_text(out, "version", arena_printf(a, "sha256:%s", c->sha256));
		add_sha256(out, c->sha256);
		buf_adds(out, "},\n");
	}
	if (s->agent) {
		begin(out, "application", AGENT, AGENT);
		add_text(out, "version", KBUILD_VERSION);
		add_sha256(out, s->agent);
		buf_adds(out, "},\n");
	}
	begin(out, "operating-system", OS, l->distribution);
	add_text(out, "version", s->version);
	buf_adds(out, "}\n  ],\n");
}

/* What the image is made of, all on one level: the lock has one reason for each package, and no graph. */
static void add_parts(const struct sbom *s, const char *const *urls, struct buf *out)
{
	const struct lock *l = s->lock;

	buf_adds(out, "  \"dependencies\": [{\"ref\": \"" IMAGE "\", \"dependsOn\": [");
	for (size_t i = 0; i < l->n; i++) {
		json_write_string(out, urls[i], strlen(urls[i]));
		buf_adds(out, ", ");
	}
	for (size_t i = 0; i < l->n_containers; i++) {
		json_write_string(
			out, l->containers[i].reference, strlen(l->containers[i].reference));
		buf_adds(out, ", ");
	}
	buf_printf(out, "%s\"" OS "\"]}]\n", s->agent ? "\"" AGENT "\", " : "");
}

void sbom_format(const struct sbom *s, struct buf *out)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char **urls = arena_alloc(a, (s->lock->n + 1) * sizeof *urls);
	time_t date = lock_date(s->lock);
	struct tm tm;
	char when[32];

	for (size_t i = 0; i < s->lock->n; i++)
		urls[i] = purl(s, &s->lock->packages[i], a);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&date, &tm));
	buf_adds(out,
		"{\n  \"$schema\": \"http://cyclonedx.org/schema/bom-1.6.schema.json\",\n"
		"  \"bomFormat\": \"CycloneDX\",\n  \"specVersion\": \"1.6\",\n");
	/* A UUID of version 8, whose bits are the maker's choice (RFC 9562). */
	buf_printf(out, "  \"serialNumber\": \"urn:uuid:%.8s-%.4s-8%.3s-8%.3s-%.12s\",\n", s->id,
		s->id + 8, s->id + 12, s->id + 15, s->id + 18);
	buf_printf(out,
		"  \"version\": 1,\n  \"metadata\": {\"timestamp\": \"%s\",\n"
		"    \"tools\": {\"components\": [{\"type\": \"application\", \"name\": \"kbuild\", \"version\": \"" KBUILD_VERSION
		"\"}]},\n    \"component\":\n",
		when);
	begin(out, "platform", IMAGE, s->name);
	add_text(out, "version", s->id);
	buf_adds(out, "}},\n");
	add_components(s, urls, a, out);
	add_parts(s, urls, out);
	buf_adds(out, "}\n");
}
