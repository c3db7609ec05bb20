/* The name of this very server: several may be made from one definition, whose name they share. */
#pragma once

#include "base.h"

struct agent;
struct arena;
struct error;

/* What came with the handoff: {"v":1,"server":…,"launched":…,"parts":["dns", …]}, no values. */
#define HANDOFF_STATE "handoff.json"

/* Letters, digits, '.', '-', '_', at most 64: what can stand in a key and in an address. */
bool self_name_valid(const char *name);

/*
 * As launch called it; else the host's name, else the definition's. A copy has its own: the host's, and eight digits
 * of its instance. In the arena.
 */
const char *self_name(const struct agent *a, struct arena *arena);

/*
 * STATE/copy, with its instance: this server was made from another one's disk, and no launch has said that it takes
 * that one's place. The other one may be serving: its names, its backups elsewhere and its sign of life are not ours.
 */
#define COPY_STATE "copy"
bool self_is_copy(const struct agent *a);
int self_mark_copy(const struct agent *a, const char *instance, struct error *e);
/* It takes the other one's place. Nothing when it is no copy. */
int self_adopt(const struct agent *a, struct error *e);
