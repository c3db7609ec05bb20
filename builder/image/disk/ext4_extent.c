/*
 * Extent trees. A node is a 12-byte header and 12-byte entries; the top stands in i_block and has
 * room for four, a block has room for 340 and a checksum.
 */
#include "ext4_extent.h"

#include "alloc.h"
#include "blockout.h"
#include "error.h"
#include "ext4.h"
#include "le.h"

#define MAGIC	  0xf30a
#define ENTRY	  12
#define TOP_MAX	  4
#define BLOCK_MAX ((EXT4_BLOCK - ENTRY) / ENTRY)
#define TAIL_AT	  ((size_t)(ENTRY * (1 + BLOCK_MAX)))

void extents_add(struct extents *x, uint32_t logical, uint64_t start, uint32_t len)
{
	x->blocks += len;
	while (len > 0) {
		struct extent *last = x->n ? &x->v[x->n - 1] : NULL;
		uint32_t take = MIN(len, EXTENT_LEN_MAX);

		if (last && last->len < EXTENT_LEN_MAX && last->logical + last->len == logical &&
			last->start + last->len == start) {
			take = MIN(len, EXTENT_LEN_MAX - last->len);
			last->len += take;
		} else {
			x->v = grow(x->v, x->n, &x->cap, sizeof *x->v);
			x->v[x->n++] = (struct extent){ logical, take, start };
		}
		logical += take;
		start += take;
		len -= take;
	}
}

/* Depth 0: leaves, with lengths. Above: each entry is a block (start) and its first logical. */
static void put_node(uint8_t *node, const struct extent *v, size_t n, unsigned max, unsigned depth)
{
	put16(node, MAGIC);
	put16(node + 2, (uint16_t)n);
	put16(node + 4, (uint16_t)max);
	put16(node + 6, (uint16_t)depth);
	for (size_t i = 0; i < n; i++) {
		uint8_t *p = node + ENTRY * (1 + i);

		put32(p, v[i].logical);
		if (depth == 0) {
			put16(p + 4, (uint16_t)v[i].len);
			put16(p + 6, (uint16_t)(v[i].start >> 32));
			put32(p + 8, (uint32_t)v[i].start);
		} else {
			put32(p + 4, (uint32_t)v[i].start);
			put16(p + 8, (uint16_t)(v[i].start >> 32));
		}
	}
}

static int put_block(struct ext4 *fs, struct blockout *out, uint32_t ino, const struct extent *v,
	size_t n, unsigned depth, uint64_t *ret_block, struct error *e)
{
	uint8_t block[EXT4_BLOCK] = {};
	uint64_t at;

	if (ext4_alloc(fs, 1, &at) == 0)
		return ext4_full(e);
	put_node(block, v, n, BLOCK_MAX, depth);
	put32(block + TAIL_AT, ext4_csum(fs, ino, block, TAIL_AT));
	*ret_block = at;
	return blockout_put(out, at, block, sizeof block, e);
}

int extents_write(const struct extents *x, struct ext4 *fs, struct blockout *out, uint32_t ino,
	uint8_t *i_block, uint64_t *ret_blocks, struct error *e)
{
	_free_ struct extent *up = NULL;
	const struct extent *v = x->v;
	size_t n = x->n;
	uint64_t used = 0;
	unsigned depth = 0;

	for (; n > TOP_MAX; depth++) {
		size_t nodes = (n + BLOCK_MAX - 1) / BLOCK_MAX;
		struct extent *above = xcalloc(nodes, sizeof *above);

		for (size_t i = 0; i < nodes; i++) {
			const struct extent *first = v + i * BLOCK_MAX;
			int r = put_block(fs, out, ino, first, MIN(n - i * BLOCK_MAX, BLOCK_MAX),
				depth, &above[i].start, e);

			if (r < 0) {
				free(above);
				return r;
			}
			above[i].logical = first->logical;
		}
		free(up);
		v = up = above;
		n = nodes;
		used += nodes;
	}
	put_node(i_block, v, n, TOP_MAX, depth);
	*ret_blocks = used;
	return 0;
}
