/*
 * See url.h. Names and paths are limited to what hosts really use, so that nothing needs quoting: not for
 * the remote shell that an ssh server gives the path to, not in a request line, not in a message.
 */
#include "url.h"

#include "alloc.h"
#include "error.h"

#include <string.h>

#define ALNUM	   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define HOST_CHARS ALNUM ".-_"
#define USER_CHARS ALNUM ".-_"
#define PATH_CHARS ALNUM "/._-~+@%,=:"

void repo_url_free(struct repo_url *u)
{
	free(u->user);
	free(u->host);
	free(u->port);
	free(u->path);
	*u = (struct repo_url)REPO_URL_INIT;
}

static bool only(const char *s, const char *chars)
{
	return *s && *s != '-' && s[strspn(s, chars)] == '\0';
}

/* "[::1]:22", "host:22", "host" into host and port. False when it is none of these. */
static bool split_host(struct repo_url *u, const char *text, size_t len)
{
	_free_ char *s = xstrndup(text, len);
	char *host = s, *colon, *end;

	if (*s == '[') {
		end = strchr(s, ']');
		if (!end || (end[1] && end[1] != ':'))
			return false;
		host = s + 1;
		colon = end[1] ? end + 1 : NULL;
		*end = '\0';
		if (!only(host, "0123456789abcdefABCDEF:."))
			return false;
	} else {
		colon = strchr(s, ':');
		if (colon)
			*colon = '\0';
		if (!only(host, HOST_CHARS))
			return false;
	}
	u->host = xstrdup(host);
	if (!colon)
		return true;
	if (!only(colon + 1, "0123456789") || strlen(colon + 1) > 5 || atoi(colon + 1) < 1 ||
		atoi(colon + 1) > 65535)
		return false;
	u->port = xstrdup(colon + 1);
	return true;
}

/* USER@ before the host, if any: the rest. NULL when the name of the user is not one. */
static const char *split_user(struct repo_url *u, const char *text, size_t len)
{
	const char *at = memchr(text, '@', len);

	if (!at)
		return text;
	u->user = xstrndup(text, (size_t)(at - text));
	return only(u->user, USER_CHARS) ? at + 1 : NULL;
}

static bool parse_https(struct repo_url *u, const char *rest)
{
	const char *slash = strchr(rest, '/');

	if (!slash || !split_host(u, rest, (size_t)(slash - rest)))
		return false;
	u->path = xstrdup(slash);
	return true;
}

static bool parse_ssh(struct repo_url *u, const char *rest)
{
	const char *slash = strchr(rest, '/'), *host;

	if (!slash)
		return false;
	host = split_user(u, rest, (size_t)(slash - rest));
	if (!host || !split_host(u, host, (size_t)(slash - host)))
		return false;
	/* As git does it: ssh://host/~user/x is ~user/x. */
	u->path = xstrdup(slash[1] == '~' ? slash + 1 : slash);
	return true;
}

static bool parse_scp(struct repo_url *u, const char *text)
{
	const char *colon = strchr(text, ':'), *host;

	if (!colon || colon[1] == ':' || memchr(text, '/', (size_t)(colon - text)))
		return false;
	host = split_user(u, text, (size_t)(colon - text));
	if (!host || !split_host(u, host, (size_t)(colon - host)))
		return false;
	u->path = xstrdup(colon + 1);
	return true;
}

int repo_url_parse(const char *text, struct repo_url *ret, struct error *e)
{
	_cleanup_(repo_url_free) struct repo_url u = REPO_URL_INIT;
	const char *scheme = strstr(text, "://");
	bool good;
	size_t n;

	if (strlen(text) > REPO_URL_MAX)
		return error_set(e, ERR_INVALID, "the repository's address is too long");
	if (strncmp(text, "https://", 8) == 0) {
		good = parse_https(&u, text + 8);
	} else if (strncmp(text, "ssh://", 6) == 0) {
		u.ssh = true;
		good = parse_ssh(&u, text + 6);
	} else if (!scheme) {
		u.ssh = true;
		good = parse_scp(&u, text);
	} else {
		return error_set(e, ERR_INVALID,
			"repositories are fetched by https:// or ssh:// only, where the server proves "
			"who it is; not by %.*s://",
			(int)MIN(scheme - text, 16), text);
	}
	/* The text is not repeated: it may hold a password. */
	if (!good || !only(u.path, PATH_CHARS) || strstr(u.path, ".."))
		return error_set(e, ERR_INVALID,
			"the repository's address must look like https://HOST/PATH, ssh://USER@HOST/PATH "
			"or USER@HOST:PATH, without a password");
	for (n = strlen(u.path); n > 1 && u.path[n - 1] == '/'; n--)
		u.path[n - 1] = '\0';
	if (!u.user && u.ssh)
		u.user = xstrdup("git");
	if (!u.port)
		u.port = xstrdup(u.ssh ? "22" : "443");
	*ret = u;
	u = (struct repo_url)REPO_URL_INIT;
	return 0;
}
