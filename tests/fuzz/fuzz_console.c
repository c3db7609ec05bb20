/* What a server writes on its console: fed in two portions, so that no state depends on how it comes. */
#include "buf.h"
#include "readiness.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(readiness_watch_free) struct readiness_watch whole = READINESS_WATCH_INIT;
	_cleanup_(readiness_watch_free) struct readiness_watch parts = READINESS_WATCH_INIT;
	const char *text = (const char *)data;
	_buf_ out = BUF_INIT;

	readiness_feed(&whole, text, size);
	readiness_feed(&parts, text, size / 2);
	readiness_feed(&parts, text + size / 2, size - size / 2);
	/* The prompt of GRUB has no newline: it ends a line wherever a portion shows it. */
	if (whole.state == READINESS_DEAD || parts.state == READINESS_DEAD)
		return 0;
	if (whole.state != parts.state || !same(whole.status, parts.status))
		abort();
	readiness_tail(&whole, &out);
	(void)console_host_keys(text, size, "host", &out);
	return 0;
}
