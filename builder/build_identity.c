/*
 * Two builders' images are two images, although made from the same: each has its own key, and what is
 * sealed to one server's image must not meet the other's under the same name.
 */
#include "build_identity.h"

#include "agent.h"
#include "alloc.h"
#include "ctx.h"
#include "definition.h"
#include "digest.h"
#include "error.h"
#include "image_key.h"
#include "lock.h"
#include "record.h"

#include <string.h>

int build_identify(struct build_identity *ret, const struct ctx *c, const struct definition *def,
	const struct lock *lock, struct error *e)
{
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();
	struct age_recipient public;
	int r = record_inputs(def, lock, ret->inputs, e);

	if (r == 0 && agent_wanted(def)) {
		r = image_key(c->state_dir, ret->inputs, &ret->key, c->progress, e);
		if (r < 0)
			return r;
		age_identity_recipient(&ret->key, &public);
		age_recipient_format(&public, ret->recipient);
	}
	sha256_adds(h, ret->inputs);
	sha256_adds(h, ret->recipient);
	sha256_end(h, ret->id);
	return r;
}

int build_foresee(
	const struct ctx *c, const struct definition *def, bool look, char *ret, struct error *e)
{
	bool makes = agent_wanted(def) && !image_key_has_secret(c->state_dir);
	struct build_identity self = {};
	struct lock *lock = NULL;
	_free_ char *path = lock_path(def->path);
	struct error stale = {};
	int r = lock_read(&lock, path, &stale);

	/* Which of these is an error is the build's to say. */
	if (r == 0 && !(look && makes) && lock_check(lock, def, &stale) == 0)
		r = build_identify(&self, c, def, lock, e);
	else
		r = 1;
	if (r == 0)
		memcpy(ret, self.id, sizeof self.id);
	age_identity_wipe(&self.key);
	lock_free(lock);
	return r;
}
