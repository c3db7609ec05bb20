/*
 * Directory blocks. Each ends in a 12-byte tail with its checksum (leaves), or in an 8-byte one
 * (index blocks). An index block looks like an empty directory to whoever does not know indexes.
 */
#include "ext4_dir.h"

#include "alloc.h"
#include "buf.h"
#include "ext4.h"
#include "le.h"

#include <dirent.h>
#include <string.h>

#define TAIL	   12
#define LEAF_MAX   (EXT4_BLOCK - TAIL)
#define LEAF_FILL  (LEAF_MAX * 4 / 5) /* room to add names without splitting, as e2fsck -D leaves */
#define DOTS	   24		      /* "." and ".." with their headers */
#define TAIL_TYPE  0xde
#define HALF_MD4   1
#define ROOT_AT	   32 /* of count and limit, in the first index block */
#define NODE_AT	   8  /* and in the others */
#define ENTRY	   8
#define INDEX_TAIL 8
#define ROOT_LIMIT ((EXT4_BLOCK - ROOT_AT - INDEX_TAIL) / ENTRY)
#define NODE_LIMIT ((EXT4_BLOCK - NODE_AT - INDEX_TAIL) / ENTRY)

struct hashed {
	uint32_t hash, minor;
	const struct dir_entry *entry;
};

/* One child of an index block: the least hash in it, and where it is in the directory. */
struct child {
	uint32_t hash, block;
};

static size_t record_size(size_t name_len)
{
	return (8 + name_len + 3) & ~(size_t)3;
}

static uint8_t file_type(uint8_t dt)
{
	static const uint8_t types[] = {
		[DT_REG] = 1,
		[DT_DIR] = 2,
		[DT_CHR] = 3,
		[DT_BLK] = 4,
		[DT_FIFO] = 5,
		[DT_SOCK] = 6,
		[DT_LNK] = 7,
	};

	return dt < ARRAY_SIZE(types) ? types[dt] : 0;
}

static size_t put_entry(
	uint8_t *block, size_t at, uint32_t ino, uint8_t dt, const char *name, size_t len)
{
	put32(block + at, ino);
	put16(block + at + 4, (uint16_t)record_size(len));
	block[at + 6] = (uint8_t)len;
	block[at + 7] = file_type(dt);
	memcpy(block + at + 8, name, len);
	return at + record_size(len);
}

static uint8_t *new_block(struct buf *out)
{
	uint8_t *p = (uint8_t *)buf_reserve(out, EXT4_BLOCK);

	memset(p, 0, EXT4_BLOCK);
	out->len += EXT4_BLOCK;
	return p;
}

/* Ends a leaf: the last record (at last; 0 with end 0: none) takes what is free, then the tail. */
static void end_leaf(const struct ext4 *fs, uint32_t ino, uint8_t *block, size_t last, size_t end)
{
	if (end < LEAF_MAX)
		put16(block + last + 4, (uint16_t)(LEAF_MAX - last));
	put16(block + LEAF_MAX + 4, TAIL);
	block[LEAF_MAX + 7] = TAIL_TYPE;
	put32(block + LEAF_MAX + 8, ext4_csum(fs, ino, block, LEAF_MAX));
}

static size_t put_dots(const struct dir *d, uint8_t *block)
{
	size_t at = put_entry(block, 0, d->ino, DT_DIR, ".", 1);

	return put_entry(block, at, d->parent, DT_DIR, "..", 2);
}

static bool fits_one_block(const struct dir *d)
{
	size_t size = DOTS;

	for (size_t i = 0; i < d->n && size <= LEAF_MAX; i++)
		size += record_size(strlen(d->entries[i].name));
	return size <= LEAF_MAX;
}

static void build_plain(const struct ext4 *fs, const struct dir *d, struct buf *out)
{
	uint8_t *block = new_block(out);
	size_t last = DOTS / 2, at = put_dots(d, block);

	for (size_t i = 0; i < d->n; i++) {
		const struct dir_entry *en = &d->entries[i];

		last = at;
		at = put_entry(block, at, en->ino, en->type, en->name, strlen(en->name));
	}
	end_leaf(fs, d->ino, block, last, at);
	for (size_t i = 1; i < d->min_blocks; i++)
		end_leaf(fs, d->ino, new_block(out), 0, 0);
}

static int compare_hashed(const void *a, const void *b)
{
	const struct hashed *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->minor != y->minor)
		return x->minor < y->minor ? -1 : 1;
	return strcmp(x->entry->name, y->entry->name);
}

static struct hashed *hash_entries(const struct ext4 *fs, const struct dir *d)
{
	struct hashed *h = xcalloc(d->n, sizeof *h);

	for (size_t i = 0; i < d->n; i++) {
		const char *name = d->entries[i].name;

		h[i].entry = &d->entries[i];
		ext4_dirhash(fs, name, strlen(name), &h[i].hash, &h[i].minor);
	}
	qsort(h, d->n, sizeof *h, compare_hashed);
	return h;
}

/* Returns how many entries, from the first on, go into one leaf. */
static size_t leaf_take(const struct hashed *h, size_t n)
{
	size_t i = 0, size = 0;

	while (i < n) {
		size += record_size(strlen(h[i].entry->name));
		if (size > LEAF_FILL)
			break;
		i++;
	}
	return i;
}

static void put_leaf(
	const struct ext4 *fs, uint32_t ino, const struct hashed *h, size_t n, struct buf *out)
{
	uint8_t *block = new_block(out);
	size_t at = 0, last = 0;

	for (size_t i = 0; i < n; i++) {
		const struct dir_entry *en = h[i].entry;

		last = at;
		at = put_entry(block, at, en->ino, en->type, en->name, strlen(en->name));
	}
	end_leaf(fs, ino, block, last, at);
}

/* Count, limit, children, tail. The first child's hash is implied: count and limit stand there. */
static void put_children(const struct ext4 *fs, uint32_t ino, uint8_t *block, size_t where,
	const struct child *c, size_t n)
{
	static const uint8_t zeros[INDEX_TAIL];
	size_t limit = where == ROOT_AT ? ROOT_LIMIT : NODE_LIMIT;
	uint8_t *tail = block + where + limit * ENTRY;
	uint32_t csum;

	for (size_t i = 0; i < n; i++) {
		put32(block + where + i * ENTRY, c[i].hash);
		put32(block + where + i * ENTRY + 4, c[i].block);
	}
	put16(block + where, (uint16_t)limit);
	put16(block + where + 2, (uint16_t)n);
	csum = ext4_csum(fs, ino, block, where + n * ENTRY);
	put32(tail + 4, ext4_csum_more(csum, zeros, sizeof zeros));
}

static void put_root(const struct ext4 *fs, const struct dir *d, uint8_t *block,
	const struct child *c, size_t n, uint8_t levels)
{
	put_dots(d, block);
	put16(block + DOTS / 2 + 4, EXT4_BLOCK - DOTS / 2);
	block[DOTS + 4] = HALF_MD4;
	block[DOTS + 5] = 8; /* length of this information */
	block[DOTS + 6] = levels;
	put_children(fs, d->ino, block, ROOT_AT, c, n);
}

static struct child *put_leaves(const struct ext4 *fs, const struct dir *d, const struct hashed *h,
	uint32_t first, size_t *ret_n, struct buf *out)
{
	struct child *c = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0, take; i < d->n; i += take) {
		c = grow(c, n, &cap, sizeof *c);
		c[n].block = first + (uint32_t)n;
		c[n].hash = h[i].hash;
		if (i > 0 && h[i - 1].hash == h[i].hash)
			c[n].hash |= 1; /* goes on from the leaf before */
		n++;
		take = leaf_take(h + i, d->n - i);
		put_leaf(fs, d->ino, h + i, take, out);
	}
	*ret_n = n;
	return c;
}

/* How many leaves there will be: needed first, because index nodes stand before them. */
static size_t count_leaves(const struct hashed *h, size_t total)
{
	size_t n = 0;

	for (size_t i = 0; i < total; i += leaf_take(h + i, total - i))
		n++;
	return n;
}

static void build_index(const struct ext4 *fs, const struct dir *d, struct buf *out)
{
	_free_ struct hashed *h = hash_entries(fs, d);
	_free_ struct child *leaves = NULL;
	size_t start = out->len, n = count_leaves(h, d->n);
	size_t nodes = n > ROOT_LIMIT ? (n + NODE_LIMIT - 1) / NODE_LIMIT : 0;
	_free_ struct child *tops = xcalloc(nodes + 1, sizeof *tops);

	for (size_t i = 0; i < 1 + nodes; i++)
		new_block(out);
	leaves = put_leaves(fs, d, h, (uint32_t)(1 + nodes), &n, out);
	for (size_t i = 0; i < nodes; i++) {
		uint8_t *block = (uint8_t *)out->data + start + (1 + i) * EXT4_BLOCK;
		struct child *c = &leaves[i * NODE_LIMIT];

		tops[i] = (struct child){ c->hash, (uint32_t)(1 + i) };
		put16(block + 4, EXT4_BLOCK); /* one empty record over all of it */
		put_children(fs, d->ino, block, NODE_AT, c, MIN(n - i * NODE_LIMIT, NODE_LIMIT));
	}
	put_root(fs, d, (uint8_t *)out->data + start, nodes ? tops : leaves, nodes ? nodes : n,
		nodes ? 1 : 0);
}

bool ext4_dir_build(const struct ext4 *fs, const struct dir *d, struct buf *out)
{
	if (fits_one_block(d)) {
		build_plain(fs, d, out);
		return false;
	}
	build_index(fs, d, out);
	return true;
}
