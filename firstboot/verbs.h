/* The verbs of kbuild-agent, one file each; main.c has them in a table. */
#pragma once

#include "agent.h"
#include "verb.h"

/* One a line: several people add theirs at once. */
extern const struct verb verb_backup;
extern const struct verb verb_dns;
extern const struct verb verb_first_boot;
extern const struct verb verb_gitops;
extern const struct verb verb_health;
extern const struct verb verb_restore;
extern const struct verb verb_run;
extern const struct verb verb_secrets;
extern const struct verb verb_status;
