/*
 * Plans: compose documents as they will be brought up, with all paths, images and values in place. They
 * are kept by the SHA-256 of their text, for root alone (they hold secrets), and nothing but a kept
 * plan can be brought up: so what was judged is what runs, today and after a roll-back.
 */
#pragma once

#include "base.h"
#include "digest.h"

struct arena;
struct broker;
struct buf;
struct error;
struct node;

#define PLAN_MAX   (4 * MIB)
#define PLANS_KEPT 500 /* used last: many bad commits in a row must not push the good one out */

int plan_keep(
	const struct broker *b, const struct node *doc, char ret_id[SHA256_HEX], struct error *e);
/* ERR_FAILED when it is not kept, or its text is not that of its id. */
int plan_load(const struct broker *b, const char *id, struct arena *arena, struct node **ret,
	struct error *e);
/*
 * Removes the plans that are none of these (NULL: only what is beyond PLANS_KEPT), but for those of the last
 * hour, which somebody may be about to bring up; then the copies that no plan names any more.
 */
int plan_prune(const struct broker *b, const char *const *keep, struct error *e);
/* Returns new: the path of a plan's file. */
char *plan_path(const struct broker *b, const char *id);
