/* Manifests and lists of them: what is accepted can be asked for and written. */
#include "image_manifest.h"

#include "arena.h"
#include "error.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct image_blob *b, uint64_t max)
{
	if (!sha256_valid(b->sha256) || b->size > max)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct image_manifest m;
	struct image_blob one;
	struct error e = {};

	if (image_index_choose((const char *)data, size, "amd64", &one, &e) == 0)
		judge(&one, MANIFEST_MAX);
	if (image_manifest_parse((const char *)data, size, a, &m, &e) < 0)
		return 0;
	judge(&m.config, CONFIG_MAX);
	for (size_t i = 0; i < m.n; i++)
		judge(&m.layers[i], LAYER_SIZE_MAX);
	if (m.n == 0 || m.n > LAYERS_MAX)
		abort();
	return 0;
}
