/*
 * Makes tar and ar bytes by hand for tests, well-formed or hostile; libarchive would refuse to write
 * half of what must be tested.
 */
#pragma once

#include "alloc.h"
#include "buf.h"

#include <stdio.h>
#include <string.h>

struct tar_make {
	const char *name;
	char type; /* of ustar: '0' file, '1' hard link, '2' symlink, '3' char, '5' directory, '6' fifo */
	unsigned mode;
	const char *link, *data;
	unsigned uid, gid;
	const char *size; /* octal text instead of the true size */
};

static inline void make_tar_entry(struct buf *b, const struct tar_make *m)
{
	char h[512] = "";
	size_t len = m->data ? strlen(m->data) : 0;
	unsigned sum = 0;

	snprintf(h, 100, "%s", m->name);
	snprintf(h + 100, 8, "%07o", m->mode);
	snprintf(h + 108, 8, "%07o", m->uid);
	snprintf(h + 116, 8, "%07o", m->gid);
	if (m->size)
		snprintf(h + 124, 12, "%s", m->size);
	else
		snprintf(h + 124, 12, "%011o", (unsigned)len & 0xffffff);
	snprintf(h + 136, 12, "%011o", 1000000000U);
	h[156] = m->type;
	snprintf(h + 157, 100, "%s", m->link ? m->link : "");
	memcpy(h + 257, "ustar\00000", 8);
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < sizeof h; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	buf_add(b, h, sizeof h);
	if (len)
		buf_add(b, m->data, len);
	while (b->len % 512)
		buf_addc(b, '\0');
}

/* A whole tar of entries ended by {}. */
static inline void make_tar(struct buf *b, const struct tar_make *entries)
{
	for (; entries->name; entries++)
		make_tar_entry(b, entries);
	for (int i = 0; i < 1024; i++)
		buf_addc(b, '\0');
}

static inline void make_ar_member(struct buf *b, const char *name, const void *data, size_t len)
{
	buf_printf(b, "%-16s%-12d%-6d%-6d%-8s%-10zu`\n", name, 0, 0, 0, "100644", len);
	buf_add(b, data, len);
	if (len % 2)
		buf_addc(b, '\n');
}

static inline void make_deb_head(struct buf *b)
{
	buf_adds(b, "!<arch>\n");
	make_ar_member(b, "debian-binary", "2.0\n", 4);
}

/* A package of uncompressed members. */
static inline void make_deb(
	struct buf *b, const struct tar_make *control, const struct tar_make *data)
{
	_buf_ tar = BUF_INIT;

	make_deb_head(b);
	make_tar(&tar, control);
	make_ar_member(b, "control.tar", tar.data, tar.len);
	buf_reset(&tar);
	make_tar(&tar, data);
	make_ar_member(b, "data.tar", tar.data, tar.len);
}
