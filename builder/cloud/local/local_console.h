/* The console of a local server: what it ever said, in one file. */
#pragma once

#include "base.h"

struct buf;
struct local_dir;
struct readiness_watch;

#define LOCAL_CONSOLE "console.log"

/* A portion (at most 4 MiB) from *offset on, which moves behind it. 0, also where there is no file yet, or -errno. */
int local_console_read(const struct local_dir *d, uint64_t *offset, struct buf *ret);
/* Bytes; 0 where there is no file. */
uint64_t local_console_size(const struct local_dir *d);
/* Feeds the watch with what the server said since offset, of which the last portion counts. */
void local_console_watch(const struct local_dir *d, uint64_t offset, struct readiness_watch *w);
/* True when it holds an answer: then the server is in use, whatever its phase says. */
bool local_console_answered(const struct local_dir *d);
