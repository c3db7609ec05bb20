/* WWW-Authenticate of any server: what is read of it becomes a URL. */
#include "challenge.h"

#include "alloc.h"
#include "arena.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_free_ char *text = xstrndup((const char *)data, size);
	struct challenge c = {};

	challenge_parse(text, a, &c);
	if (c.kind == CHALLENGE_BEARER && !c.realm)
		abort();
	if (c.realm && !strstr(text, "ealm") && !strcasestr(text, "realm"))
		abort();
	return 0;
}
