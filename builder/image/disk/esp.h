/* The EFI system partition: the distribution's signed shim and GRUB, where firmware looks. */
#pragma once

#include "base.h"

struct error;
struct layout;

struct esp {
	int fd; /* the disk */
	const struct layout *layout;
	int root; /* the tree's directory */
	const char *distribution;
	const char *seed;
	int64_t epoch;
};

int esp_write(const struct esp *s, struct error *e);
