/*
 * What cloud-init must know on a server whose definition was baked: where to look for the instance's
 * own data, and what not to do again. The rest of cloud.cfg stays as the distribution wrote it.
 */
#include "arena.h"
#include "bake_text.h"
#include "bake_topic.h"
#include "buf.h"
#include "definition.h"
#include "error.h"
#include "mark.h"
#include "node.h"
#include "rootfd.h"
#include "user_list.h"
#include "yaml_tree.h"

#include <string.h>

/*
 * Of these files the later name wins, and '_' comes after '-': this one is after the 90_dpkg.cfg that
 * cloud-init's postinst writes with data sources of its own, and before the 91 to 99 of a definition,
 * whose way it is to choose them otherwise.
 */
#define SETTINGS  "/etc/cloud/cloud.cfg.d/90_kbuild.cfg"
#define CLOUD_CFG "/etc/cloud/cloud.cfg"

/*
 * In the order of trust and speed: the config drive of OpenStack (OVH, and our local cloud), its
 * metadata service, a seed of one's own, and None, so that a server without a cloud boots as well.
 * ds-identify wants the list on one line. OpenStack's source waits for no time at all by default,
 * which is too short for OVH's network.
 */
#define DATASOURCES                                                                                \
	"datasource_list: [ConfigDrive, OpenStack, NoCloud, None]\n"                               \
	"datasource:\n"                                                                            \
	"  OpenStack: {max_wait: 120, timeout: 10}\n"

/* Keys of a user that need the network or the cloud's keys: cloud-init's business at first boot. */
static const char *const first_boot_keys[] = { "ssh_import_id", "ssh_redirect_user" };

/* The entry that first boot still needs for this user, or NULL. */
static const struct node *left_entry(struct arena *a, const char *name, const struct node *user)
{
	struct node *entry = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(first_boot_keys); i++) {
		struct node *value = node_get(user, first_boot_keys[i]);

		if (node_is_null(value))
			continue;
		if (!entry) {
			entry = node_map(a, &user->at);
			node_set(a, entry, &user->at, "name",
				node_scalar(a, &user->at, name, strlen(name)));
		}
		node_set(a, entry, &value->at, first_boot_keys[i], value);
	}
	/* Its absence would mean yes, and lock what was baked unlocked. */
	if (entry && node_get(user, "lock_passwd"))
		node_set(a, entry, &user->at, "lock_passwd", node_get(user, "lock_passwd"));
	return entry;
}

void cloudinit_config(struct arena *a, const struct cloudinit_settings *s, struct buf *out)
{
	struct node *list = node_list(a, &(struct mark){ 0 });

	buf_adds(out,
		"# Written by kbuild.\n" DATASOURCES
		"# What follows was baked into the image, and must not be done again or undone.\n"
		"apt: {preserve_sources_list: true}\n"
		"locale: false\n");
	buf_printf(out, "disable_root: %s\n", s->disable_root ? "true" : "false");
	if (s->has_default)
		node_append(a, list, node_scalar(a, &list->at, "default", strlen("default")));
	for (size_t i = 0; i < s->users->n; i++) {
		const struct node *left = left_entry(a, s->users->keys[i]->str, s->users->items[i]);

		if (left)
			node_append(a, list, node_copy(a, left));
	}
	buf_adds(out, "users: ");
	node_write_json(list, 0, out);
	if (out->data[out->len - 1] != '\n')
		buf_addc(out, '\n');
}

/* system_info.default_user of the tree's own cloud.cfg; NULL when it has no cloud-init. */
static int read_default_user(const struct bake *b, const struct node **ret, struct error *e)
{
	_cleanup_(diags_free) struct diags diags = DIAGS_INIT;
	_buf_ text = BUF_INIT;
	struct node *cfg;
	int r;

	*ret = NULL;
	if (!rootfd_exists(b->root_fd, CLOUD_CFG))
		return 0;
	r = bake_read(b, CLOUD_CFG, &text, e);
	if (r < 0)
		return r;
	r = yaml_parse(&cfg, b->def->arena, CLOUD_CFG, buf_str(&text), text.len, &diags, e);
	if (r < 0)
		return error_prefix(e, "cloud-init's own settings in the image");
	*ret = node_path(cfg, "system_info.default_user");
	return 0;
}

int bake_user_list(
	const struct bake *b, const struct node **ret, bool *ret_default, struct error *e)
{
	struct arena *a = b->def->arena;
	const struct node *users = bake_key(b, "users"), *default_user;
	const char *name;
	int r = read_default_user(b, &default_user, e);

	if (r < 0)
		return r;
	/* The key "user" redefines who that is; it is left, so the user is made at first boot. */
	if (bake_key_given(b, "user"))
		default_user = NULL;
	if (!users)
		users = node_scalar(a, &(struct mark){ 0 }, "default", strlen("default"));
	r = user_list(a, users, default_user, ret, &name, e);
	*ret_default = name || bake_key_given(b, "user");
	return r;
}

static bool applies(const struct bake *b)
{
	return rootfd_exists(b->root_fd, CLOUD_CFG);
}

static int run(const struct bake *b, struct error *e)
{
	struct cloudinit_settings s = { .disable_root = true };
	_buf_ text = BUF_INIT;
	int r;

	node_is_bool(bake_key(b, "disable_root"), &s.disable_root);
	r = bake_user_list(b, &s.users, &s.has_default, e);
	if (r < 0)
		return r;
	cloudinit_config(b->def->arena, &s, &text);
	return bake_puts(b, SETTINGS, buf_str(&text), 0644, e);
}

const struct bake_topic bake_cloudinit = { "cloud-init", applies, run };
