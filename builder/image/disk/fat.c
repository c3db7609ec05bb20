/*
 * FAT32. One sector a cluster, as mkfs.fat chooses for less than 260 MiB. Clusters are given out
 * in order: directories and files lie each in one piece, so a chain is "the next one" to its end.
 */
#include "fat.h"

#include "alloc.h"
#include "error.h"
#include "fd.h"
#include "le.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#define SECTOR	     512
#define RESERVED     32 /* sectors before the first FAT: boot sector, its copy, FSInfo */
#define FATS	     2
#define ROOT	     2 /* first cluster there is */
#define CHAIN_END    0x0fffffff
#define MEDIA_FIXED  0xf8
#define INFO_AT	     1 /* sectors */
#define BACKUP_AT    6
#define ENTRY	     32
#define ATTR_LABEL   0x08
#define ATTR_DIR     0x10
#define ATTR_FILE    0x20
#define LOWER_BASE   0x08 /* Linux and Windows show these parts in lower case */
#define LOWER_EXT    0x10
#define CLUSTERS_MIN 65525 /* fewer would make it FAT16, whatever the boot sector says */

struct node {
	const char *name;
	size_t name_len;
	const struct fat_file *file; /* NULL: a directory */
	struct node *child, *next, *parent;
	uint32_t cluster, clusters;
};

struct maker {
	const struct fat *f;
	struct node root;
	uint32_t fat_sectors, clusters, next;
	uint16_t date, time;
};

static int write_at(const struct maker *m, uint64_t sector, const void *data, size_t len)
{
	return fd_write_at(m->f->fd, data, len, m->f->offset + sector * SECTOR);
}

static uint64_t cluster_sector(const struct maker *m, uint32_t cluster)
{
	return RESERVED + FATS * (uint64_t)m->fat_sectors + (cluster - ROOT);
}

/* One part of a name, padded with blanks; false when it is too long or of mixed case. */
static bool put_part(uint8_t *out, size_t room, const char *s, size_t len, bool *ret_lower)
{
	bool lower = false, upper = false;

	if (len > room)
		return false;
	memset(out, ' ', room);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (!isalnum(c) && c != '-' && c != '_')
			return false;
		lower |= islower(c) != 0;
		upper |= isupper(c) != 0;
		out[i] = (uint8_t)toupper(c);
	}
	*ret_lower = lower;
	return !(lower && upper);
}

static bool put_name(uint8_t *entry, const struct node *n)
{
	const char *dot = memchr(n->name, '.', n->name_len);
	size_t base = dot ? (size_t)(dot - n->name) : n->name_len;
	size_t ext = dot ? n->name_len - base - 1 : 0;
	bool lower_base, lower_ext;

	if (base == 0 || !put_part(entry, 8, n->name, base, &lower_base) ||
		!put_part(entry + 8, 3, dot ? dot + 1 : "", ext, &lower_ext))
		return false;
	entry[12] = (uint8_t)((lower_base ? LOWER_BASE : 0) | (lower_ext ? LOWER_EXT : 0));
	return true;
}

static struct node *node_in(struct node *dir, const char *name, size_t len)
{
	struct node **at = &dir->child, *n;

	for (; *at; at = &(*at)->next)
		if ((*at)->name_len == len && memcmp((*at)->name, name, len) == 0)
			return *at;
	n = xcalloc(1, sizeof *n);
	*n = (struct node){ .name = name, .name_len = len, .parent = dir };
	*at = n;
	return n;
}

static void nodes_free(struct node *dir)
{
	for (struct node *n = dir->child, *next; n; n = next) {
		next = n->next;
		nodes_free(n);
		free(n);
	}
	dir->child = NULL;
}

static void add_file(struct node *root, const struct fat_file *file)
{
	struct node *dir = root;
	const char *p = file->path, *slash;

	for (; (slash = strchr(p, '/')); p = slash + 1)
		dir = node_in(dir, p, (size_t)(slash - p));
	node_in(dir, p, strlen(p))->file = file;
}

static size_t dir_entries(const struct node *dir)
{
	size_t n = dir->parent ? 2 : 1; /* "." and "..", or the label */

	for (const struct node *c = dir->child; c; c = c->next)
		n++;
	return n;
}

static void place(struct maker *m, struct node *n)
{
	uint64_t size = n->file ? n->file->len : dir_entries(n) * ENTRY;

	n->clusters = (uint32_t)((size + SECTOR - 1) / SECTOR);
	n->cluster = n->clusters ? m->next : 0;
	m->next += n->clusters;
	for (struct node *c = n->child; c; c = c->next)
		place(m, c);
}

static void put_meta(
	const struct maker *m, uint8_t *entry, uint8_t attr, uint32_t cluster, uint32_t size)
{
	entry[11] = attr;
	put16(entry + 14, m->time); /* made */
	put16(entry + 16, m->date);
	put16(entry + 18, m->date); /* read */
	put16(entry + 20, (uint16_t)(cluster >> 16));
	put16(entry + 22, m->time); /* written */
	put16(entry + 24, m->date);
	put16(entry + 26, (uint16_t)cluster);
	put32(entry + 28, size);
}

static uint8_t *put_dots(const struct maker *m, const struct node *dir, uint8_t *entry)
{
	memset(entry, ' ', 11);
	if (!dir->parent) {
		memcpy(entry, m->f->label, MIN(strlen(m->f->label), (size_t)11));
		put_meta(m, entry, ATTR_LABEL, 0, 0);
		return entry + ENTRY;
	}
	entry[0] = '.';
	put_meta(m, entry, ATTR_DIR, dir->cluster, 0);
	entry += ENTRY;
	memset(entry, ' ', 11);
	memcpy(entry, "..", 2);
	/* 0 stands for the root */
	put_meta(m, entry, ATTR_DIR, dir->parent->parent ? dir->parent->cluster : 0, 0);
	return entry + ENTRY;
}

static int write_node(const struct maker *m, const struct node *n);

static int write_dir(const struct maker *m, const struct node *dir)
{
	_free_ uint8_t *data = xcalloc(dir->clusters, SECTOR);
	uint8_t *entry = put_dots(m, dir, data);

	for (const struct node *c = dir->child; c; c = c->next, entry += ENTRY) {
		int r;

		if (!put_name(entry, c))
			return -EINVAL;
		put_meta(m, entry, c->file ? ATTR_FILE : ATTR_DIR, c->cluster,
			c->file ? (uint32_t)c->file->len : 0);
		r = write_node(m, c);
		if (r < 0)
			return r;
	}
	return write_at(m, cluster_sector(m, dir->cluster), data, (size_t)dir->clusters * SECTOR);
}

static int write_node(const struct maker *m, const struct node *n)
{
	if (!n->file)
		return write_dir(m, n);
	return write_at(m, cluster_sector(m, n->cluster), n->file->data, n->file->len);
}

static void put_chains(const struct node *n, uint8_t *table)
{
	for (uint32_t i = 0; i < n->clusters; i++)
		put32(table + 4 * (size_t)(n->cluster + i),
			i + 1 < n->clusters ? n->cluster + i + 1 : CHAIN_END);
	for (const struct node *c = n->child; c; c = c->next)
		put_chains(c, table);
}

static int write_tables(const struct maker *m)
{
	_free_ uint8_t *table = xcalloc(m->next, 4);
	int r = 0;

	put32(table, 0x0fffff00 | MEDIA_FIXED);
	put32(table + 4, CHAIN_END);
	put_chains(&m->root, table);
	for (unsigned i = 0; i < FATS && r == 0; i++)
		r = write_at(
			m, RESERVED + (uint64_t)i * m->fat_sectors, table, (size_t)m->next * 4);
	return r;
}

static void put_boot_sector(const struct maker *m, uint8_t *s)
{
	static const uint8_t jump[] = { 0xeb, 0x58, 0x90 };
	static const uint8_t halt[] = { 0xf4, 0xeb, 0xfd };

	memcpy(s, jump, sizeof jump);
	memcpy(s + 3, "MSWIN4.1", 8); /* what the specification advises for old readers */
	put16(s + 11, SECTOR);
	s[13] = 1; /* sectors a cluster */
	put16(s + 14, RESERVED);
	s[16] = FATS;
	s[21] = MEDIA_FIXED;
	put16(s + 24, 63); /* geometry, which nobody reads */
	put16(s + 26, 255);
	put32(s + 28, (uint32_t)(m->f->offset / SECTOR));
	put32(s + 32, (uint32_t)(m->f->size / SECTOR));
	put32(s + 36, m->fat_sectors);
	put32(s + 44, ROOT);
	put16(s + 48, INFO_AT);
	put16(s + 50, BACKUP_AT);
	s[64] = 0x80; /* drive */
	s[66] = 0x29; /* the next three fields are there */
	put32(s + 67, m->f->serial);
	memset(s + 71, ' ', 11);
	memcpy(s + 71, m->f->label, MIN(strlen(m->f->label), (size_t)11));
	memcpy(s + 82, "FAT32   ", 8);
	memcpy(s + 90, halt, sizeof halt);
	put16(s + 510, 0xaa55);
}

static int write_boot(const struct maker *m)
{
	uint8_t s[2 * SECTOR] = {}, *info = s + SECTOR;
	int r;

	put_boot_sector(m, s);
	put32(info, 0x41615252);
	put32(info + 484, 0x61417272);
	put32(info + 488, m->clusters - (m->next - ROOT)); /* free */
	put32(info + 492, m->next);
	put16(info + 510, 0xaa55);
	r = write_at(m, 0, s, sizeof s);
	return r < 0 ? r : write_at(m, BACKUP_AT, s, sizeof s);
}

/* FAT's time is local; ours is UTC, in steps of two seconds from 1980. */
static void set_time(struct maker *m)
{
	time_t t = (time_t)m->f->epoch;
	struct tm tm;

	gmtime_r(&t, &tm);
	if (tm.tm_year < 80) {
		m->date = 1 << 5 | 1;
		return;
	}
	m->date = (uint16_t)((tm.tm_year - 80) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday);
	m->time = (uint16_t)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2);
}

static int make(struct maker *m)
{
	uint64_t sectors = m->f->size / SECTOR, rest = sectors - RESERVED;
	int r;

	/* Each cluster costs its sector and four bytes in each table; the two ends of a table too. */
	m->fat_sectors = (uint32_t)((rest + 2 + 127 + FATS) / (128 + FATS));
	m->clusters = (uint32_t)(rest - FATS * (uint64_t)m->fat_sectors);
	if (m->clusters < CLUSTERS_MIN)
		return -EINVAL;
	set_time(m);
	place(m, &m->root);
	if (m->next - ROOT > m->clusters)
		return -ENOSPC;
	r = write_dir(m, &m->root);
	if (r == 0)
		r = write_tables(m);
	return r < 0 ? r : write_boot(m);
}

int fat_write(const struct fat *f, struct error *e)
{
	struct maker m = { .f = f, .next = ROOT };
	int r;

	for (size_t i = 0; i < f->n; i++)
		add_file(&m.root, &f->files[i]);
	r = make(&m);
	nodes_free(&m.root);
	return r < 0 ? error_errno(e, r, "cannot write the ESP") : 0;
}
