/* Armored keys of definitions. */
#include "armor.h"

#include "buf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_buf_ b = BUF_INIT;

	if (armor_decode((const char *)data, size, &b) && b.len > size)
		abort();
	return 0;
}
