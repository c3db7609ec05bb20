/* See rotate.h. Each step is one replacement of a file, after what it tells of was done. */
#include "rotate.h"

#include "agent.h"
#include "alloc.h"
#include "arena.h"
#include "broker.h"
#include "buf.h"
#include "config.h"
#include "credentials.h"
#include "crypt.h"
#include "error.h"
#include "fd.h"
#include "ipc.h"
#include "json.h"
#include "mark.h"
#include "node.h"
#include "secrets.h"
#include "values.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define ROTATION_MAX (64 * KIB)
#define ALTER_MS     60000

static const struct mark here = { .file = ROTATION_FILE };
static const char *const stages[] = { "begun", "altered", "kept" };
enum stage { BEGUN, ALTERED, KEPT };

struct rotation {
	const char *name, *value;
	enum stage stage;
};

static int broken(const struct agent *a, struct error *e)
{
	return error_set(e, ERR_INVALID,
		"%s/" ROTATION_FILE " is not what this agent writes; look at it, then remove it",
		a->state_dir);
}

static int load(const struct agent *a, struct arena *arena, struct rotation *ret, struct error *e)
{
	struct error ignored = {};
	struct node *doc = NULL;
	const char *stage;
	_buf_ text = BUF_INIT;
	size_t i = 0;
	int r = file_read(a->state_fd, ROTATION_FILE, ROTATION_MAX, &text);

	if (r == -ENOENT)
		return ROTATION_NONE;
	if (r < 0)
		return error_errno(e, r, "cannot read %s/" ROTATION_FILE, a->state_dir);
	r = json_parse(&doc, arena, ROTATION_FILE, buf_str(&text), text.len, &ignored);
	if (text.data)
		crypt_wipe(text.data, text.len);
	stage = node_str(node_get(doc, "stage"));
	while (i < ARRAY_SIZE(stages) && stage && strcmp(stages[i], stage) != 0)
		i++;
	ret->name = node_str(node_get(doc, "name"));
	ret->value = node_str(node_get(doc, "value"));
	if (r < 0 || !stage || i == ARRAY_SIZE(stages) || !ret->name || !ret->value)
		return broken(a, e);
	ret->stage = (enum stage)i;
	return 0;
}

static int save(const struct agent *a, const struct rotation *x, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct node *doc = node_map(arena, &here);
	const struct {
		const char *key, *value;
	} members[] = { { "name", x->name }, { "stage", stages[x->stage] }, { "value", x->value } };
	_buf_ text = BUF_INIT;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		node_set(arena, doc, &here, members[i].key,
			node_scalar(arena, &here, members[i].value, strlen(members[i].value)));
	node_write_json(doc, 0, &text);
	r = mkdir_all(a->state_fd, SECRETS_DIR, 0700);
	if (r == 0)
		r = file_replace(a->state_fd, ROTATION_FILE, text.data, text.len, 0600);
	crypt_wipe(text.data, text.len);
	if (r == 0)
		return 0;
	error_errno(e, r, "cannot write %s/" ROTATION_FILE, a->state_dir);
	return r == -ENOSPC || r == -EDQUOT ? error_transient(e) : -e->code;
}

int rotation_pending(const struct agent *a, struct arena *arena, const char **ret, struct error *e)
{
	struct rotation x;
	int r = load(a, arena, &x, e);

	if (r == 0)
		*ret = x.name;
	return r;
}

static const struct node *definition_of(const struct agent *a, const char *name)
{
	return node_get(a->config->secrets.values, name);
}

static int no_such(const struct agent *a, const char *name, struct arena *arena, struct error *e)
{
	const struct node *all = a->config->secrets.values;
	size_t n = all && all->kind == NODE_MAP ? all->n : 0;
	const char **names = arena_alloc(arena, (n + 1) * sizeof *names), *near;

	for (size_t i = 0; i < n; i++)
		names[i] = all->keys[i]->str;
	near = nearest_word(name, names);
	return error_set(e, ERR_USAGE, "there is no secret '%s'%s%s%s", name,
		near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* The new value, made or given. */
static int new_value(const char *name, const struct node *how, const char *given, struct buf *ret,
	struct error *e)
{
	if (node_get(how, "operator")) {
		if (!given || !*given)
			return error_set(e, ERR_USAGE,
				"the secret '%s' is the operator's: give its new value on standard input",
				name);
		buf_adds(ret, given);
		return 0;
	}
	if (node_str(how))
		return error_set(e, ERR_USAGE,
			"'%s' is made of other secrets: rotate those, and it follows", name);
	if (given)
		return error_set(e, ERR_USAGE,
			"the secret '%s' is made here; no value can be given for it", name);
	values_generate(node_get(how, "generate"), ret);
	return 0;
}

/* A value that the application does not take can be given anew, once it is known which one a database has. */
static bool may_replace(const struct rotation *x, const char *name, const struct node *how)
{
	return strcmp(x->name, name) == 0 && (x->stage == KEPT || !node_get(how, "postgres"));
}

int rotation_begin(const struct agent *a, const char *name, const char *value, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct node *how = definition_of(a, name);
	struct rotation x = {};
	_buf_ text = BUF_INIT;
	int r = load(a, arena, &x, e);

	if (r < 0)
		return r;
	if (r == 0 && !may_replace(&x, name, how))
		return error_set(e, ERR_USAGE,
			"the rotation of '%s' is under way; end it first: "
			"kbuild-agent secrets rotate --resume",
			x.name);
	if (!how)
		return no_such(a, name, arena, e);
	r = new_value(name, how, value, &text, e);
	if (r < 0)
		return r;
	x = (struct rotation){ .name = name, .value = buf_str(&text), .stage = BEGUN };
	r = save(a, &x, e);
	crypt_wipe(text.data, text.len);
	return r;
}

/* NULL: none is, or it has not come so far. */
static const char *kept(const struct agent *a, struct arena *arena)
{
	struct error ignored = {};
	struct rotation x;

	return load(a, arena, &x, &ignored) == 0 && x.stage == KEPT ? x.name : NULL;
}

bool rotation_is_kept(const struct agent *a)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();

	return kept(a, arena) != NULL;
}

bool rotation_binds(const struct agent *a)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const char *name = kept(a, arena);

	return name && node_get(definition_of(a, name), "postgres");
}

/* The database takes the value; asked for twice it takes it twice. The role may change its own. */
static int alter(const struct agent *a, const struct rotation *x, const struct node *postgres,
	struct error *e)
{
	_cleanup_(ipc_message_free) struct ipc_message answer = IPC_MESSAGE_INIT;
	const char *role = node_str(node_get(postgres, "role"));
	const char *container = node_str(node_get(postgres, "container"));
	const char *user = node_str(node_get(postgres, "user"));
	_close_ int fd = ipc_memfd(x->value, strlen(x->value));
	_buf_ request = BUF_INIT;
	int r;

	if (fd < 0)
		return error_errno(e, fd, "cannot make a memory file");
	container = container ? container : a->config->backup.postgres.container;
	if (!role || !container)
		return error_set(e, ERR_INVALID,
			"'%s' names no container of its database in the definition", x->name);
	/* The default of kbuild.backup is not the one of images that make another superuser. */
	ipc_begin_op(&request, "pg-query");
	ipc_add_str(&request, "container", container);
	ipc_add_str(&request, "user", user ? user : role);
	ipc_add_str(&request, "database", role);
	ipc_add_str(&request, "query", "alter-role");
	ipc_end(&request);
	r = broker_call(a, &request, &fd, 1, ALTER_MS, &answer, e);
	return r < 0 ? error_prefix(e, "changing the password of '%s' in %s", role, container) : 0;
}

/*
 * What an operator gave lies beside values.json as a credential, from which a copy of this server would take it anew:
 * all of them as they are now.
 */
static int keep_given(
	const struct agent *a, const struct node *values, struct arena *arena, struct error *e)
{
	const struct node *all = a->config->secrets.values;
	struct node *given = node_map(arena, &here);

	for (size_t i = 0; i < all->n; i++) {
		const char *name = all->keys[i]->str;
		const struct node *value = node_get(values, name);

		if (node_get(all->items[i], "operator") && value)
			node_set(arena, given, &here, name, node_copy(arena, value));
	}
	return credential_store(a, "app", given, e);
}

static int keep(
	const struct agent *a, const struct rotation *x, struct arena *arena, struct error *e)
{
	struct node *values;
	int r = values_read(a, arena, &values, e);

	if (r < 0)
		return r;
	if (!values)
		return error_set(e, ERR_INVALID, "this server has no secrets yet");
	node_set(arena, values, &here, x->name,
		node_scalar(arena, &here, x->value, strlen(x->value)));
	r = values_write(a, values, e);
	if (r >= 0 && node_get(definition_of(a, x->name), "operator"))
		r = keep_given(a, values, arena, e);
	return r;
}

static int step(const struct agent *a, struct rotation *x, struct arena *arena, struct error *e)
{
	const struct node *postgres = node_get(definition_of(a, x->name), "postgres");
	int r;

	if (x->stage == BEGUN)
		r = postgres ? alter(a, x, postgres, e) : 0;
	else
		r = keep(a, x, arena, e);
	if (r < 0)
		return r;
	x->stage++;
	return save(a, x, e);
}

int rotation_keep(const struct agent *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct rotation x;
	int r = load(a, arena, &x, e);

	if (r == 0 && x.stage == ALTERED)
		r = step(a, &x, arena, e);
	return MIN(r, 0);
}

int rotation_advance(const struct agent *a, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct rotation x;
	int r = load(a, arena, &x, e);

	while (r == 0 && x.stage != KEPT)
		r = step(a, &x, arena, e);
	return r;
}

int rotation_end(const struct agent *a, struct error *e)
{
	int r = unlinkat(a->state_fd, ROTATION_FILE, 0) < 0 && errno != ENOENT ? -errno : 0;

	if (r == 0)
		r = fsync_parent(a->state_fd, ROTATION_FILE);
	return r < 0 ? error_errno(e, r, "cannot remove %s/" ROTATION_FILE, a->state_dir) : 0;
}
