/* See render.h. */
#include "render.h"

#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "confine.h"
#include "content.h"
#include "error.h"
#include "fd.h"
#include "jail.h"
#include "json.h"
#include "node.h"
#include "policy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define JUDGE_SECONDS 20
#define VERDICT_MAX   2000

static int judge(const struct policy *p, const struct buf *text, struct error *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct verdict v = { "" };
	struct node *doc;
	int r = json_parse(&doc, arena, "the rendered compose file", buf_str(text), text->len, e);

	if (r < 0)
		return r;
	if (policy_check(p, doc, &v))
		return error_set(e, ERR_INVALID, "refused: %s%s%s: %s", v.where, *v.key ? "." : "",
			v.key, v.why);
	return 0;
}

/* The child: says nothing when all is well, else the reason. */
static _noreturn_ void judge_child(const struct policy *p, const struct buf *text, int out)
{
	struct error e = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(JUDGE_SECONDS);
	if (confine_enter(CONFINE_PARSE, NULL, &e) >= 0 && judge(p, text, &e) >= 0)
		_exit(0);
	(void)fd_write(out, e.msg, strlen(e.msg));
	_exit(1);
}

int render_judge(const struct policy *p, const struct buf *text, struct error *e)
{
	_close_ int in = -1;
	_close_ int out = -1;
	_buf_ said = BUF_INIT;
	int fds[2], status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_errno(e, errno, "cannot judge the compose file");
	in = fds[0];
	out = fds[1];
	pid = fork();
	if (pid < 0)
		return error_errno(e, errno, "cannot judge the compose file");
	if (pid == 0)
		judge_child(p, text, out);
	close(TAKE_FD(out));
	(void)fd_read(in, VERDICT_MAX, &said);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return error_errno(e, errno, "cannot judge the compose file");
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return error_set(e, ERR_INVALID, "%s",
		said.len ? buf_str(&said) : "refused: the compose file could not be judged");
}

static void set_text(struct arena *arena, struct node *map, const char *key, const char *text)
{
	node_set(arena, map, &map->at, key, node_scalar(arena, &map->at, text, strlen(text)));
}

struct binder {
	const struct broker *b;
	struct arena *arena;
	int release_fd;
	const struct content_extra *extra;
};

/* The copy of what a rendered path names: "/release/conf" → …/content/DIGEST/conf. */
static int copy_of(const struct binder *w, const char *rendered, const char **ret, struct error *e)
{
	_free_ char *path = NULL;
	const char *inside = rendered + strlen(JAIL_RELEASE);
	int r;

	inside += strspn(inside, "/");
	r = content_keep(w->b, w->release_fd, inside, w->extra, &path, e);
	if (r >= 0)
		*ret = arena_strdup(w->arena, path);
	return r;
}

/* Read-only unless read_only: false is written: what a container writes there would be lost. */
static int bind_mounts(const struct binder *w, struct node *mounts, struct error *e)
{
	for (size_t i = 0; mounts && i < mounts->n; i++) {
		struct node *m = mounts->items[i];
		const char *type = node_str(node_get(m, "type"));
		const char *source = node_str(node_get(m, "source")), *copy;
		struct node *yes;
		int r;

		if (!type || !source || strcmp(type, "bind") != 0 ||
			strncmp(source, JAIL_RELEASE, strlen(JAIL_RELEASE)) != 0)
			continue;
		r = copy_of(w, source, &copy, e);
		if (r < 0)
			return r;
		set_text(w->arena, m, "source", copy);
		yes = node_scalar(w->arena, &m->at, "true", 4);
		yes->quoted = false;
		node_set(w->arena, m, &m->at, "read_only", yes);
	}
	return 0;
}

/* The digest in a copy's path. */
static const char *digest_of(struct arena *arena, const char *copy)
{
	const char *name = strrchr(copy, '/');

	return arena_strndup(arena, name - 64, 12);
}

/*
 * A config or secret that is a file: its key gets the digest, where it is defined and where it is used,
 * since Compose does not look at its content to tell whether a service has changed.
 */
static int rename_uses(const struct binder *w, struct node *services, const char *part,
	const char *old, const char *new)
{
	bool secrets = strcmp(part, "secrets") == 0;

	for (size_t i = 0; i < services->n; i++) {
		struct node *list = node_get(services->items[i], part);

		for (size_t k = 0; list && k < list->n; k++) {
			struct node *use = list->items[k];
			const char *source = node_str(node_get(use, "source"));

			if (!source || strcmp(source, old) != 0)
				continue;
			set_text(w->arena, use, "source", new);
			if (!node_get(use, "target"))
				set_text(w->arena, use, "target",
					arena_printf(w->arena, "%s/%s",
						secrets ? "/run/secrets" : "", old));
		}
	}
	return 0;
}

static int bind_files(const struct binder *w, struct node *doc, const char *part, struct error *e)
{
	struct node *map = node_get(doc, part), *services = node_get(doc, "services");

	for (size_t i = 0; map && i < map->n; i++) {
		const char *file = node_str(node_get(map->items[i], "file")), *copy, *new;
		struct node *key = map->keys[i];
		int r;

		if (!file)
			continue;
		r = copy_of(w, file, &copy, e);
		if (r < 0)
			return r;
		set_text(w->arena, map->items[i], "file", copy);
		node_remove(map->items[i], "name");
		new = arena_printf(w->arena, "%s-%s", key->str, digest_of(w->arena, copy));
		rename_uses(w, services, part, key->str, new);
		map->keys[i] = node_scalar(w->arena, &key->at, new, strlen(new));
	}
	return 0;
}

/* Nobody activates a profile here. Compose leaves such services out by itself, but for some versions of it. */
static void leave_profiles_out(struct node *services)
{
	for (size_t i = services->n; i-- > 0;) {
		const struct node *profiles = node_get(services->items[i], "profiles");

		if (profiles && profiles->kind == NODE_LIST && profiles->n)
			node_remove(services, services->keys[i]->str);
	}
}

int render_bind(const struct broker *b, struct arena *arena, struct node *doc, int release_fd,
	const struct content_extra *extra, struct error *e)
{
	const struct binder w = { b, arena, release_fd, extra };
	struct node *services = node_get(doc, "services");
	int r = 0;

	if (services)
		leave_profiles_out(services);
	for (size_t i = 0; services && i < services->n && r >= 0; i++) {
		r = bind_mounts(&w, node_get(services->items[i], "volumes"), e);
		/* For a developer's machine. */
		node_remove(services->items[i], "develop");
	}
	if (r >= 0)
		r = bind_files(&w, doc, "configs", e);
	if (r >= 0)
		r = bind_files(&w, doc, "secrets", e);
	return r;
}
