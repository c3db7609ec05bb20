/* What makes a way to sign in whole. */
#include "os_parts.h"

#include "buf.h"
#include "error.h"
#include "http.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The members that tell one way from another; users belong to passwords and to named credentials. */
static bool any_password(const struct os_access *k)
{
	return os_given(k->password);
}

static bool any_credential(const struct os_access *k)
{
	return os_given(k->credential_id) || os_given(k->credential_name) ||
	       os_given(k->credential_secret);
}

static bool any_oidc(const struct os_access *k)
{
	return os_given(k->oidc_provider) || os_given(k->oidc_protocol) ||
	       os_given(k->oidc_client) || os_given(k->oidc_secret) || os_given(k->oidc_discovery);
}

enum os_way os_access_way(const struct os_access *k)
{
	if (any_credential(k))
		return OS_BY_CREDENTIAL;
	if (os_given(k->token))
		return OS_BY_TOKEN;
	return any_oidc(k) ? OS_BY_OIDC : OS_BY_PASSWORD;
}

static void miss(struct buf *missing, bool there, const char *name)
{
	if (!there)
		buf_printf(missing, "%s%s", missing->len ? ", " : "", name);
}

static void miss_user(const struct os_access *k, struct buf *missing)
{
	miss(missing, os_given(k->user_id) || os_given(k->user_name), "username (or user_id)");
}

/* What signs in is of one project, or the catalogue is empty. */
static void miss_project(const struct os_access *k, struct buf *missing)
{
	miss(missing, os_given(k->project_id) || os_given(k->project_name),
		"project_id (or project_name)");
}

static void miss_members(const struct os_access *k, struct buf *missing)
{
	switch (os_access_way(k)) {
	case OS_BY_CREDENTIAL:
		miss(missing, os_given(k->credential_id) || os_given(k->credential_name),
			"application_credential_id");
		miss(missing, os_given(k->credential_secret), "application_credential_secret");
		if (!os_given(k->credential_id) && os_given(k->credential_name))
			miss_user(k, missing);
		break;
	case OS_BY_TOKEN:
		miss_project(k, missing);
		break;
	case OS_BY_OIDC:
		miss(missing, os_given(k->oidc_provider), "identity_provider");
		miss(missing, os_given(k->oidc_protocol), "protocol");
		miss(missing, os_given(k->oidc_discovery), "discovery_endpoint");
		miss(missing, os_given(k->oidc_client), "client_id");
		miss(missing, os_given(k->oidc_secret), "client_secret");
		miss_project(k, missing);
		break;
	default:
		miss_user(k, missing);
		miss(missing, os_given(k->password), "password");
		miss_project(k, missing);
	}
}

static int check_url(const char *from, const char *what, const char *url, struct error *e)
{
	if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
		return error_set(e, ERR_INVALID, "%s: '%s' must be an https:// URL, not '%.200s'",
			from, what, url);
	if (http_in_clear(url))
		return error_set(e, ERR_INVALID,
			"%s: '%s' is %.200s: secrets would go to another machine in the clear; "
			"use https://",
			from, what, url);
	return 0;
}

int os_access_check(const struct os_access *k, struct error *e)
{
	static const char *const ways[] = { "to sign in by password",
		"to sign in by application credential", "to sign in by token",
		"to sign in by client credentials" };
	const char *from = os_given(k->from) ? k->from : "OpenStack";
	const unsigned n =
		any_password(k) + any_credential(k) + (unsigned)os_given(k->token) + any_oidc(k);
	_buf_ missing = BUF_INIT;
	int r;

	if (n > 1)
		return error_set(e, ERR_INVALID,
			"%s: two ways to sign in are given: keep one of password, "
			"application_credential_…, token, client_id with client_secret, or say which "
			"by auth_type",
			from);
	if (n == 0 && !os_given(k->user_id) && !os_given(k->user_name))
		return error_set(e, ERR_INVALID,
			"%s: there is nothing to sign in with: give username and password, or "
			"application_credential_id and application_credential_secret",
			from);
	miss(&missing, os_given(k->auth_url), "auth_url");
	miss_members(k, &missing);
	if (missing.len)
		return error_set(e, ERR_INVALID, "%s: %s, this is missing: %s", from,
			ways[os_access_way(k)], buf_str(&missing));
	r = check_url(from, "auth_url", k->auth_url, e);
	if (r == 0 && os_access_way(k) == OS_BY_OIDC)
		r = check_url(from, "discovery_endpoint", k->oidc_discovery, e);
	if (r == 0 && os_given(k->cacert) && access(k->cacert, R_OK) < 0)
		r = error_set(e, ERR_INVALID, "%s: cannot read 'cacert' %s: %s", from, k->cacert,
			strerror(errno));
	return r;
}
