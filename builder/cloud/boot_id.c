/* See boot_id.h. */
#include "boot_id.h"

#include "fd.h"

#include <fcntl.h>

int boot_id(struct buf *ret)
{
	int r = file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, ret);

	while (r == 0 && ret->len && ret->data[ret->len - 1] == '\n')
		ret->data[--ret->len] = '\0';
	return r;
}
