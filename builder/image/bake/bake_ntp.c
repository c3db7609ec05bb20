/*
 * ntp: the client's configuration, rendered from the template of the cloud-init in the image, so that
 * it is what that cloud-init would write. The client is the one that is installed: chrony before
 * systemd-timesyncd, cloud-init's own order of preference.
 */
#include "alloc.h"
#include "arena.h"
#include "bake_topic.h"
#include "buf.h"
#include "definition.h"
#include "error.h"
#include "jinja.h"
#include "node.h"
#include "rootfd.h"
#include "user_list.h"

#include <string.h>

#define POOLS	   4 /* cloud-init: NR_POOL_SERVERS */
#define FIRST_LINE "## template:jinja\n"

static const struct client {
	const char *name, *program, *config;
} clients[] = {
	{ "chrony", "/usr/sbin/chronyd", "/etc/chrony/chrony.conf" },
	{ "systemd-timesyncd", "/usr/lib/systemd/systemd-timesyncd",
		"/etc/systemd/timesyncd.conf.d/cloud-init.conf" },
};

static const struct client *choose(const struct bake *b, const char *wanted)
{
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		if (bake_has(b, clients[i].program) &&
			(!wanted || strcmp(wanted, "auto") == 0 ||
				strcmp(wanted, clients[i].name) == 0))
			return &clients[i];
	return NULL;
}

/* A list of the ntp map as strings; NULL-terminated, in the arena. */
static const char *const *strings(const struct bake *b, const struct node *ntp, const char *key)
{
	const struct node *words = word_list(b->def->arena, node_get(ntp, key));
	const char **v = arena_alloc(b->def->arena, (words->n + 1) * sizeof *v);

	for (size_t i = 0; i < words->n; i++)
		v[i] = words->items[i]->str;
	return v;
}

/* Neither servers nor pools: the distribution's four pools. */
static const char *const *default_pools(const struct bake *b)
{
	const char **v = arena_alloc(b->def->arena, (POOLS + 1) * sizeof *v);

	for (int i = 0; i < POOLS; i++)
		v[i] = arena_printf(b->def->arena, "%d.%s.pool.ntp.org", i, b->def->distribution);
	return v;
}

static int render_chrony(
	const struct bake *b, const struct jinja_list *lists, struct buf *out, struct error *e)
{
	_free_ char *path =
		xasprintf("/etc/cloud/templates/chrony.conf.%s.tmpl", b->def->distribution);
	_buf_ text = BUF_INIT;
	const char *s;
	int r = bake_read(b, path, &text, e);

	if (r < 0)
		return r;
	s = buf_str(&text);
	if (strncmp(s, FIRST_LINE, strlen(FIRST_LINE)) != 0)
		return error_set(e, ERR_FAILED, "%s is not a template that kbuild knows", path);
	r = jinja_render(s + strlen(FIRST_LINE), lists, out, e);
	return r < 0 ? error_prefix(e, "%s", path) : 0;
}

/* The template of timesyncd is three lines, but in expressions; this is what it gives. */
static void render_timesyncd(const struct jinja_list *lists, struct buf *out)
{
	buf_adds(out,
		"# cloud-init generated file\n# See timesyncd.conf(5) for details.\n\n[Time]\nNTP=");
	for (const struct jinja_list *l = lists; l->name; l++)
		if (strcmp(l->name, "servers") == 0 || strcmp(l->name, "pools") == 0)
			for (const char *const *p = l->items; *p; p++)
				buf_printf(out, "%s ", *p);
	buf_addc(out, '\n');
}

/* cloud-init keeps what the package came with beside the new file. */
static int keep_old(const struct bake *b, const char *path, struct error *e)
{
	_free_ char *kept = xasprintf("%s.dist", path);
	_buf_ text = BUF_INIT;
	int r;

	if (!rootfd_exists(b->root_fd, path))
		return 0;
	r = bake_read(b, path, &text, e);
	return r < 0 ? r : bake_puts(b, kept, buf_str(&text), 0644, e);
}

static bool applies(const struct bake *b)
{
	const struct node *ntp = bake_key(b, "ntp");
	bool enabled = true;

	node_is_bool(node_get(ntp, "enabled"), &enabled);
	/* "ntp:" alone means yes, with the defaults. */
	return (ntp || definition_key(b->def, "ntp")) && enabled;
}

static int run(const struct bake *b, struct error *e)
{
	const struct node *ntp = bake_key(b, "ntp");
	const char *wanted = node_str(node_get(ntp, "ntp_client"));
	const struct client *client = choose(b, wanted);
	struct jinja_list lists[] = {
		{ "servers", strings(b, ntp, "servers") },
		{ "pools", strings(b, ntp, "pools") },
		{ "peers", strings(b, ntp, "peers") },
		{ "allow", strings(b, ntp, "allow") },
		{ 0 },
	};
	_buf_ text = BUF_INIT;
	int r = 0;

	if (!client)
		return error_set(e, ERR_INVALID, "the image has no %s; add it to packages",
			wanted && strcmp(wanted, "auto") != 0 ? wanted : "chrony");
	if (!node_is_null(node_get(ntp, "config")))
		return error_set(e, ERR_INVALID,
			"ntp.config cannot be baked; write the client's file with write_files");
	if (!lists[0].items[0] && !lists[1].items[0])
		lists[1].items = default_pools(b);
	if (client == &clients[0])
		r = render_chrony(b, lists, &text, e);
	else
		render_timesyncd(lists, &text);
	if (r == 0)
		r = keep_old(b, client->config, e);
	return r < 0 ? r : bake_puts(b, client->config, buf_str(&text), 0644, e);
}

const struct bake_topic bake_ntp = { "ntp", applies, run };
