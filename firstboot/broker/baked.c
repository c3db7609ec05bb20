/* See baked.h; builder/image/containers writes what is read here. */
#include "baked.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "node.h"
#include "ops.h"
#include "program.h"
#include "settle.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

#define IMAGES	     "%s/var/lib/kbuild-images"
#define INDEX_MAX    (1 * MIB)
#define LOAD_SECONDS 1800

const char *baked_id(const struct broker *b, const char *reference, struct arena *a)
{
	_free_ char *path = xasprintf(IMAGES "/images.json", b->root);
	struct error ignored = {};
	_buf_ text = BUF_INIT;
	struct node *list;

	if (file_read(AT_FDCWD, path, INDEX_MAX, &text) < 0 ||
		json_parse(&list, a, path, buf_str(&text), text.len, &ignored) < 0 ||
		list->kind != NODE_LIST)
		return NULL;
	for (size_t i = 0; i < list->n; i++) {
		const char *of = node_str(node_get(list->items[i], "reference"));

		if (of && strcmp(of, reference) == 0)
			return node_str(node_get(list->items[i], "id"));
	}
	return NULL;
}

static int load_one(const struct broker *b, const char *path, struct error *e)
{
	_free_ struct args *a = xcalloc(1, sizeof *a);
	_free_ char *what = xasprintf("cannot load %s", path);
	int r;

	args_set(a, "docker", "image", "load", "--quiet", "--input", path, NULL);
	r = docker_run(b, a, what, LOAD_SECONDS, NULL, e);
	if (r >= 0)
		r = settle_sync(b, e);
	if (r < 0)
		return r;
	if (unlink(path) < 0)
		return error_errno(e, errno, "removing %s", path);
	return 0;
}

int baked_load(const struct broker *b, size_t *ret, struct error *e)
{
	_free_ char *pattern = xasprintf(IMAGES "/*.tar", b->root);
	glob_t g = {};
	int r = 0;

	*ret = 0;
	if (glob(pattern, 0, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc && r >= 0; i++) {
			r = load_one(b, g.gl_pathv[i], e);
			*ret += r >= 0;
		}
	}
	globfree(&g);
	return r;
}
