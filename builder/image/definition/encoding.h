/* The encodings that cloud-init knows for the content of write_files, and what each means. */
#pragma once

#include "base.h"

struct encoding {
	const char *name;
	bool base64, gzip; /* base64 is undone first */
};

/* By name, in any case; NULL: there is none. */
const struct encoding *encoding_find(const char *name);
/* All names, NULL-terminated; for suggestions. */
extern const char *const encoding_names[];
