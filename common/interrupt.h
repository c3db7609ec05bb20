/*
 * SIGINT and SIGTERM as a flag and as an fd to poll. The only state of the program that is not
 * passed explicitly, because signals have none to pass.
 */
#pragma once

#include "base.h"

/*
 * Catches SIGINT, SIGTERM and SIGHUP, ignores SIGPIPE. A second signal while the first is being
 * handled restores the default action, so that it ends the program at once.
 */
void interrupt_install(void);

/* True once one of them came. Long loops ask once per chunk and return -ECANCELED. */
bool interrupted(void);

/* Readable once interrupted; for poll(). -1 when interrupt_install() was never called. */
int interrupt_fd(void);
