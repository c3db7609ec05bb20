/* The arithmetic of the partitions. */
#include "layout.h"

#include <errno.h>

#define ROOT_MIN (64 * MIB)

/* The last entry's length is what remains. GUID:59 is "grow the file system" of the specification. */
static const struct partition parts[LAYOUT_PARTS] = {
	[LAYOUT_BIOS] = { 14, 2048, 6144, "21686148-6449-6E6F-744E-656564454649", "bios-boot",
		NULL },
	[LAYOUT_ESP] = { 15, 8192, 253952, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "esp", NULL },
	[LAYOUT_ROOT] = { 1, LAYOUT_FRONT / SECTOR, 0, "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
		"root", "GUID:59" },
};

int layout_make(struct layout *l, uint64_t size)
{
	struct partition *root = &l->part[LAYOUT_ROOT];

	if (size % MIB != 0 || size < LAYOUT_FRONT + ROOT_MIN + LAYOUT_BACK)
		return -EINVAL;
	l->size = size;
	for (size_t i = 0; i < LAYOUT_PARTS; i++)
		l->part[i] = parts[i];
	root->sectors = (size - LAYOUT_BACK) / SECTOR - root->first;
	return 0;
}
