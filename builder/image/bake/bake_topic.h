/*
 * What the topics of baking share: the row of bake.c's table, and small steps with messages that
 * name the file of the image. Only bake*.c and seal.c include this.
 */
#pragma once

#include "bake.h"

struct buf;
struct node;

#define IMAGE_KEY "/etc/kbuild/image.key" /* the image's half of the handoff's key pair */

struct bake_topic {
	const char *name; /* prefixes errors: "write_files: …" */
	bool (*applies)(const struct bake *b);
	int (*run)(const struct bake *b, struct error *e);
};

/* One const row each, in the file of its topic. */
extern const struct bake_topic bake_agent;
extern const struct bake_topic bake_ca;
extern const struct bake_topic bake_cloudinit;
extern const struct bake_topic bake_docker;
extern const struct bake_topic bake_docker_check;
extern const struct bake_topic bake_fail2ban;
extern const struct bake_topic bake_files;
extern const struct bake_topic bake_files_deferred;
extern const struct bake_topic bake_firewall;
extern const struct bake_topic bake_identity;
extern const struct bake_topic bake_locale;
extern const struct bake_topic bake_ntp;
extern const struct bake_topic bake_residual;
extern const struct bake_topic bake_ssh;
extern const struct bake_topic bake_timezone;
extern const struct bake_topic bake_units;
extern const struct bake_topic bake_upgrades;
extern const struct bake_topic bake_hardening;
extern const struct bake_topic bake_users;

/* The value of a cloud-config key, or NULL when it is absent or null. */
const struct node *bake_key(const struct bake *b, const char *key);
bool bake_key_given(const struct bake *b, const char *key);

/*
 * The users to make, as user_list() gives them; ret_default: whether the distribution's default user
 * takes part, now or at first boot.
 */
int bake_user_list(
	const struct bake *b, const struct node **ret, bool *ret_default, struct error *e);

/* rootfd_puts() and rootfd_read() with messages; a file that must be there names package as its origin. */
int bake_puts(
	const struct bake *b, const char *path, const char *text, mode_t mode, struct error *e);
int bake_read(const struct bake *b, const char *path, struct buf *ret, struct error *e);

/* Whether the tree has this program (absolute path). */
bool bake_has(const struct bake *b, const char *program);

/* Runs a program in the tree; its failure is an error with its last lines. argv NULL-terminated. */
int bake_exec(const struct bake *b, const char *const *argv, struct error *e);
/* The same with standard input. */
int bake_exec_input(
	const struct bake *b, const char *const *argv, const char *input, struct error *e);

/*
 * Enables units (NULL-terminated) by systemctl in the tree, which only makes symlinks there. Nothing
 * is run for those that their package has already tied to multi-user.target.
 */
int bake_enable(const struct bake *b, const char *const *units, struct error *e);

/*
 * Text with everything from the line begin to the line end replaced by block (which holds those
 * two lines itself), or with block appended when it has none: repeating it changes nothing.
 */
void text_replace_block(
	const char *text, const char *begin, const char *end, const char *block, struct buf *out);

/* Sets NAME=value in a shell-style file of settings, in place of the (last) line that has it, else at its end. */
void text_set(const char *text, const char *name, const char *value, struct buf *out);
