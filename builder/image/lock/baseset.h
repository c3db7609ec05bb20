/*
 * What every image has besides the packages asked for, per release: kernel, boot loader, first
 * boot, and what the topics of the definition (docker, firewall, fail2ban …) need. The one table
 * to change when a release is added.
 */
#pragma once

#include "base.h"

struct arena;
struct definition;
struct error;

struct distribution {
	const char *name;
	const char *keyring;	     /* where the build host keeps the archive's keys */
	const char *keyring_package; /* what brings it, on Debian and on Ubuntu */
	const char *target_keyring;  /* the same in the image */
	const char *components;
	const char *security_path; /* last part of the security archive's URI; NULL: one archive */
};

/* NULL when kbuild does not know it. */
const struct distribution *distribution_find(const char *name);

/*
 * The names to ask apt for, base set and packages, sorted, each once, NULL-terminated, in the
 * arena. *ret_note is a sentence for the person, or NULL. ERR_INVALID for names that are none.
 */
int base_set(const struct definition *def, struct arena *a, const char ***ret,
	const char **ret_note, struct error *e);

/* True when the definition itself asks for it ("name" or "name=version"). */
bool base_set_asked(const struct definition *def, const char *name);
