/*
 * ovh.conf as anybody could write it. Whatever is read, setting a value changes that one and no other, and
 * is read back.
 */
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "ini.h"

#include <string.h>

#define SECTION "ovh-eu"
#define KEY	"consumer_key"
#define VALUE	"new"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_ours(const struct ini_value *v)
{
	return strcmp(v->section, SECTION) == 0 && strcmp(v->key, KEY) == 0;
}

/* All of before, but ours, is in after, in the same order. */
static void compare(const struct ini *before, const struct ini *after)
{
	size_t k = 0;

	for (size_t i = 0; i < before->n; i++) {
		const struct ini_value *b = &before->v[i];

		if (is_ours(b))
			continue;
		while (k < after->n && is_ours(&after->v[k]))
			k++;
		if (k == after->n || strcmp(after->v[k].section, b->section) != 0 ||
			strcmp(after->v[k].key, b->key) != 0 ||
			strcmp(after->v[k].value, b->value) != 0)
			abort();
		k++;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(ini_free) struct ini before = INI_INIT;
	_cleanup_(ini_free) struct ini after = INI_INIT;
	const char *text = (const char *)data;
	_buf_ out = BUF_INIT;
	struct error e = { 0 };

	if (ini_add(&before, a, "f", text, size, &e) < 0) {
		if (e.code != ERR_INVALID || before.n != 0)
			abort();
		return 0;
	}
	ini_set(text, size, SECTION, KEY, VALUE, &out);
	if (out.len > INI_SIZE_MAX)
		return 0;
	if (ini_add(&after, a, "f", buf_str(&out), out.len, &e) < 0)
		abort();
	if (!ini_get(&after, SECTION, KEY) ||
		strcmp(ini_get(&after, SECTION, KEY)->value, VALUE) != 0)
		abort();
	compare(&before, &after);
	return 0;
}
