/*
 * users and groups of a cloud-config, in all the shapes that cloud-init accepts, made into one:
 * as its ug_util.py normalises them.
 */
#pragma once

#include "base.h"

struct arena;
struct error;
struct node;

/*
 * Returns a map: name -> map of that user's keys ('-' in keys made '_'), in order. users: the key's
 * value (text, list or map; NULL: none). default_user: system_info.default_user of cloud.cfg, which
 * "default" stands for; NULL: entries of "default" are left out. ret_default is set to the name of
 * the default user when there is one in the list, else to NULL.
 */
int user_list(struct arena *a, const struct node *users, const struct node *default_user,
	const struct node **ret, const char **ret_default, struct error *e);

/* Returns a map: group -> list of members (text nodes). groups: the key's value, or NULL. */
int group_list(
	struct arena *a, const struct node *groups, const struct node **ret, struct error *e);

/* A list of words: "a, b" or [a, b] or {x: a}; blanks around words removed. Returns a list; NULL gives an empty one. */
const struct node *word_list(struct arena *a, const struct node *n);

/* True when the list of words has this one. */
bool word_list_has(const struct node *list, const char *word);
