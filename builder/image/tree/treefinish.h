/*
 * The end of a package tree: apt's marks, the one initrd, no traces of the work, and a comparison
 * of what dpkg says is installed with what was locked.
 */
#pragma once

#include "base.h"

struct error;
struct tree_request;

int treefinish_run(const struct tree_request *q, const char *root, int root_fd, struct error *e);
