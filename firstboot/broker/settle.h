/*
 * The engine does not sync what it unpacks: after a power cut the files of an image pulled seconds before are empty,
 * and the engine takes them for whole ("exec format error", for ever). So what is being pulled is written down first,
 * synced before anything is made of it, and taken out of the engine again where a cut came in between.
 */
#pragma once

#include "base.h"

struct broker;
struct error;

/* "docker image pull", after STATE/unsynced has named it; what begins the message of an error. */
int settle_pull(const struct broker *b, const char *reference, const char *what, struct error *e);
/* After the last one, whatever came of them: they are on the disk. Nothing when none was begun. */
int settle_end(const struct broker *b, struct error *e);
/*
 * What an earlier process has begun and not ended is removed from the engine, as far as nothing uses it. Layers of
 * a pull that was cut off have no name to be removed by: with fetch it is pulled to the end first. What cannot be
 * had now is tried again by the next call (STATE/doubtful names it), unless it never can be.
 */
int settle_again(const struct broker *b, bool fetch, struct error *e);
/* All that the engine has is on the disk. */
int settle_sync(const struct broker *b, struct error *e);
