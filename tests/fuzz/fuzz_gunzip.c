/* Compressed content of any kind: unpacked within its bound, or refused. */
#include "buf.h"
#include "gunzip.h"

#include <stdlib.h>

#define BOUND (64 * KIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_buf_ out = BUF_INIT;

	if (gunzip(data, size, BOUND, &out) == 0 && out.len > BOUND)
		abort();
	return 0;
}
