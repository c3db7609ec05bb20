/* The agent: its package, installed by the image's own dpkg over the tree, and its units. */
#include "bake_topic.h"

#include "alloc.h"
#include "chroot.h"
#include "error.h"

#define PACKAGE "/run/kbuild-agent.deb"

static bool applies(const struct bake *b)
{
	return b->agent != NULL;
}

static int install(const struct bake *b, struct error *e)
{
	static const char *const argv[] = { "dpkg", "--install", PACKAGE, NULL };
	_free_ char *epoch = xasprintf("SOURCE_DATE_EPOCH=%lld", (long long)b->epoch);
	const char *const env[] = { epoch, NULL };
	const struct chroot_bind binds[] = { { b->agent, PACKAGE, false }, {} };
	const struct chroot_run run = {
		.root = b->root,
		.argv = argv,
		.env = env,
		.binds = binds,
		.log_fd = b->log_fd,
	};

	return chroot_check(&run, e);
}

static int run(const struct bake *b, struct error *e)
{
	return install(b, e);
}

const struct bake_topic bake_agent = { "kbuild-agent", applies, run };
