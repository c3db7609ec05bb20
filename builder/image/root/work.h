/*
 * Scratch directories that cannot leak: each holds a lock for its life, and whoever comes next
 * sweeps those whose owner is gone (kill -9, power cut).
 */
#pragma once

#include "base.h"

struct error;
struct progress;

struct work {
	char *path; /* absolute */
	int fd;	    /* the directory */
	int lock;   /* held for life */
};
#define WORK_INIT                                                                                  \
	{                                                                                          \
		.fd = -1, .lock = -1                                                               \
	}

/* Sweeps dead directories below DIR (made when absent), then makes a new one there. */
int work_open(struct work *w, const char *dir, struct error *e);
/* Removes it with all that is in it. The form for _cleanup_. */
void work_close(struct work *w);

/* One user of a named thing at a time (a cache entry, an apt directory): waits, noting whom for. -1: none held. */
int work_lock(const char *path, const char *what, struct progress *p, struct error *e);
