/* A lock that is accepted is written back byte by byte. */
#include "lock.h"

#include "buf.h"
#include "error.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(lock_freep) struct lock *l = NULL;
	struct error e = {};
	_buf_ b = BUF_INIT;

	if (lock_parse(&l, "fuzz", (const char *)data, size, &e) < 0)
		return 0;
	lock_format(l, &b);
	if (b.len != size || memcmp(b.data, data, size) != 0)
		abort();
	buf_reset(&b);
	if (lock_diff(l, l, &b) != 0)
		abort();
	lock_diff(NULL, l, &b);
	return 0;
}
