/* The table of file systems, by labels. */
#include "fstab.h"

#include "base.h"
#include "buf.h"
#include "layout.h"

#include <string.h>

/* Debian's base-files begins so when nobody has configured anything. */
#define PLACEHOLDER "# UNCONFIGURED FSTAB"

static const struct {
	const char *where, *line;
} lines[] = {
	{ "/", "LABEL=" LABEL_ROOT " / ext4 discard,errors=remount-ro 0 1\n" },
	{ "/boot/efi", "LABEL=" LABEL_ESP " /boot/efi vfat umask=0077,nofail 0 0\n" },
};

/* True when this line mounts something there: its second word. */
static bool line_mounts(const char *line, const char *where)
{
	const char *p = line + strspn(line, " \t");
	size_t len;

	if (*p == '#')
		return false;
	p += strcspn(p, " \t\n");
	p += strspn(p, " \t");
	len = strcspn(p, " \t\n");
	return len == strlen(where) && strncmp(p, where, len) == 0;
}

static bool table_mounts(const char *table, const char *where)
{
	for (const char *p = table; *p;) {
		if (line_mounts(p, where))
			return true;
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return false;
}

void fstab_complete(const char *old, struct buf *out)
{
	if (strncmp(old, PLACEHOLDER, strlen(PLACEHOLDER)) != 0) {
		buf_adds(out, old);
		if (*old && old[strlen(old) - 1] != '\n')
			buf_addc(out, '\n');
	}
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (!table_mounts(old, lines[i].where))
			buf_adds(out, lines[i].line);
}
