/* What the table of steps.c is made of, each in the file of its topic. */
#pragma once

#include "base.h"

struct boot;
struct error;

/* step_cloudinit.c: waits for cloud-init, opens the journal of the instance it names. */
int step_cloudinit_run(struct boot *b, struct error *e);

/* step_clock.c: a clock that is wrong makes every certificate invalid. */
int step_clock_run(struct boot *b, struct error *e);

/* step_handoff.c: what the operator handed to this server, once; with it a copy takes the other one's place. */
int step_handoff_run(struct boot *b, struct error *e);

/* step_identity.c: a clone is somebody else. */
const char *step_identity_skip(const struct boot *b);
int step_identity_run(struct boot *b, struct error *e);

/* step_volume.c: the data volume, formatted only when it is blank and ours. */
const char *step_volume_skip(const struct boot *b);
int step_volume_probe(struct boot *b, struct error *e);
int step_volume_run(struct boot *b, struct error *e);

/* step_app.c: what the application needs, and the application. */
const char *step_secrets_skip(const struct boot *b);
int step_secrets_probe(struct boot *b, struct error *e);
int step_secrets_run(struct boot *b, struct error *e);
const char *step_registry_skip(const struct boot *b);
int step_registry_run(struct boot *b, struct error *e);
const char *step_images_skip(const struct boot *b);
int step_images_run(struct boot *b, struct error *e);
const char *step_app_skip(const struct boot *b);
const char *step_deploy_skip(const struct boot *b);
int step_checkout_run(struct boot *b, struct error *e);
int step_start_run(struct boot *b, struct error *e);
int step_gate_probe(struct boot *b, struct error *e);
int step_gate_run(struct boot *b, struct error *e);

/* step_dns.c: kbuild.dns, until the zone's own servers answer it. */
const char *step_dns_skip(const struct boot *b);
int step_dns_run(struct boot *b, struct error *e);

/* step_timers.c: from now on the timers look after the server. */
int step_timers_run(struct boot *b, struct error *e);
