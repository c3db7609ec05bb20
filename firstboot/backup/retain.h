/*
 * Which backups are kept, as arithmetic: of the newest N days that have a good one, the newest of each; the
 * same for weeks (Monday to Sunday) and months. Days without a backup count for nothing, so a server
 * that was off for a month keeps as many as before. Order is the ids', which never go back; days are
 * those of the clock in the zone of the backup time.
 *
 * Whatever the policy says, these stay: the newest good one, the one asked for, the newest three that were made by hand
 * and before deployments, that look suspect, and that restores put aside. But for those by hand none of these holds a
 * place: what a deployment began with, a dump that shrank, or one of what somebody wanted to get away from, must not push
 * the night's out.
 */
#pragma once

#include "base.h"
#include "config.h"

struct manifest;

#define KEEP_ASIDE 3

/*
 * m: n manifests, newest first. keep: n flags, set. zone: "Europe/Paris", for the days' beginnings; an
 * unknown one is UTC. pinned: an id that stays whatever it is, or NULL.
 */
void retain_choose(const struct backup_keep *policy, const char *zone, const char *pinned,
	const struct manifest *const *m, size_t n, bool *keep);
