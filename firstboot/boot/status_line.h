/*
 * What first boot says of itself: a line a change on the console, the last one with all that whoever
 * launched the server wants to know; and STATE/first-boot.json.
 */
#pragma once

#include "base.h"

struct boot;
struct error;

/* {"v":1,"state":"working","step":…,"n":3,"of":12,"note":…} */
void status_line_working(struct boot *b, const char *note);

/*
 * The last step: waits until services have settled, asks the broker for the state of the system, and
 * says "ready", "degraded" or "failed" with everything else. Never fails but on an interruption.
 */
int status_line_report(struct boot *b, struct error *e);
