/*
 * Partial evaluation: the one table that knows every cloud-config key, and what becomes of it.
 */
#pragma once

#include "base.h"

struct arena;
struct buf;
struct definition;
struct diags;
struct node;
struct schema;

enum fate {
	FATE_BAKED,   /* done at build time; not in the user-data any more */
	FATE_LEFT,    /* left in the user-data for first boot */
	FATE_REFUSED, /* an error in a definition, with its reason */
};

/* Adds diags for what is wrong with the value; s->where is the key. */
typedef void (*cloud_check)(
	const struct schema *s, const struct definition *def, const struct node *value);

struct cloud_key {
	const char *key;
	enum fate fate;
	const char *why;   /* one sentence without full stop, for explain and docs/reference.md */
	cloud_check check; /* the shape; complete where the key is baked. NULL: anything */
	const char *distribution; /* cloud-init does it there only: refused elsewhere. NULL: all */
	const char *now; /* an old spelling of this key: renamed while reading, with a warning */
};

/* NULL for a key that cloud-init does not know. */
const struct cloud_key *cloud_key_find(const char *key);
const struct cloud_key *cloud_key_table(size_t *ret_n); /* in alphabetical order */

/* What becomes of the key in an image of this distribution (NULL: not known yet). */
enum fate cloud_key_fate(const struct cloud_key *k, const char *distribution);
const char *fate_name(enum fate fate); /* "baked" */

/*
 * Gives old spellings their present form, with warnings: keys ("ca-certs", "lock-passwd"), and
 * ssh_pwauth: "yes". Those who bake then find one form only.
 */
void cloudconfig_rename(struct arena *a, struct node *root, struct diags *d);

/* Checks all top-level keys but kbuild: known, not refused, of the right shape. */
void cloudconfig_check(const struct schema *s, const struct definition *def);

/*
 * What is left of the definition for first boot: "#cloud-config\n" and the keys whose fate is
 * FATE_LEFT, in the order of the definition, as YAML. Of the baked key write_files a part can be left:
 * files that are fetched from a URL at first boot.
 */
void cloudconfig_residual(const struct definition *def, struct buf *out);

/* Whether a baked key comes again in the residual, in part. */
bool cloudconfig_part_left(const struct definition *def, const char *key);
