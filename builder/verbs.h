/* The verbs of kbuild, one file each; main.c has them in a table. */
#pragma once

#include "verb.h"

extern const struct verb verb_completion;
extern const struct verb verb_check, verb_explain, verb_show;
extern const struct verb verb_lock, verb_build;
extern const struct verb verb_plan, verb_launch, verb_logs, verb_dns, verb_list, verb_status,
	verb_console, verb_ssh, verb_stop, verb_start, verb_destroy;
extern const struct verb verb_login, verb_doctor;
extern const struct verb verb_upload, verb_images, verb_prune;
