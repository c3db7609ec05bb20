/* Two tables of phrases; the order of the rows is the order of importance. */
#include "apterror.h"

#include "alloc.h"
#include "buf.h"
#include "definition.h"
#include "error.h"
#include "http.h"
#include "sources.h"

#include <string.h>

struct phrase {
	const char *says; /* in apt's line */
	int code;
	const char *reason, *next;
};

#define WRONG_KEY                                                                                  \
	"if the archive has a new key, install the newer keyring package (or give the key); "      \
	"otherwise do not trust this mirror"
#define SYNCING                                                                                    \
	"the mirror is being updated or damages files: try again in a few minutes, or use "        \
	"another with --mirror"
#define MIRROR "check the URL, or use another mirror with --mirror"

static const struct phrase update_phrases[] = {
	{ "No space left on device", ERR_FAILED, "the disk is full", "make room in the cache" },
	{ "BADSIG", ERR_LOCK, "its signature is wrong",
		"do not trust this mirror; use another with --mirror" },
	{ "REVKEYSIG", ERR_LOCK, "it is signed by a revoked key", WRONG_KEY },
	{ "EXPKEYSIG", ERR_LOCK, "it is signed by an expired key", WRONG_KEY },
	{ "EXPSIG", ERR_LOCK, "its signature has expired", WRONG_KEY },
	{ "NO_PUBKEY", ERR_LOCK, "it is signed by a key that is not in the keyring", WRONG_KEY },
	{ "Missing key", ERR_LOCK, "it is signed by a key that is not in the keyring", WRONG_KEY },
	{ "Policy rejected", ERR_LOCK, "its key or signature is too weak for this machine's apt",
		"use another mirror with --mirror, or install the newer keyring package" },
	{ "signatures were invalid", ERR_LOCK, "its signature is wrong", WRONG_KEY },
	{ "couldn't be verified", ERR_LOCK, "its signature could not be verified", WRONG_KEY },
	{ "does the network require authentication", ERR_NETWORK,
		"what came is no signed index (a login page?)", MIRROR },
	{ "NODATA", ERR_LOCK, "it has no signature", MIRROR },
	{ "is expired", ERR_LOCK,
		"it is no longer valid: the mirror is stale, or this machine's clock is ahead",
		"use another mirror with --mirror, or set kbuild.base.check_valid_until: false for a "
		"snapshot" },
	{ "is no longer valid", ERR_LOCK, "it is no longer valid",
		"use another mirror with --mirror" },
	{ "is not valid yet", ERR_LOCK, "it is from the future: this machine's clock is behind",
		"set the clock" },
	{ "Hash Sum mismatch", ERR_LOCK, "an index does not have the signed hash", SYNCING },
	{ "has unexpected size", ERR_LOCK, "an index does not have the signed size", SYNCING },
	{ "weak security", ERR_LOCK, "it is only hashed by weak algorithms", MIRROR },
	{ "Insufficient information available", ERR_LOCK, "it is only hashed by weak algorithms",
		MIRROR },
	{ "Could not resolve", ERR_NETWORK, "the name of the host is not known",
		"check the network and the URL" },
	{ "Temporary failure resolving", ERR_NETWORK, "the name of the host could not be looked up",
		"check the network" },
	{ "Something wicked happened resolving", ERR_NETWORK,
		"the name of the host could not be looked up", "check the network" },
	{ "Could not connect", ERR_NETWORK, "the host does not answer",
		"check the network and the URL" },
	{ "Unable to connect", ERR_NETWORK, "the host does not answer",
		"check the network and the URL" },
	{ "timed out", ERR_NETWORK, "the host stopped answering",
		"try again, or use another mirror with --mirror" },
	{ "Connection failed", ERR_NETWORK, "the connection broke",
		"try again, or use another mirror with --mirror" },
	{ "Error reading from server", ERR_NETWORK, "the connection broke",
		"try again, or use another mirror with --mirror" },
	{ "404 ", ERR_NETWORK, "the mirror has no such file", MIRROR },
	{ "403 ", ERR_NETWORK, "the mirror refuses", MIRROR },
	{ "  50", ERR_NETWORK, "the mirror has a fault of its own",
		"try again, or use another mirror with --mirror" },
	{ "certificate", ERR_NETWORK, "its TLS certificate is not accepted", MIRROR },
	{ "is not signed", ERR_LOCK, "it has no valid signature", WRONG_KEY },
	{ "does not have a Release file", ERR_NETWORK, "the mirror has no such suite", MIRROR },
	{ "Failed to fetch", ERR_NETWORK, "it could not be fetched", MIRROR },
};

/* The line of text that contains at; returns new. */
static char *line_around(const char *text, const char *at)
{
	const char *from = at;

	while (from > text && from[-1] != '\n')
		from--;
	return xstrndup(from, strcspn(from, "\n"));
}

/* Behind the URI in a line, or NULL. apt itself leaves its login out here and there. */
static const char *after_uri(const char *line, const char *uri)
{
	const char *host = http_host(uri);

	for (const char *p = strstr(line, host); p; p = strstr(p + 1, host)) {
		if (p > line && strchr("/@", p[-1]))
			return p + strlen(host);
	}
	return NULL;
}

/* Which source a line of apt's is about: the one whose URI and suite it names. */
static const struct apt_source *line_source(const char *line, const struct apt_sources *sources)
{
	const struct apt_source *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < sources->n; i++) {
		const struct apt_source *s = &sources->v[i];
		const char *rest = after_uri(line, s->uri), *suite;
		size_t n = strlen(s->uri), m = strlen(s->suite);

		if (!rest)
			continue;
		suite = strstr(rest, s->suite);
		/* trixie must not match trixie-security. */
		if (suite && suite[m] != '-' && n + m > longest) {
			best = s;
			longest = n + m;
		}
	}
	return best;
}

/* apt's own words without "E: ", shortened. */
static const char *without_level(const char *line)
{
	if (strncmp(line, "E: ", 3) == 0 || strncmp(line, "W: ", 3) == 0)
		line += 3;
	return line;
}

int apt_update_error(const char *said, const struct apt_sources *sources, struct error *e)
{
	_free_ char *text = http_without_login(said);

	for (size_t i = 0; i < ARRAY_SIZE(update_phrases); i++) {
		const struct phrase *p = &update_phrases[i];
		const char *at = strstr(text, p->says);
		_free_ char *line = NULL;
		_free_ char *url = NULL;
		const struct apt_source *s;

		if (!at)
			continue;
		line = line_around(text, at);
		s = line_source(line, sources);
		if (!s)
			return error_set(e, p->code, "the package indexes: %s; %s (apt: %s)",
				p->reason, p->next, without_level(line));
		url = http_without_login(s->uri);
		return error_set(e, p->code, "the index %s at %s: %s; %s (apt: %s)", s->suite, url,
			p->reason, p->next, without_level(line));
	}
	return error_set(e, ERR_FAILED, "apt could not update the package indexes:\n%s", text);
}

static const struct phrase install_phrases[] = {
	{ "Unable to locate package", ERR_INVALID, "is in none of the sources of",
		"check its name, or add the source that has it as apt.sources" },
	{ "Couldn't find any package", ERR_INVALID, "is in none of the sources of",
		"check its name, or add the source that has it as apt.sources" },
	{ " was not found", ERR_INVALID, "", "give a version or release that the archive has now" },
	{ "has no installation candidate", ERR_INVALID, "", "name the package that provides it" },
	{ "held broken packages", ERR_INVALID, "", "" },
	{ "unmet dependencies", ERR_INVALID, "", "" },
};

/* All lines after the head that explain unmet dependencies, and the errors. */
static void explanation(const char *text, struct buf *out)
{
	const char *from = strstr(text, "The following packages have unmet dependencies");

	for (const char *p = from ? from : text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		int n = (int)strcspn(p, "\n");

		if (from && p[0] == ' ')
			buf_printf(out, "\n %.*s", n, p);
		else if (strncmp(p, "E: ", 3) == 0)
			buf_printf(out, "\n  %.*s", n - 3, p + 3);
	}
}

int apt_install_error(const char *text, const struct definition *def, struct error *e)
{
	_buf_ why = BUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(install_phrases); i++) {
		const struct phrase *p = &install_phrases[i];
		const char *at = strstr(text, p->says);
		_free_ char *line = NULL;
		const char *name;

		if (!at)
			continue;
		line = line_around(text, at);
		name = strrchr(line, ' ');
		if (p->reason[0] && name)
			return error_set(e, p->code, "the package '%s' of %s %s %s; %s", name + 1,
				def->path, p->reason, def->release, p->next);
		if (p->next[0])
			return error_set(e, p->code, "%s; %s", without_level(line), p->next);
		explanation(text, &why);
		return error_set(e, p->code, "the packages of %s cannot be installed together:%s",
			def->path, buf_str(&why));
	}
	return error_set(e, ERR_FAILED, "apt could not resolve the packages:\n%s", text);
}
