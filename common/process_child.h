/* A child on its way, for process.c: its pipes, and how it starts and is ended. */
#pragma once

#include "process.h"

#include "buf.h"

#include <sys/types.h>

/* What the child says on a close-on-exec pipe when it did not get as far as exec. */
struct report {
	int err;
	char what[64];
};

struct child {
	pid_t pid;
	int pidfd, in, out, err, report;
	size_t fed; /* bytes of input written */
	struct buf line, tail;
};

/* Fills c (all descriptors -1, buffers empty) with a child that runs p, or will say on report why not. 0 or -errno. */
int process_child_start(struct child *c, const struct process *p);
/* Kills it and its process group, and waits for its end. */
void process_child_kill(struct child *c);
void process_child_free(struct child *c);
