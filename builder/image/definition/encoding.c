/* The table of encodings. */
#include "encoding.h"

#include <strings.h>

static const struct encoding encodings[] = {
	{ "text/plain", false, false },
	{ "b64", true, false },
	{ "base64", true, false },
	{ "gz", false, true },
	{ "gzip", false, true },
	{ "gz+b64", true, true },
	{ "gz+base64", true, true },
	{ "gzip+b64", true, true },
	{ "gzip+base64", true, true },
};

const char *const encoding_names[] = { "text/plain", "b64", "base64", "gz", "gzip", "gz+b64",
	"gz+base64", "gzip+b64", "gzip+base64", NULL };

const struct encoding *encoding_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
		if (strcasecmp(encodings[i].name, name) == 0)
			return &encodings[i];
	}
	return NULL;
}
