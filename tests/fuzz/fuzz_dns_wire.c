/* A DNS reply from anybody: whatever its bytes, texts are ended and bounded, and reading it ends. */
#include "arena.h"
#include "dns_wire.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct dns_reply r;

	if (dns_reply_read(&r, a, data, size) < 0)
		return 0;
	if (strlen(r.question) >= DNS_NAME_MAX || r.n > size)
		abort();
	for (size_t i = 0; i < r.n; i++)
		if (strlen(r.answers[i].name) >= DNS_NAME_MAX ||
			strlen(r.answers[i].text) >= DNS_NAME_MAX)
			abort();
	(void)dns_reply_fits(&r, 1, "example.com.", DNS_A);
	return 0;
}
