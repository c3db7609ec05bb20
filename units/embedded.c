/* Looking up embedded files. */
#include "embedded.h"

#include <stdlib.h>
#include <string.h>

const struct embedded *embedded_find(const char *name)
{
	for (const struct embedded *f = embedded_files; f->name; f++) {
		if (strcmp(f->name, name) == 0)
			return f;
	}
	abort();
}
