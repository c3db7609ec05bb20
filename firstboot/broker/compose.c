/* See compose.h. */
#include "compose.h"

#include "alloc.h"
#include "buf.h"
#include "digest.h"
#include "error.h"
#include "json.h"
#include "node.h"
#include "ops.h"
#include "plan.h"
#include "program.h"

#include <string.h>

bool compose_pinned(const char *image)
{
	const char *at = strstr(image, "@sha256:");

	if (strncmp(image, "sha256:", 7) == 0)
		return strlen(image) == 7 + 64;
	return at && strlen(at) == 8 + 64;
}

/* "NAME HASH" a line, by the very Compose that brings it up. */
static int read_hashes(struct call *c, const char *id, struct buf *out, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_free_ char *path = plan_path(c->b, id);

	args_set(a, "docker", "compose", "--env-file", "/dev/null", "--file", path, "config",
		"--hash", "*", NULL);
	return docker_run(c->b, a, "cannot read the plan", 60, out, e);
}

static char *hash_of(const struct buf *hashes, const char *service)
{
	size_t n = strlen(service);

	for (const char *p = buf_str(hashes); *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (strncmp(p, service, n) == 0 && p[n] == ' ')
			return xstrndup(p + n + 1, strcspn(p + n + 1, "\n"));
	}
	return NULL;
}

/*
 * Compose hashes of a service also what it depends on, as far as that is brought up with it: a container that is made
 * alone has another hash. out stays empty where no service depends on any.
 */
static int read_lone_hashes(
	struct call *c, const struct node *doc, struct buf *out, struct error *e)
{
	struct node *copy = node_copy(c->q->arena, doc), *services = node_get(copy, "services");
	char id[SHA256_HEX];
	bool some = false;
	int r;

	for (size_t i = 0; services && i < services->n; i++) {
		some = some || node_get(services->items[i], "depends_on");
		node_remove(services->items[i], "depends_on");
	}
	if (!some)
		return 0;
	r = plan_keep(c->b, copy, id, e);
	return r < 0 ? r : read_hashes(c, id, out, e);
}

int compose_describe(struct call *c, const char *id, const struct node *doc, struct error *e)
{
	const struct node *services = node_get(doc, "services");
	_buf_ hashes = BUF_INIT;
	_buf_ lone = BUF_INIT;
	_buf_ all = BUF_INIT;
	int r = read_hashes(c, id, &hashes, e);

	if (r >= 0)
		r = read_lone_hashes(c, doc, &lone, e);
	if (r < 0)
		return r;
	ipc_begin(&all);
	for (size_t i = 0; services && i < services->n; i++) {
		const char *name = services->keys[i]->str;
		const char *image = node_str(node_get(services->items[i], "image"));
		_free_ char *hash = hash_of(&hashes, name);
		_free_ char *alone = hash_of(&lone, name);
		_buf_ one = BUF_INIT;

		ipc_begin(&one);
		ipc_add_str(&one, "image", image);
		ipc_add_bool(&one, "pinned", image && compose_pinned(image));
		ipc_add_str(&one, "hash", hash);
		if (alone)
			ipc_add_str(&one, "alone", alone);
		ipc_end(&one);
		if (all.len > 1)
			buf_addc(&all, ',');
		json_write_string(&all, name, strlen(name));
		buf_addc(&all, ':');
		buf_adds(&all, buf_str(&one));
	}
	ipc_end(&all);
	ipc_add_str(c->reply.json, "plan", id);
	ipc_add(c->reply.json, "services", buf_str(&all));
	return 0;
}
