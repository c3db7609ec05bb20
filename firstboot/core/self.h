/* The name of this very server: several may be made from one definition, whose name they share. */
#pragma once

#include "base.h"

struct agent;
struct arena;

/* What came with the handoff: {"v":1,"server":…,"launched":…,"parts":["dns", …]}, no values. */
#define HANDOFF_STATE "handoff.json"

/* Letters, digits, '.', '-', '_', at most 64: what can stand in a key and in an address. */
bool self_name_valid(const char *name);

/* As launch called it; else the host's name, else the definition's. In the arena. */
const char *self_name(const struct agent *a, struct arena *arena);
