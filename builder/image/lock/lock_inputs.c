/* The inputs of a resolution. */
#include "lock_inputs.h"

#include "apt_pins.h"
#include "arena.h"
#include "baseset.h"
#include "definition.h"
#include "digest.h"
#include "error.h"
#include "keyring.h"
#include "node.h"
#include "sources.h"

#include <stdio.h>
#include <string.h>

bool lock_preferences(
	const struct definition *def, size_t i, const char **ret_path, const char **ret_text)
{
	const struct node *files = definition_key(def, "write_files");

	for (size_t k = 0; files && files->kind == NODE_LIST && k < files->n; k++) {
		const char *path = node_str(node_get(files->items[k], "path"));
		const char *text = node_str(node_get(files->items[k], "content"));

		bool deferred = false;

		/* Encoded content is refused there; deferred files come after packages. */
		(void)node_is_bool(node_get(files->items[k], "defer"), &deferred);
		if (!path || !text || deferred || !apt_is_preferences(path))
			continue;
		if (i-- > 0)
			continue;
		*ret_path = path;
		*ret_text = text;
		return true;
	}
	return false;
}

static int by_text(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static size_t count_preferences(const struct definition *def)
{
	const char *path, *text;
	size_t n = 0;

	while (lock_preferences(def, n, &path, &text))
		n++;
	return n;
}

int lock_inputs_read(struct lock_inputs *ret, struct arena *a, const struct definition *def,
	const struct apt_sources *sources, struct error *e)
{
	size_t pins = count_preferences(def), keys = 0, n = 0, unique = 0;
	const char *path, *text, **v;

	for (const char **f = def->fingerprints; f && *f; f++)
		keys++;
	v = arena_alloc(a, (sources->n + pins + keys + 5) * sizeof *v);
	for (size_t i = 0; i < sources->n; i++)
		v[n++] = apt_source_line(&sources->v[i], a);
	for (size_t i = 0; i < keys; i++)
		v[n++] = arena_printf(a, "fingerprint %s", def->fingerprints[i]);
	for (size_t i = 0; lock_preferences(def, i, &path, &text); i++) {
		char hex[SHA256_HEX];

		sha256_bytes(text, strlen(text), hex);
		v[n++] = arena_printf(a, "preferences %s sha256:%s", path, hex);
	}
	text = node_str(node_path(def->root, "apt.conf"));
	if (text) {
		char hex[SHA256_HEX];

		sha256_bytes(text, strlen(text), hex);
		v[n++] = arena_printf(a, "apt.conf sha256:%s", hex);
	}
	if (def->keyring) {
		char hex[SHA256_HEX];
		int r = keyring_digest(def->keyring, hex, e);

		if (r < 0)
			return r;
		v[n++] = arena_printf(a, "keyring sha256:%s", hex);
	}
	if (def->ignore_valid_until)
		v[n++] = "valid-until ignored";
	if (definition_bakes_images(def))
		v[n++] = arena_printf(a, "application %s %s %s", definition_app(def, "repository"),
			definition_app(def, "branch"), definition_app(def, "compose"));
	qsort(v, n, sizeof *v, by_text);
	for (size_t i = 0; i < n; i++) {
		if (unique == 0 || strcmp(v[unique - 1], v[i]) != 0)
			v[unique++] = v[i];
	}
	v[unique] = NULL;
	ret->lines = v;
	return base_set(def, a, &ret->asked, &ret->note, e);
}
