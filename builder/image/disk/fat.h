/*
 * A FAT32 file system with a few files in it, as firmware wants its ESP. Written in one pass, the
 * same bytes every time. Names must be of the old form, eight characters, a dot and three, each
 * part all upper or all lower case: boot loaders have no others.
 */
#pragma once

#include "base.h"

struct error;

struct fat_file {
	const char *path; /* "EFI/BOOT/BOOTX64.EFI"; directories come by themselves */
	const void *data; /* borrowed */
	size_t len;
};

struct fat {
	int fd;		       /* a file of zeros where the file system will be */
	uint64_t offset, size; /* bytes, multiples of 512 */
	const char *label;     /* at most 11 characters, upper case */
	uint32_t serial;
	int64_t epoch;		      /* all times */
	const struct fat_file *files; /* sorted by path */
	size_t n;
};

int fat_write(const struct fat *f, struct error *e);
