/* What the table of steps.c is made of, each in the file of its topic. */
#pragma once

#include "base.h"

struct boot;
struct error;

/* step_cloudinit.c: waits for cloud-init, opens the journal of the instance it names. */
int step_cloudinit_run(struct boot *b, struct error *e);

/* step_clock.c: a clock that is wrong makes every certificate invalid. */
int step_clock_run(struct boot *b, struct error *e);

/* step_handoff.c: what the operator handed to this server, once. */
int step_handoff_run(struct boot *b, struct error *e);

/* step_identity.c: a clone is somebody else. */
const char *step_identity_skip(const struct boot *b);
int step_identity_run(struct boot *b, struct error *e);

/* step_volume.c: the data volume, formatted only when it is blank and ours. */
const char *step_volume_skip(const struct boot *b);
int step_volume_probe(struct boot *b, struct error *e);
int step_volume_run(struct boot *b, struct error *e);
