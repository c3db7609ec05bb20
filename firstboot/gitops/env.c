/*
 * The environment file of the application, as far as deploying goes: which one it would get. A commit
 * that failed with one is worth another try with another.
 */
#include "arena.h"
#include "deploy.h"
#include "digest.h"
#include "secrets.h"

int deploy_env_digest(struct deploy *d, const char **ret, struct error *e)
{
	char hex[SHA256_HEX] = "";
	int r = secrets_digest(d->a, hex, e);

	if (r < 0)
		return r;
	*ret = arena_strdup(d->arena, hex);
	return 0;
}
