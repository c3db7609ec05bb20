/*
 * From the definition to a list of sources. The keys are cloud-init's own (apt: sources, primary,
 * security, disable_suites, sources_list), with its placeholders; what would need the network or
 * a key that nobody gave is refused with what to write instead.
 */
#include "sources.h"

#include "alloc.h"
#include "arena.h"
#include "baseset.h"
#include "buf.h"
#include "definition.h"
#include "digest.h"
#include "error.h"
#include "node.h"

#include <string.h>

#define SOURCES_MAX 256

struct reader {
	struct apt_sources *s;
	struct arena *arena;
	const struct definition *def;
	const struct distribution *dist;
	const struct node *apt;
	struct error *e;
};

static struct apt_source *add(struct reader *r, enum apt_base base, const char *id)
{
	struct apt_source *s = &r->s->v[r->s->n++];

	*s = (struct apt_source){ .id = id, .base = base };
	return s;
}

/* cloud-init's names: "updates" means "$RELEASE-updates"; "release" is the first pocket. */
static bool suite_disabled(const struct reader *r, const char *pocket)
{
	const struct node *list = node_get(r->apt, "disable_suites");

	for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		const char *name = node_str(list->items[i]);
		size_t n = strlen(r->def->release);

		if (!name)
			continue;
		if (strncmp(name, "$RELEASE", 8) == 0)
			name += 8;
		else if (strncmp(name, r->def->release, n) == 0)
			name += n;
		else if (strcmp(name, "release") == 0)
			name = "";
		name += name[0] == '-';
		if (strcmp(name, pocket) == 0)
			return true;
	}
	return false;
}

static void use_archive_keys(const struct reader *r, struct apt_source *s)
{
	s->keyring = r->def->keyring ? r->def->keyring : r->dist->keyring;
	s->key_target = r->dist->target_keyring;
}

static void read_pockets(struct reader *r)
{
	static const char *const pockets[] = { "", "updates", "security" };
	const char *components = r->def->components ? r->def->components : r->dist->components;

	for (size_t i = 0; i < ARRAY_SIZE(pockets); i++) {
		bool security = strcmp(pockets[i], "security") == 0;
		const char *suite = arena_printf(
			r->arena, "%s%s%s", r->def->release, *pockets[i] ? "-" : "", pockets[i]);
		const char *archive = r->dist->name;
		struct apt_source *s;

		if (suite_disabled(r, pockets[i]))
			continue;
		if (security && r->dist->security_path)
			archive = r->dist->security_path;
		s = add(r, security ? APT_SECURITY : APT_MAIN,
			arena_printf(r->arena, "%s/%s", archive, suite));
		s->suite = suite;
		s->components = components;
		use_archive_keys(r, s);
	}
}

/* "deb [signed-by=$KEY_FILE arch=amd64] $MIRROR $RELEASE main", as written. */
struct deb_line {
	const char *uri, *suite, *components, *signed_by;
};

static int bad_source(const struct reader *r, const char *name, const char *why)
{
	return error_set(r->e, ERR_INVALID, "apt.sources: '%s': %s", name, why);
}

static int read_option(struct reader *r, const char *name, const char *word, struct deb_line *l)
{
	if (strncmp(word, "signed-by=", 10) == 0)
		l->signed_by = arena_strdup(r->arena, word + 10);
	else if (strncmp(word, "trusted=", 8) == 0 || strncmp(word, "allow-", 6) == 0)
		return bad_source(r, name,
			"unverified sources are refused: remove the option and give the key");
	return 0;
}

static int split_line(struct reader *r, const char *name, const char *text, struct deb_line *l)
{
	_free_ char *copy = xstrdup(text);
	_buf_ components = BUF_INIT;
	char *save = NULL, *w, *open;
	int x;

	while ((open = strchr(copy, '[')) || (open = strchr(copy, ']')))
		*open = ' ';
	w = strtok_r(copy, " \t\r\n", &save);
	if (!w || strcmp(w, "deb") != 0)
		return bad_source(
			r, name, "must be a line 'deb [signed-by=$KEY_FILE] URI SUITE COMPONENT…'");
	w = strtok_r(NULL, " \t\r\n", &save);
	for (; w && strchr(w, '=') && !strstr(w, "://"); w = strtok_r(NULL, " \t\r\n", &save)) {
		x = read_option(r, name, w, l);
		if (x < 0)
			return x;
	}
	l->uri = w ? arena_strdup(r->arena, w) : NULL;
	w = strtok_r(NULL, " \t\r\n", &save);
	if (!w)
		return bad_source(r, name, "has no URI or no suite");
	l->suite = arena_strdup(r->arena, w);
	while ((w = strtok_r(NULL, " \t\r\n", &save)) && *w != '#') {
		if (!apt_word_is_safe(w))
			return bad_source(r, name, "has a component with blanks or quotes in it");
		buf_printf(&components, "%s%s", components.len ? " " : "", w);
	}
	l->components = arena_strdup(r->arena, buf_str(&components));
	return 0;
}

static const char *replace(struct arena *a, const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	if (!at)
		return text;
	return arena_printf(a, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

bool apt_word_is_safe(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s <= ' ' || (unsigned char)*s == 0x7f || strchr("\"'\\;{}", *s))
			return false;
	}
	return true;
}

/* The text that write_files puts at path, when it is there as plain text. */
static const char *written_file(const struct reader *r, const char *path)
{
	const struct node *files = definition_key(r->def, "write_files");

	for (size_t i = 0; files && files->kind == NODE_LIST && i < files->n; i++) {
		const char *at = node_str(node_get(files->items[i], "path"));

		if (at && strcmp(at, path) == 0 && !node_get(files->items[i], "encoding"))
			return node_str(node_get(files->items[i], "content"));
	}
	return NULL;
}

static int find_key(struct reader *r, const char *name, const struct node *entry,
	const struct deb_line *l, struct apt_source *s)
{
	const char *key = node_str(node_get(entry, "key"));
	bool placeholder = l->signed_by && strcmp(l->signed_by, "$KEY_FILE") == 0;

	if (!key && l->signed_by && !placeholder)
		key = written_file(r, l->signed_by);
	if (key) {
		if (!strstr(key, "-----BEGIN PGP PUBLIC KEY BLOCK-----"))
			return bad_source(r, name, "its key is no armored OpenPGP public key");
		s->key = key;
		s->key_target = arena_printf(r->arena, "/etc/apt/keyrings/%s.asc", name);
		return 0;
	}
	if (node_get(entry, "keyid"))
		return bad_source(r, name,
			"keys are not fetched from key servers: give the armored key as 'key:'");
	if (l->signed_by && strcmp(l->signed_by, r->dist->target_keyring) != 0)
		return bad_source(r, name,
			placeholder
				? "uses $KEY_FILE but has no key: give the armored key as 'key:'"
				: "its signed-by is no file of write_files: give the armored "
				  "key as 'key:'");
	use_archive_keys(r, s);
	return 0;
}

/* apt.sources.docker.list and docker are the same name in ids and file names. */
static const char *clean_name(struct arena *a, const char *name)
{
	char *s = arena_strdup(a, name);
	size_t n = strlen(s);

	if (n > 5 && strcmp(s + n - 5, ".list") == 0)
		s[n - 5] = '\0';
	for (char *p = s; *p; p++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_",
			    *p))
			*p = '_';
	}
	return s[0] == '.' ? arena_printf(a, "_%s", s) : s;
}

static int read_line(struct reader *r, const char *name, const char *text, const struct node *entry)
{
	struct deb_line l = {};
	struct apt_source *s;
	const char *suite;
	int x;

	x = split_line(r, name, text, &l);
	if (x < 0)
		return x;
	suite = replace(r->arena, l.suite, "$RELEASE", r->def->release);
	s = add(r, APT_OWN, arena_printf(r->arena, "extra.%s/%s", name, suite));
	s->suite = suite;
	s->components = l.components;
	if (strcmp(l.uri, "$MIRROR") == 0 || strcmp(l.uri, "$PRIMARY") == 0)
		s->base = APT_MAIN;
	else if (strcmp(l.uri, "$SECURITY") == 0)
		s->base = APT_SECURITY;
	else if (strncmp(l.uri, "http://", 7) != 0 && strncmp(l.uri, "https://", 8) != 0)
		return bad_source(r, name, "its URI must begin with http:// or https://");
	else
		s->uri = arena_strndup(
			r->arena, l.uri, strlen(l.uri) - (l.uri[strlen(l.uri) - 1] == '/'));
	if (!apt_word_is_safe(l.uri) || !apt_word_is_safe(suite) ||
		(suite[strlen(suite) - 1] == '/') != (l.components[0] == '\0'))
		return bad_source(r, name, "has no components, or a suite or URI that is none");
	return find_key(r, name, entry, &l, s);
}

static int read_extra(struct reader *r)
{
	const struct node *map = node_get(r->apt, "sources");
	int x;

	for (size_t i = 0; map && map->kind == NODE_MAP && i < map->n; i++) {
		const char *name = clean_name(r->arena, map->keys[i]->str);
		const char *text = node_str(node_get(map->items[i], "source"));

		if (r->s->n == SOURCES_MAX)
			return bad_source(r, name, "there are too many sources");
		if (!text)
			continue; /* only a key: nothing to fetch from */
		if (strncmp(text, "ppa:", 4) == 0)
			return bad_source(r, name,
				"ppa: needs a key that Launchpad would have to be asked for; write the "
				"line 'deb [signed-by=$KEY_FILE] URI $RELEASE main' and its 'key:'");
		x = read_line(r, name, text, map->items[i]);
		if (x < 0)
			return x;
	}
	return 0;
}

/* A list of its own in place of the pockets. What it names is verified like the rest. */
static int read_template(struct reader *r, const char *text)
{
	_free_ char *copy = xstrdup(text);
	char *save = NULL;
	int n = 0, x;

	for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		l += strspn(l, " \t");
		if (!*l || *l == '#' || strncmp(l, "deb-src", 7) == 0)
			continue;
		if (r->s->n == SOURCES_MAX)
			return bad_source(r, "sources_list", "there are too many sources");
		x = read_line(r, "sources_list", l, NULL);
		if (x < 0)
			return x;
		r->s->v[r->s->n - 1].id =
			arena_printf(r->arena, "list.%d/%s", ++n, r->s->v[r->s->n - 1].suite);
	}
	return 0;
}

static bool key_file_taken(const struct apt_sources *s, size_t i, const char *path)
{
	for (size_t k = 0; k < i; k++) {
		if (s->v[k].key && strcmp(s->v[k].key_target, path) == 0 &&
			strcmp(s->v[k].key, s->v[i].key) != 0)
			return true;
	}
	return false;
}

/*
 * All lines of sources_list have one name, and so have "x" and "x.list": each further key gets a number,
 * "sources_list-2.asc", for in one file only the last would be left.
 */
static void number_keys(struct apt_sources *s, struct arena *a)
{
	for (size_t i = 0; i < s->n; i++) {
		const char *path = s->v[i].key_target;
		int stem = (int)(strlen(path) - strlen(".asc"));

		for (int n = 2; s->v[i].key && key_file_taken(s, i, s->v[i].key_target); n++)
			s->v[i].key_target = arena_printf(a, "%.*s-%d.asc", stem, path, n);
	}
}

int apt_sources_read(
	struct apt_sources *ret, struct arena *a, const struct definition *def, struct error *e)
{
	struct reader r = { .s = ret, .arena = a, .def = def, .e = e };
	const char *list;
	int x;

	*ret = (struct apt_sources){ .v = arena_alloc(a, SOURCES_MAX * sizeof *ret->v) };
	r.dist = distribution_find(def->distribution);
	if (!r.dist)
		return error_set(e, ERR_INVALID, "kbuild cannot build for the distribution '%s'",
			def->distribution);
	r.apt = definition_key(def, "apt");
	list = node_str(node_get(r.apt, "sources_list"));
	if (list) {
		x = read_template(&r, list);
		if (x < 0)
			return x;
	} else {
		read_pockets(&r);
	}
	x = read_extra(&r);
	if (x < 0)
		return x;
	number_keys(ret, a);
	for (size_t i = 0; i < ret->n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (strcmp(ret->v[i].id, ret->v[k].id) == 0)
				return error_set(e, ERR_INVALID, "the apt source %s is there twice",
					ret->v[i].id);
		}
	}
	if (ret->n == 0)
		return error_set(e, ERR_INVALID, "the definition leaves no apt source enabled");
	return 0;
}

const char *apt_source_line(const struct apt_source *s, struct arena *a)
{
	char hex[SHA256_HEX];

	if (!s->key)
		return arena_printf(a, "source %s %s%s%s", s->id,
			s->uri && s->base == APT_OWN ? s->uri : "mirror",
			s->components[0] ? " " : "", s->components);
	sha256_bytes(s->key, strlen(s->key), hex);
	return arena_printf(a, "source %s %s%s%s key sha256:%s", s->id,
		s->base == APT_OWN ? s->uri : "mirror", s->components[0] ? " " : "", s->components,
		hex);
}
