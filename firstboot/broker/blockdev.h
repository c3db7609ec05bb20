/*
 * Which disk is the data volume. Looks, and never writes. A disk is formatted by us only when it is blank
 * and there is no other way to understand the definition: that is decided here.
 *
 *   ours     one file system with the label of data volumes
 *   blank    exactly one unused disk of the declared size, with nothing on it (or with what an interrupted
 *            formatting of ours left)
 *   absent   no unused disk of that size: not attached yet, perhaps
 *   foreign  anything else; why says what, and what a person may do
 */
#pragma once

#include "base.h"

struct error;

#define VOLUME_LABEL "kbuild-data"
/* While it is being formatted, so that a file system that was cut off is not taken for one. */
#define VOLUME_LABEL_UNFINISHED "kbuild-making"
/* Written to the first sector before mkfs begins: what is on this disk is a formatting of ours. */
#define VOLUME_MARK "kbuild: this disk is being formatted as a data volume\n"

enum volume_state { VOLUME_ABSENT, VOLUME_BLANK, VOLUME_OURS, VOLUME_FOREIGN };

struct volume {
	enum volume_state state;
	char device[64];    /* "vdb", of ours and blank; "" else */
	bool begun;	    /* blank: a formatting of ours was cut off */
	uint64_t size;	    /* of the device, bytes */
	uint64_t file_size; /* ours: of the file system in it, bytes */
	char why[512];	    /* foreign and absent */
};

const char *volume_word(enum volume_state state);

/* root: "" but in tests, where disks are plain files. size: as declared, in bytes; 0: none is. */
int volume_find(struct volume *ret, const char *root, uint64_t size, struct error *e);

/* Appends nothing and returns true when nothing is on the disk of this size behind fd; else says what. */
bool disk_is_blank(int fd, uint64_t size, char why[static 128]);

/* Writes the mark, durably. 0 or -errno. */
int disk_mark(int fd);
