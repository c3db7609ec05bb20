/* Pauses between attempts, and which answers deserve another. */
#include "retry.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

int64_t retry_pause_ms(const struct retry *r, unsigned n, int64_t asked_ms, uint32_t random)
{
	int64_t most = r->base_ms;

	for (unsigned i = 1; i < n && most < r->cap_ms; i++)
		most *= 2;
	most = MIN(most, r->cap_ms);
	most = (int64_t)((double)most * ((double)random / UINT32_MAX));
	return MAX(most, MIN(asked_ms, r->cap_ms));
}

uint32_t retry_random(void)
{
	uint32_t v;

	/* Without randomness jitter is merely poor: the middle of the range. */
	return getrandom(&v, sizeof v, GRND_NONBLOCK) == sizeof v ? v : UINT32_MAX / 2;
}

static const struct {
	long status;
	bool transient;
	const char *text;
} statuses[] = {
	{ 400, false, "400 Bad Request" },
	{ 401, false, "401 Unauthorized" },
	{ 403, false, "403 Forbidden" },
	{ 404, false, "404 Not Found" },
	{ 405, false, "405 Method Not Allowed" },
	{ 407, false, "407 Proxy Authentication Required" },
	{ 408, true, "408 Request Timeout" },
	{ 409, false, "409 Conflict" },
	{ 410, false, "410 Gone" },
	{ 413, false, "413 Content Too Large" },
	{ 415, false, "415 Unsupported Media Type" },
	{ 416, false, "416 Range Not Satisfiable" },
	{ 422, false, "422 Unprocessable Content" },
	{ 425, true, "425 Too Early" },
	{ 429, true, "429 Too Many Requests" },
	{ 500, true, "500 Internal Server Error" },
	{ 501, false, "501 Not Implemented" },
	{ 502, true, "502 Bad Gateway" },
	{ 503, true, "503 Service Unavailable" },
	{ 504, true, "504 Gateway Timeout" },
};

bool http_status_transient(long status)
{
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].transient;
	return status >= 500; /* 520 to 527: what content networks say of the server behind them */
}

const char *http_status_text(long status, char buf[32])
{
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].text;
	snprintf(buf, 32, "%ld", status);
	return buf;
}

int64_t env_number(const char *name, int64_t def, int64_t min, int64_t max)
{
	const char *text = getenv(name);
	char *end;
	long long v;

	if (!text || !*text)
		return def;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno || *end || v < min || v > max)
		return def;
	return v;
}
