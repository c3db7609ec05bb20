#include "release.h"

#include "alloc.h"
#include "arena.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

bool release_date(const char *text, char ret[RELEASE_DATE_SIZE])
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	unsigned day, year, h, m, s;
	char month[4] = "", zone[8] = "";
	const char *at;

	if (sscanf(text, "%*3s, %2u %3s %4u %2u:%2u:%2u %7s", &day, month, &year, &h, &m, &s,
		    zone) != 7)
		return false;
	at = strstr(months, month);
	if (strlen(month) != 3 || !at || (at - months) % 3 != 0)
		return false;
	if (strcmp(zone, "UTC") != 0 && strcmp(zone, "GMT") != 0 && strcmp(zone, "+0000") != 0)
		return false;
	if (day < 1 || day > 31 || year < 1970 || year > 9999 || h > 23 || m > 59 || s > 60)
		return false;
	snprintf(ret, RELEASE_DATE_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ", year,
		(unsigned)(at - months) / 3 + 1, day, h, m, s);
	return true;
}

const char *release_field(const char *text, const char *field, struct arena *a)
{
	size_t n = strlen(field);

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (strncasecmp(p, field, n) == 0 && p[n] == ':') {
			p += n + 1;
			p += strspn(p, " \t");
			return arena_strndup(a, p, strcspn(p, "\r\n"));
		}
	}
	return NULL;
}

/*
 * Ubuntu's pockets all have the Codename of their release, and only the Suite tells them apart: "noble" is not
 * "noble-backports". Where the Suite is the Codename with more behind it, the Codename says nothing.
 */
static bool is_named(const char *named, const char *codename, const char *asked)
{
	size_t n = codename ? strlen(codename) : 0;
	bool pocket = named && n > 0 && strncmp(named, codename, n) == 0 && named[n] == '-';

	return (named && strcmp(named, asked) == 0) ||
	       (codename && !pocket && strcmp(codename, asked) == 0);
}

bool release_is(const char *text, const char *suite)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *named = release_field(text, "Suite", a);
	const char *codename = release_field(text, "Codename", a), *slash = strrchr(suite, '/');

	return is_named(named, codename, suite) ||
	       (slash &&
		       is_named(named, codename, arena_strndup(a, suite, (size_t)(slash - suite))));
}

/* A line is " HEX SIZE NAME". */
bool release_hash(const char *text, const char *name, char ret[SHA256_HEX])
{
	const char *p = strstr(text, "\nSHA256:"), *nl;
	size_t n = strlen(name);

	if (!p)
		return false;
	for (p = strchr(p + 1, '\n'); p && p[1] == ' '; p = nl) {
		const char *hex = p + 1 + strspn(p + 1, " ");
		const char *end;

		nl = strchr(p + 1, '\n');
		end = nl ? nl : p + 1 + strlen(p + 1);
		while (end > hex && (end[-1] == ' ' || end[-1] == '\r'))
			end--;
		if (hex >= end || (size_t)(end - hex) < SHA256_HEX + n ||
			end[-(ptrdiff_t)n - 1] != ' ' || memcmp(end - n, name, n) != 0)
			continue;
		memcpy(ret, hex, SHA256_HEX - 1);
		ret[SHA256_HEX - 1] = '\0';
		return sha256_valid(ret);
	}
	return false;
}

bool release_has(const char *text, const char *component, const char *architecture)
{
	_free_ char *own = xasprintf("%s/binary-%s/Packages", component, architecture);
	_free_ char *all = xasprintf("%s/binary-all/Packages", component);
	char hex[SHA256_HEX];

	return release_hash(text, own, hex) || release_hash(text, all, hex);
}
