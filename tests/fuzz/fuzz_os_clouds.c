/*
 * clouds.yaml, secure.yaml and clouds-public.yaml as anybody could write them, one behind the other with a
 * NUL between. Whatever is in them, an entry is read or refused in words.
 */
#include "arena.h"
#include "error.h"
#include "mark.h"
#include "os_clouds.h"
#include "yaml_tree.h"

#include <string.h>

/* The document up to the next NUL; NULL: it is none. */
static const struct node *next(
	const uint8_t **data, size_t *size, const char *name, struct arena *a, struct diags *d)
{
	const uint8_t *end = *size ? memchr(*data, 0, *size) : NULL;
	size_t len = end ? (size_t)(end - *data) : *size;
	struct node *root = NULL;
	struct error e = { 0 };

	if (yaml_parse(&root, a, name, (const char *)*data, len, d, &e) < 0)
		root = NULL;
	*data += len + (end != NULL);
	*size -= len + (end != NULL);
	return root;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(diags_free) struct diags ignored = DIAGS_INIT;
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	struct os_clouds from = { .path = "clouds.yaml" };
	static const char *const names[] = { NULL, "a" };
	struct os_access k = { 0 };
	struct error e = { 0 };
	int r;

	if (!size)
		return 0;
	from.clouds = next(&data, &size, "clouds.yaml", a, &ignored);
	from.secure = next(&data, &size, "secure.yaml", a, &ignored);
	from.profiles = next(&data, &size, "clouds-public.yaml", a, &ignored);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		diags_free(&d);
		r = os_clouds_entry(&k, &from, names[i], a, &d, &e);
		if (r > 0 || (r < 0 && (e.code != -r || !*e.msg)) || (r == 0 && !k.from))
			abort();
		if (r == 0)
			(void)os_access_check(&k, &e);
	}
	return 0;
}
