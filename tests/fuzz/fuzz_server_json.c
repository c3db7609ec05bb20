/* server.json: what was read once is written and read again as the same. */
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "local_state.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct local_record rec, again;
	struct error e = {};
	_buf_ one = BUF_INIT;
	_buf_ two = BUF_INIT;

	if (local_record_parse((const char *)data, size, a, &rec, &e) < 0)
		return 0;
	local_record_format(&rec, &one);
	if (local_record_parse(buf_str(&one), one.len, a, &again, &e) < 0)
		abort();
	local_record_format(&again, &two);
	if (strcmp(buf_str(&one), buf_str(&two)) != 0)
		abort();
	return 0;
}
