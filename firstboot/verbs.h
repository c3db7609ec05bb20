/* The verbs of kbuild-agent, one file each; main.c has them in a table. */
#pragma once

#include "agent.h"
#include "verb.h"

extern const struct verb verb_dns, verb_help_verb, verb_version;
