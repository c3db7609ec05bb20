/* A disk file that is to become an image: which format it is in, and how large a disk it makes. */
#pragma once

#include "base.h"

#include <sys/stat.h>

struct error;

struct disk_facts {
	const char *format; /* "qcow2" or "raw"; constant */
	uint64_t size;	    /* of the disk that a server sees, bytes */
};

/* The first bytes that disk_facts_parse() wants to see, where the file has as many. */
#define DISK_HEAD 112

/*
 * From the head of a file of file_size bytes. What begins like qcow2 must be one that stands by itself
 * (no backing file, no external data, not encrypted) and whole; other formats are refused by name.
 * All else is raw. ERR_FAILED.
 */
int disk_facts_parse(
	const void *head, size_t len, uint64_t file_size, struct disk_facts *ret, struct error *e);
/* Of an open file; path is for the words. Only a regular one is a disk. */
int disk_facts_read(
	int fd, const char *path, struct stat *ret_st, struct disk_facts *ret, struct error *e);
