/* kbuild-agent secrets: their names, and giving one another value. Values are never shown. */
#include "agent.h"
#include "arena.h"
#include "buf.h"
#include "config.h"
#include "crypt.h"
#include "error.h"
#include "fd.h"
#include "gitops.h"
#include "ipc.h"
#include "node.h"
#include "rotate.h"
#include "rotation.h"
#include "verbs.h"

#include <stdio.h>
#include <string.h>

#define VALUE_MAX (8 * KIB)

static const char *kind_of(const struct node *how)
{
	if (node_str(how))
		return "template";
	if (node_get(how, "operator"))
		return "operator";
	return node_get(how, "postgres") ? "password" : "generated";
}

static int run_list(struct agent *a, _unused_ const struct verb_args *args, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	const struct node *all = a->config->secrets.values;
	const char *rotating = NULL;
	int r = rotation_pending(a, arena, &rotating, e);

	if (r < 0)
		return r;
	if (a->json)
		printf("[");
	for (size_t i = 0; all && i < all->n; i++) {
		const char *name = all->keys[i]->str;
		bool now = rotating && strcmp(rotating, name) == 0;

		if (a->json)
			printf("%s{\"name\":\"%s\",\"kind\":\"%s\",\"rotating\":%s}", i ? "," : "",
				name, kind_of(all->items[i]), now ? "true" : "false");
		else
			printf("%-32s %s%s\n", name, kind_of(all->items[i]),
				now ? ", its rotation is under way" : "");
	}
	if (a->json)
		printf("]\n");
	return 0;
}

/* An operator's new value: what is on standard input, without the newline at its end. */
static int read_value(const struct agent *a, const char *name, struct buf *ret, struct error *e)
{
	int r;

	if (!node_get(node_get(a->config->secrets.values, name), "operator"))
		return 0;
	r = fd_read(STDIN_FILENO, VALUE_MAX, ret);
	if (r < 0)
		return error_errno(e, r, "reading the new value of '%s'", name);
	while (ret->len > 0 && ret->data[ret->len - 1] == '\n')
		ret->data[--ret->len] = '\0';
	return 0;
}

static int begin(const struct agent *a, const char *name, struct error *e)
{
	_buf_ value = BUF_INIT;
	int r = read_value(a, name, &value, e);

	if (r == 0)
		r = rotation_begin(a, name, value.len ? buf_str(&value) : NULL, e);
	if (value.data)
		crypt_wipe(value.data, value.len);
	return r;
}

static int run_rotate(struct agent *a, const struct verb_args *args, struct error *e)
{
	const char *name = verb_arg(args, 1);
	bool resume = verb_opt(args, "resume") != NULL;
	_buf_ why = BUF_INIT;
	int r;

	if ((name != NULL) == resume)
		return error_set(e, ERR_USAGE, "secrets rotate: a NAME, or --resume");
	r = agent_become_owner(a, e);
	if (r == 0)
		r = agent_lock(a, "secrets", e);
	if (r == AGENT_BUSY)
		return error_set(e, ERR_FAILED,
			"another `secrets rotate` is at work, or a run of kbuild-gitops that ends a rotation: "
			"try again when it has ended");
	if (r == 0 && name)
		r = begin(a, name, e);
	if (r == 0)
		r = agent_start_roles(a, a->config->has_app ? GITOPS_ROLES : 0, e);
	if (r == 0)
		r = rotation_finish(a, true, &why, e);
	if (r < 0)
		return r;
	if (r == ROTATION_NOTHING)
		printf("no rotation is under way\n");
	else
		printf("rotated%s%s%s%s\n", name ? " " : "", name ? name : "", why.len ? ": " : "",
			buf_str(&why));
	return 0;
}

static const struct {
	const char *word;
	int (*run)(struct agent *a, const struct verb_args *args, struct error *e);
} actions[] = {
	{ "list", run_list },
	{ "rotate", run_rotate },
};

static int run(struct ctx *c, const struct verb_args *args, struct error *e)
{
	_cleanup_(agent_config_freep) struct agent_config *config = NULL;
	struct agent *a = agent_of(c);
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcmp(actions[i].word, verb_arg(args, 0)) != 0)
			continue;
		if (a->state_fd < 0)
			return error_set(e, ERR_FAILED, "there is no directory %s", a->state_dir);
		r = agent_config_load(&config, a->config_path, e);
		a->config = config;
		if (r == 0)
			r = actions[i].run(a, args, e);
		a->config = NULL;
		return r;
	}
	return error_set(e, ERR_USAGE, "secrets: 'list' or 'rotate', not '%s'", verb_arg(args, 0));
}

static const struct verb_option options[] = {
	{ "resume", NULL, "end a rotation that was cut off", 0 },
	{},
};

const struct verb verb_secrets = {
	.name = "secrets",
	.args = "list|rotate [NAME]",
	.summary = "the application's secrets by name, and giving one another value",
	.min = 1,
	.max = 2,
	.options = options,
	.examples =
		"  kbuild-agent secrets list\n"
		"  kbuild-agent secrets rotate POSTGRES_PASSWORD\n"
		"  kbuild-agent secrets rotate MAILGUN_KEY < key\n",
	.run = run,
};
