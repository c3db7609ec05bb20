/* What the application needs before it can start: secrets, registries, images that came along. */
#include "agent.h"
#include "arena.h"
#include "boot.h"
#include "broker.h"
#include "buf.h"
#include "config.h"
#include "credentials.h"
#include "error.h"
#include "gitops.h"
#include "ipc.h"
#include "node.h"
#include "secrets.h"
#include "steps.h"

#include <fcntl.h>
#include <unistd.h>

#define PROBE_MS 60000
#define LOAD_MS	 1800000

const char *step_secrets_skip(const struct boot *b)
{
	const struct node *values = b->agent->config ? b->agent->config->secrets.values : NULL;

	return values && values->n > 0 ? NULL : "no kbuild.secrets";
}

/* A new data volume has none, whatever was done before. */
int step_secrets_probe(struct boot *b, _unused_ struct error *e)
{
	return faccessat(b->agent->state_fd, SECRETS_FILE, F_OK, 0) == 0 ? STEP_HOLDS : 0;
}

/* Whether Docker has volumes with something in them: what is in there knows the secrets it was made with. */
static int database_is_there(const struct boot *b, bool *ret, struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message m = IPC_MESSAGE_INIT;
	int r = broker_simple(b->agent, "volume-probe", PROBE_MS, &m, e);

	*ret = false;
	if (r >= 0)
		(void)node_is_bool(node_get(m.doc, "used"), ret);
	return r;
}

int step_secrets_run(struct boot *b, struct error *e)
{
	bool database;
	int r = database_is_there(b, &database, e);

	if (r >= 0)
		r = secrets_make(b->agent,
			(database ? SECRETS_DATABASE : 0u) | (b->clone ? SECRETS_RENEW : 0u), e);
	return r == SECRETS_NONE ? 0 : r;
}

const char *step_registry_skip(const struct boot *b)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct error ignored = { 0 };
	const struct node *n;

	if (!b->agent->config || !b->agent->config->has_app)
		return "no kbuild.app";
	/* They may be down while nothing is wanted of them. */
	if (b->agent->config->app.bake_images)
		return "the container images came along; another one is signed in for when it is wanted";
	/* One that cannot be read is the run's to complain about. */
	return credential_read(b->agent, "registry", a, &n, &ignored) == CREDENTIAL_ABSENT
		       ? "no registry credentials"
		       : NULL;
}

int step_registry_run(struct boot *b, struct error *e)
{
	int r = gitops_sign_in(b->agent, e);

	return r == GITOPS_NO_REGISTRIES ? 0 : r;
}

const char *step_images_skip(const struct boot *b)
{
	const struct agent_config *c = b->agent->config;

	if (!c || !c->has_app)
		return "no kbuild.app";
	return c->app.bake_images ? NULL : "images are pulled with the application";
}

int step_images_run(struct boot *b, struct error *e)
{
	return broker_simple(b->agent, "images-load", LOAD_MS, NULL, e);
}
