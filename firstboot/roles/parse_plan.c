/*
 * A rendered Compose document becomes the table that the deployment engine works with (gitops/plan_table.h).
 * What a service is called, whether it must be left alone, what it may be compared by: nothing of its
 * environment leaves this process, but as a hash.
 */
#include "parse.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "digest.h"
#include "error.h"
#include "ipc.h"
#include "json.h"
#include "node.h"
#include "schema.h"

#include <stdio.h>
#include <string.h>

#define DOC_MAX (16 * MIB)

/* --- hashes -------------------------------------------------------------------------------------- */

static int by_text(const void *x, const void *y)
{
	const struct node *const *a = x, *const *b = y;

	return strcmp((*a)->str, (*b)->str);
}

/* A tree as text with its maps in order of their keys: equal trees have equal hashes. */
static void hash_node(struct sha256 *h, const struct node *n)
{
	if (n->kind == NODE_SCALAR) {
		sha256_add(h, n->quoted ? "s" : "v", 1);
		sha256_adds(h, n->str);
	} else if (n->kind == NODE_LIST) {
		sha256_add(h, "[", 1);
		for (size_t i = 0; i < n->n; i++)
			hash_node(h, n->items[i]);
		sha256_add(h, "]", 1);
	} else {
		_free_ struct node **keys = xcalloc(n->n + 1, sizeof *keys);

		for (size_t i = 0; i < n->n; i++)
			keys[i] = n->keys[i];
		qsort(keys, n->n, sizeof *keys, by_text);
		sha256_add(h, "{", 1);
		for (size_t i = 0; i < n->n; i++) {
			sha256_adds(h, keys[i]->str);
			hash_node(h, node_get(n, keys[i]->str));
		}
		sha256_add(h, "}", 1);
	}
}

/* Names that a service has in one of its sections, where they are a map or a list. */
static const char *named(const struct node *section, size_t i)
{
	const struct node *item;

	if (section->kind == NODE_MAP)
		return section->keys[i]->str;
	item = section->items[i];
	return item->kind == NODE_MAP ? node_str(node_get(item, "source")) : node_str(item);
}

/* The service, and what the document says elsewhere of what it names: a network, a volume … */
static void hash_service(const struct node *root, const struct node *service, char ret[SHA256_HEX])
{
	static const char *const sections[] = { "networks", "volumes", "configs", "secrets" };
	_cleanup_(sha256_freep) struct sha256 *h = sha256_new();

	hash_node(h, service);
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		const struct node *used = node_get(service, sections[i]);
		const struct node *known = node_get(root, sections[i]);

		for (size_t k = 0; used && used->kind != NODE_SCALAR && k < used->n; k++) {
			const char *name = named(used, k);
			const struct node *what = name ? node_get(known, name) : NULL;

			if (what)
				hash_node(h, what);
		}
	}
	sha256_end(h, ret);
}

/* --- what a service is --------------------------------------------------------------------------- */

static const char *label(const struct node *service, const char *name)
{
	const struct node *labels = node_get(service, "labels");
	const char *text = node_str(node_get(labels, name));

	return text ? text : "";
}

static bool label_is(const struct node *service, const char *name, const char *value)
{
	return strcmp(label(service, name), value) == 0;
}

static bool has_volume(const struct node *service, bool with_name)
{
	const struct node *volumes = node_get(service, "volumes");

	for (size_t i = 0; volumes && volumes->kind == NODE_LIST && i < volumes->n; i++) {
		const char *type = node_str(node_get(volumes->items[i], "type"));
		const char *source = node_str(node_get(volumes->items[i], "source"));

		if (type && strcmp(type, "volume") == 0 && (source && *source) == with_name)
			return true;
	}
	return false;
}

/*
 * Where it keeps data, and in which volume: "TARGET NAME" a line, or an empty one, which is none. Another volume at the same place begins empty, as does
 * none, and looks well: that has to be meant, which the label kbuild.new_data=true says; so does that it keeps none.
 */
static void write_data(
	const struct node *root, const struct node *service, bool database, struct buf *out)
{
	const struct node *volumes = node_get(service, "volumes"),
			  *known = node_get(root, "volumes");
	_buf_ lines = BUF_INIT;

	for (size_t i = 0; volumes && volumes->kind == NODE_LIST && i < volumes->n; i++) {
		const struct node *v = volumes->items[i];
		const char *type = node_str(node_get(v, "type")),
			   *target = node_str(node_get(v, "target"));
		const char *source = node_str(node_get(v, "source")), *name;

		if (!type || strcmp(type, "volume") != 0 || !source || !*source || !target)
			continue;
		name = node_str(node_get(node_get(known, source), "name"));
		buf_printf(&lines, "%s %s\n", target, name ? name : source);
	}
	if (lines.len == 0)
		buf_addc(&lines, '\n');
	if (!label_is(service, "kbuild.new_data", "true") &&
		(database || !label_is(service, "kbuild.stateful", "false")))
		ipc_add_str(out, "data", buf_str(&lines));
}

/* Compose's own name of a service's first container, now and before version 2. */
static bool is_default_name(const struct node *root, const char *name, const char *container)
{
	const char *project = node_str(node_get(root, "name"));
	_free_ char *now = project ? xasprintf("%s-%s-1", project, name) : NULL;
	_free_ char *before = project ? xasprintf("%s_%s_1", project, name) : NULL;

	return project && (strcmp(now, container) == 0 || strcmp(before, container) == 0);
}

/* The definition names a container, as docker does. */
static bool is_database(
	const struct node *root, const char *name, const struct node *service, const char *database)
{
	const char *container = node_str(node_get(service, "container_name"));

	if (!*database)
		return false;
	return strcmp(name, database) == 0 || (container && strcmp(container, database) == 0) ||
	       is_default_name(root, name, database);
}

static bool is_stateful(const struct node *service, bool database)
{
	if (*label(service, "kbuild.stateful"))
		return label_is(service, "kbuild.stateful", "true");
	return database || has_volume(service, true);
}

/* Whose image stays when its tag means another one: a database is not to be made anew because somebody moved a tag. */
static bool keeps_image(const struct node *service, bool database)
{
	return label_is(service, "kbuild.stateful", "true") ||
	       (database && !label_is(service, "kbuild.stateful", "false"));
}

/* Compose hands the volume on when it makes the container anew in its place, and to no other container. */
static bool is_nameless(const struct node *service)
{
	return has_volume(service, false) && !label_is(service, "kbuild.stateful", "false");
}

/* Another service begins only when it has ended well. */
static bool is_waited_for(const struct node *root, const char *name)
{
	const struct node *services = node_get(root, "services");

	for (size_t i = 0; i < services->n; i++) {
		const struct node *how = node_get(node_get(services->items[i], "depends_on"), name);
		const char *condition = node_str(node_get(how, "condition"));

		if (condition && strcmp(condition, "service_completed_successfully") == 0)
			return true;
	}
	return false;
}

static bool is_oneshot(const struct node *root, const char *name, const struct node *service)
{
	if (*label(service, "kbuild.oneshot"))
		return label_is(service, "kbuild.oneshot", "true");
	return is_waited_for(root, name);
}

/* As Compose gives it to the engine: deploy.restart_policy hides restart, and without a condition means none. */
static const char *restart_policy(const struct node *service)
{
	const struct node *deploy = node_path(service, "deploy.restart_policy");
	const char *word =
		node_str(deploy && deploy->kind == NODE_MAP ? node_get(deploy, "condition")
							    : node_get(service, "restart"));

	return word ? word : "no";
}

static bool restarts(const struct node *service)
{
	const char *policy = restart_policy(service);

	return strcmp(policy, "always") == 0 || strcmp(policy, "any") == 0 ||
	       strcmp(policy, "unless-stopped") == 0;
}

/* "on-failure", or so often: "on-failure:3". */
static bool retries(const struct node *service)
{
	return strncmp(restart_policy(service), "on-failure", strlen("on-failure")) == 0;
}

static int64_t replicas(const struct node *service)
{
	int64_t n = 1;

	if (!node_is_int(node_path(service, "deploy.replicas"), &n))
		(void)node_is_int(node_get(service, "scale"), &n);
	return n;
}

static int64_t memory_limit(const struct node *service)
{
	const char *text = node_str(node_path(service, "deploy.resources.limits.memory"));
	uint64_t bytes = 0;

	if (!text)
		text = node_str(node_get(service, "mem_limit"));
	return text && parse_size(text, &bytes) && bytes < INT64_MAX ? (int64_t)bytes : 0;
}

static size_t count(const struct node *service, const char *key)
{
	const struct node *n = node_get(service, key);

	return n && n->kind != NODE_SCALAR ? n->n : 0;
}

/* The services whose name spaces it has in the place of its own. */
static void write_shares(const struct node *service, struct buf *out)
{
	static const char *const keys[] = { "network_mode", "ipc", "pid" };
	const char *names[ARRAY_SIZE(keys) + 1] = { NULL };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *mode = node_str(node_get(service, keys[i]));

		if (mode && strncmp(mode, "service:", strlen("service:")) == 0)
			names[n++] = mode + strlen("service:");
	}
	if (n > 0)
		ipc_add_strs(out, "shares", names);
}

static void write_service(const struct node *root, const char *name, const struct node *service,
	const char *container, struct buf *out)
{
	const char *image = node_str(node_get(service, "image"));
	bool database = is_database(root, name, service, container);
	char hash[SHA256_HEX];

	hash_service(root, service, hash);
	ipc_begin(out);
	ipc_add_str(out, "name", name);
	ipc_add_str(out, "hash", hash);
	if (image)
		ipc_add_str(out, "image", image);
	ipc_add_int(out, "replicas", replicas(service));
	ipc_add_bool(out, "stateful", is_stateful(service, database));
	ipc_add_bool(out, "keeps_image", keeps_image(service, database));
	ipc_add_bool(out, "nameless", is_nameless(service));
	ipc_add_bool(out, "database", database);
	ipc_add_bool(out, "restarts", restarts(service));
	ipc_add_bool(out, "retries", retries(service));
	ipc_add_bool(out, "oneshot", is_oneshot(root, name, service));
	ipc_add_bool(out, "unsafe", label_is(service, "kbuild.rollback", "unsafe"));
	ipc_add_bool(out, "dump", label_is(service, "kbuild.dump", "before"));
	ipc_add_bool(out, "named", node_get(service, "container_name") != NULL);
	ipc_add_bool(out, "published", count(service, "ports") > 0);
	ipc_add_int(out, "memory", memory_limit(service));
	write_data(root, service, database, out);
	write_shares(service, out);
	if (*label(service, "kbuild.drain"))
		ipc_add_str(out, "drain", label(service, "kbuild.drain"));
	ipc_end(out);
}

/* --- the operation ---------------------------------------------------------------------------------- */

static int write_table(
	const struct node *root, const struct node *q, struct buf *out, struct error *e)
{
	const struct node *services = node_get(root, "services");
	const char *database = node_str(node_get(q, "database"));
	const char *health = node_str(node_get(q, "health"));
	const char *address;
	_buf_ list = BUF_INIT;
	_buf_ one = BUF_INIT;

	if (!services || services->kind != NODE_MAP || services->n == 0)
		return error_set(e, ERR_INVALID, "the Compose file has no services");
	for (size_t i = 0; i < services->n; i++) {
		write_service(root, services->keys[i]->str, services->items[i],
			database ? database : "", &one);
		buf_printf(&list, "%s%s", i ? "," : "[", buf_str(&one));
	}
	buf_addc(&list, ']');
	address = health ? parse_published_at(services, health) : NULL;
	ipc_begin(out);
	ipc_add(out, "services", buf_str(&list));
	if (address)
		ipc_add_str(out, "address", address);
	ipc_end(out);
	return 0;
}

static int run(struct ipc_message *q, struct role_reply *reply, struct error *e)
{
	_buf_ text = BUF_INIT;
	_buf_ out = BUF_INIT;
	struct node *root;
	int r, fd;

	if (q->n_fds != 1)
		return error_set(e, ERR_FAILED, "a plan without its document");
	r = ipc_read_fd(q->fds[0], DOC_MAX, &text);
	if (r < 0)
		return error_errno(e, r, "cannot read the rendered Compose file");
	r = json_parse(&root, q->arena, "the rendered Compose file", buf_str(&text), text.len, e);
	if (r < 0)
		return r;
	r = write_table(root, q->doc, &out, e);
	if (r < 0)
		return r;
	fd = ipc_memfd(out.data, out.len);
	if (fd < 0)
		return error_errno(e, fd, "cannot hand over a table");
	reply->fds[reply->n_fds++] = fd;
	return 0;
}

const struct parse_op parse_plan = { "plan", run };
