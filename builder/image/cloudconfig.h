/*
 * Partial evaluation: the one table that knows every cloud-config key, and what becomes of it.
 */
#pragma once

#include "base.h"

struct buf;
struct definition;
struct node;

enum fate {
	FATE_BAKED,   /* done at build time; not in the user-data any more */
	FATE_LEFT,    /* left in the user-data for first boot */
	FATE_REFUSED, /* an error in a definition, with its reason */
};

struct cloud_key {
	const char *key;
	enum fate fate;
	const char *why; /* one sentence for explain */
	/* Checks the value's shape (baked keys: completely); adds diags. NULL: anything. */
	void (*check)(const struct definition *def, const struct node *value, void *schema);
};

/* NULL for a key that cloud-init does not know. */
const struct cloud_key *cloud_key_find(const char *key);
const struct cloud_key *cloud_key_table(size_t *ret_n);

/*
 * What is left of the definition for first boot: "#cloud-config\n" and the keys whose fate is
 * FATE_LEFT, in the order of the definition, as YAML.
 */
void cloudconfig_residual(const struct definition *def, struct buf *out);
