/* What is common to all implementations of the HTTP seam: responses, and URLs as texts. */
#include "http.h"

#include "alloc.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

void http_response_free(struct http_response *r)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		free((char *)(uintptr_t)r->headers[i].name);
		free((char *)(uintptr_t)r->headers[i].value);
	}
	free(r->headers);
	buf_free(&r->body);
	*r = (struct http_response)HTTP_RESPONSE_INIT;
}

const char *http_response_header(const struct http_response *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++)
		if (strcasecmp(r->headers[i].name, name) == 0)
			return r->headers[i].value;
	return NULL;
}

void http_response_add(struct http_response *r, const char *name, const char *value)
{
	char *lower = xstrdup(name);

	for (char *p = lower; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	r->headers = grow(r->headers, r->n_headers, &r->cap_headers, sizeof *r->headers);
	r->headers[r->n_headers++] = (struct http_header){ lower, xstrdup(value) };
}

int64_t http_response_retry_after_ms(const struct http_response *r)
{
	const char *text = http_response_header(r, "retry-after");
	char *end;
	long long seconds;

	if (!text || !isdigit((unsigned char)*text))
		return 0;
	seconds = strtoll(text, &end, 10);
	return *end || seconds > 24 * 3600LL ? 0 : seconds * 1000;
}

const char *http_host(const char *url)
{
	const char *scheme = strstr(url, "://");
	const char *host = scheme ? scheme + 3 : url;
	const char *at = memrchr(host, '@', strcspn(host, "/ \t\r\n"));

	return at ? at + 1 : host;
}

char *http_without_login(const char *text)
{
	_buf_ b = BUF_INIT;

	for (const char *url = strstr(text, "://"); url; url = strstr(text, "://")) {
		const char *host = http_host(url);

		buf_add(&b, text, (size_t)(url + 3 - text));
		buf_adds(&b, host > url + 3 ? "…@" : "");
		text = host;
	}
	buf_adds(&b, text);
	return xstrdup(buf_str(&b));
}

bool http_in_clear(const char *url)
{
	static const char *const here[] = { "http://127.0.0.1", "http://localhost",
		"http://[::1]" };

	for (size_t i = 0; i < ARRAY_SIZE(here); i++) {
		size_t n = strlen(here[i]);

		if (strncmp(url, here[i], n) == 0 && (url[n] == ':' || url[n] == '/' || !url[n]))
			return false;
	}
	return strncmp(url, "https://", 8) != 0;
}
