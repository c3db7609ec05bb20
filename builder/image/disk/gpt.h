/* The partition table: GPT by libfdisk, on a file. */
#pragma once

#include "base.h"

struct error;
struct layout;

/* Writes protective MBR and both tables to fd. Ids derive from the seed. Name is for messages. */
int gpt_write(int fd, const char *name, const struct layout *l, const char *seed, struct error *e);
