/* Texts that topics generate, apart from where they go, so that tests can compare them as texts. */
#pragma once

#include "base.h"

struct arena;
struct buf;
struct error;
struct node;

/* /etc/ca-certificates.conf with every certificate deselected. */
void ca_deselect(const char *text, struct buf *out);

/*
 * /etc/locale.gen with the line of this locale active. False when it has no such line, commented out
 * or not.
 */
bool locale_select(const char *text, const char *locale, struct buf *out);

/* What cloud-init appends to /etc/sudoers.d/90-cloud-init-users for a user; rules: text or a list. */
void sudo_rules(const char *user, const struct node *rules, struct buf *out);

/* A line of authorized_keys as cloud-init writes it: blanks squeezed between type, key and comment. */
void ssh_key_line(const char *key, struct buf *out);

/* daemon.json: our settings under the user's (a map or NULL). */
int docker_daemon(struct arena *a, const struct node *user, struct buf *out, struct error *e);

/* /etc/cloud/cloud.cfg.d/90_kbuild.cfg. */
struct cloudinit_settings {
	const struct node *users; /* of user_list() */
	bool has_default;	  /* the default user is one of them, or is made at first boot */
	bool disable_root;
};
void cloudinit_config(struct arena *a, const struct cloudinit_settings *s, struct buf *out);
