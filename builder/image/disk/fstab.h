/* /etc/fstab of the image. */
#pragma once

struct buf;

/*
 * Appends to out what old says (the file as it is in the tree, "" when absent) and a line for /
 * and for the ESP, unless old has one: what the definition wrote there stays.
 */
void fstab_complete(const char *old, struct buf *out);
