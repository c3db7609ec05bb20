/*
 * Which mirror the build host's own apt uses. Read only to find the standard archive: entries of
 * others (a vendor's repository that also says "debian" somewhere) must not be taken for it.
 */
#include "sources.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "deb822.h"
#include "fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#define FILE_SIZE_MAX MIB

struct search {
	struct arena *arena;
	const char *distribution;
	const char *codename; /* of the host; may be NULL */
	const char *main, *security;
};

static bool suite_is_release(const struct search *s, const char *suite)
{
	static const char *const rolling[] = { "stable", "testing", "unstable", "sid" };
	size_t n = s->codename ? strlen(s->codename) : 0;

	if (n && strncmp(suite, s->codename, n) == 0 && (suite[n] == '\0' || suite[n] == '-'))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(rolling); i++) {
		if (strcmp(suite, rolling[i]) == 0)
			return true;
	}
	return false;
}

/* ".../debian" or ".../debian/20250101T000000Z", also ".../debian-security". */
static bool path_names(const char *uri, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = strchr(uri + strlen("http://"), '/'); p; p = strchr(p + 1, '/')) {
		if (strncmp(p + 1, word, n) == 0 && (p[1 + n] == '\0' || p[1 + n] == '/'))
			return true;
	}
	return false;
}

static void consider(struct search *s, const char *uri, const char *suite)
{
	_free_ char *security = xasprintf("%s-security", s->distribution);
	bool is_security = strstr(suite, "-security") != NULL;
	const char **into = is_security ? &s->security : &s->main;
	size_t n = strlen(uri);

	if (*into || (strncmp(uri, "http://", 7) != 0 && strncmp(uri, "https://", 8) != 0))
		return;
	if (!suite_is_release(s, suite))
		return;
	if (!path_names(uri, s->distribution) && !(is_security && path_names(uri, security)))
		return;
	while (n > 0 && uri[n - 1] == '/')
		n--;
	*into = arena_strndup(s->arena, uri, n);
}

/* "deb [options] URI SUITE COMPONENT…" */
static void read_line(struct search *s, char *line)
{
	const char *blank = " \t\r";
	char *save = NULL, *word, *suite;

	word = strtok_r(line, blank, &save);
	if (!word || strcmp(word, "deb") != 0)
		return;
	word = strtok_r(NULL, blank, &save);
	if (word && word[0] == '[') {
		while (word && !strchr(word, ']'))
			word = strtok_r(NULL, blank, &save);
		word = strtok_r(NULL, blank, &save);
	}
	suite = strtok_r(NULL, blank, &save);
	if (word && suite)
		consider(s, word, suite);
}

static void read_list(struct search *s, const char *path)
{
	_buf_ b = BUF_INIT;
	char *save = NULL;

	if (file_read(AT_FDCWD, path, FILE_SIZE_MAX, &b) < 0 || !b.data)
		return;
	for (char *l = strtok_r(b.data, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		read_line(s, l);
}

static void read_sources(struct search *s, const char *path)
{
	_cleanup_(deb822_freep) struct deb822 *d = NULL;
	struct stanza st;

	if (deb822_open(&d, path) < 0)
		return;
	while (deb822_next(d, &st) > 0) {
		const char *uris = stanza_dup(&st, "URIs", s->arena);
		const char *suites = stanza_dup(&st, "Suites", s->arena);
		const char *types = stanza_dup(&st, "Types", s->arena);
		char *save = NULL, *copy;

		if (!uris || !suites || !types || strncmp(types, "deb", 3) != 0 ||
			stanza_is(&st, "Enabled", "no"))
			continue;
		uris = arena_strndup(s->arena, uris, strcspn(uris, " \t\n"));
		copy = arena_strdup(s->arena, suites);
		for (char *w = strtok_r(copy, " \t\n", &save); w;
			w = strtok_r(NULL, " \t\n", &save))
			consider(s, uris, w);
	}
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static int by_name(const struct dirent **x, const struct dirent **y)
{
	return strcmp((*x)->d_name, (*y)->d_name);
}

static void read_directory(struct search *s, const char *dir)
{
	struct dirent **v = NULL;
	int n = scandir(dir, &v, NULL, by_name);

	for (int i = 0; i < n; i++) {
		_free_ char *path = xasprintf("%s/%s", dir, v[i]->d_name);

		if (ends_with(path, ".sources"))
			read_sources(s, path);
		else if (ends_with(path, ".list"))
			read_list(s, path);
		free(v[i]);
	}
	free(v);
}

/* A value of os-release, without quotes; in the arena, or NULL. */
static const char *os_release(const struct buf *b, const char *key, struct arena *a)
{
	size_t n = strlen(key);

	for (const char *p = buf_str(b); *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (strncmp(p, key, n) != 0 || p[n] != '=')
			continue;
		p += n + 1;
		p += strspn(p, "\"'");
		return arena_strndup(a, p, strcspn(p, "\"'\n"));
	}
	return NULL;
}

void host_mirror(const char *root, const char *distribution, struct arena *a, const char **ret_main,
	const char **ret_security)
{
	_free_ char *release = xasprintf("%s/etc/os-release", root);
	_free_ char *list = xasprintf("%s/etc/apt/sources.list", root);
	_free_ char *parts = xasprintf("%s/etc/apt/sources.list.d", root);
	struct search s = { .arena = a, .distribution = distribution };
	_buf_ b = BUF_INIT;
	const char *id;

	*ret_main = *ret_security = NULL;
	if (file_read(AT_FDCWD, release, FILE_SIZE_MAX, &b) < 0)
		return;
	id = os_release(&b, "ID", a);
	if (!id || strcmp(id, distribution) != 0)
		return;
	s.codename = os_release(&b, "VERSION_CODENAME", a);
	read_list(&s, list);
	read_directory(&s, parts);
	*ret_main = s.main;
	*ret_security = s.security;
}
