/* Keys of OVH's API: endpoints by name, what makes them whole, signatures. */
#include "ovh_parts.h"

#include "alloc.h"
#include "buf.h"
#include "digest.h"
#include "error.h"
#include "http.h"

#include <stdio.h>
#include <string.h>

/* The names that OVH's own clients know, with their aliases. */
static const struct {
	const char *name, *alias, *url, *token_url;
} endpoints[] = {
	{ "ovh-eu", NULL, "https://eu.api.ovh.com/1.0", "https://www.ovh.com/auth/oauth2/token" },
	{ "ovh-ca", NULL, "https://ca.api.ovh.com/1.0", "https://ca.ovh.com/auth/oauth2/token" },
	{ "ovh-us", NULL, "https://api.us.ovhcloud.com/1.0",
		"https://us.ovhcloud.com/auth/oauth2/token" },
	{ "kimsufi-eu", "ks-eu", "https://eu.api.kimsufi.com/1.0", NULL },
	{ "kimsufi-ca", "ks-ca", "https://ca.api.kimsufi.com/1.0", NULL },
	{ "soyoustart-eu", "sys-eu", "https://eu.api.soyoustart.com/1.0", NULL },
	{ "soyoustart-ca", "sys-ca", "https://ca.api.soyoustart.com/1.0", NULL },
};

static bool is_url(const char *text)
{
	return strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0;
}

static size_t find_endpoint(const char *name)
{
	size_t i = 0;

	if (!name)
		return 0;
	while (i < ARRAY_SIZE(endpoints) && strcmp(endpoints[i].name, name) != 0 &&
		(!endpoints[i].alias || strcmp(endpoints[i].alias, name) != 0))
		i++;
	return i;
}

const char *ovh_endpoint_url(const struct ovh_keys *k)
{
	size_t i;

	if (k->endpoint && is_url(k->endpoint))
		return k->endpoint;
	i = find_endpoint(k->endpoint);
	return i < ARRAY_SIZE(endpoints) ? endpoints[i].url : NULL;
}

const char *ovh_api_url(const char *endpoint)
{
	return ovh_endpoint_url(&(struct ovh_keys){ .endpoint = endpoint });
}

const char *ovh_token_url(const struct ovh_keys *k)
{
	size_t i;

	if (k->token_url)
		return k->token_url;
	i = find_endpoint(k->endpoint);
	return i < ARRAY_SIZE(endpoints) ? endpoints[i].token_url : NULL;
}

int ovh_keys_check(const struct ovh_keys *k, struct error *e)
{
	const unsigned sign = ovh_given(k->application_key) + ovh_given(k->application_secret) +
			      ovh_given(k->consumer_key);
	const unsigned oauth = ovh_given(k->client_id) + ovh_given(k->client_secret);
	const unsigned ways = (sign > 0) + (oauth > 0) + ovh_given(k->access_token);

	if (ways == 0 && !k->visitor)
		return error_set(e, ERR_INVALID,
			"no keys for OVH: give application_key, application_secret and consumer_key, "
			"or client_id and client_secret");
	if (ways > 1)
		return error_set(e, ERR_INVALID,
			"two ways to sign in to OVH are given: keep one of application_key …, "
			"client_id …, access_token");
	if (sign > 0 && sign < 3 && !k->visitor)
		return error_set(e, ERR_INVALID,
			"OVH: application_key, application_secret and consumer_key belong together; "
			"'%s' is missing",
			!ovh_given(k->application_key)	    ? "application_key"
			: !ovh_given(k->application_secret) ? "application_secret"
							    : "consumer_key");
	if (oauth == 1)
		return error_set(e, ERR_INVALID,
			"OVH: client_id and client_secret belong together; '%s' is missing",
			ovh_given(k->client_id) ? "client_secret" : "client_id");
	if (!ovh_endpoint_url(k))
		return error_set(e, ERR_INVALID,
			"OVH: unknown endpoint '%s' (ovh-eu, ovh-ca, ovh-us, or a URL)",
			k->endpoint);
	if (k->endpoint && is_url(k->endpoint) && k->endpoint[strlen(k->endpoint) - 1] == '/')
		return error_set(
			e, ERR_INVALID, "OVH: the endpoint %s must not end in '/'", k->endpoint);
	if (oauth && !ovh_token_url(k))
		return error_set(e, ERR_INVALID,
			"OVH: the endpoint %s has no known token server; give token_url",
			k->endpoint);
	if (ways > 0 && sign == 0 &&
		(http_in_clear(ovh_endpoint_url(k)) || (oauth && http_in_clear(ovh_token_url(k)))))
		return error_set(e, ERR_INVALID,
			"OVH: client_secret and tokens only go to https:// (endpoint, token_url)");
	return 0;
}

void ovh_sign(const struct ovh_keys *k, const struct ovh_query *q, const char *url, int64_t time,
	char ret[44])
{
	_buf_ text = BUF_INIT;

	buf_printf(&text, "%s+%s+%s+%s+%s+%lld", k->application_secret, k->consumer_key, q->method,
		url, q->body ? q->body : "", (long long)time);
	memcpy(ret, "$1$", 3);
	sha1_bytes(text.data, text.len, ret + 3);
	explicit_bzero(text.data, text.len);
}

void ovh_url(const char *endpoint, const char *path, struct buf *ret)
{
	size_t len = strlen(endpoint);
	bool branch = strncmp(path, "/v1/", 4) == 0 || strncmp(path, "/v2/", 4) == 0;

	if (branch && len > 4 && strcmp(endpoint + len - 4, "/1.0") == 0)
		len -= 4;
	buf_add(ret, endpoint, len);
	buf_adds(ret, path);
}
