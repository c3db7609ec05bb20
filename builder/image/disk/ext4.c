/*
 * libext2fs, and nothing else of kbuild includes it. Where the library has a default that depends
 * on the host (features, hash signedness, time), the value is set here.
 */
#include "ext4.h"

#include "alloc.h"
#include "error.h"
#include "ids.h"

#include <endian.h>
#include <et/com_err.h>
#include <ext2fs/ext2fs.h>
#include <stdio.h>
#include <string.h>

#define INODE_SIZE  256
#define INODE_RATIO 16384 /* bytes a file, the default of mke2fs */
#define FLEX_LOG    4	  /* 16 groups share one place for their metadata, as mke2fs does */
/* Descriptors are reserved for this size, so that a server's disk grows online up to it. */
#define GROW_TO	   (2048 * GIB)
#define GROUP_SIZE (128 * MIB) /* 8 bits a byte of a bitmap block, 4 KiB each */
#define DESC_SIZE  64

struct ext4 {
	ext2_filsys fs;
	uint64_t next; /* where the search for free blocks goes on */
	int64_t epoch;
};

/*
 * Features, listed whole, by the oldest thing that must understand them: e2fsck in the image's
 * initrd (an unknown one means an emergency shell) and GRUB, which reads /boot.
 * metadata_csum_seed lets tune2fs change the UUID of a mounted root; GRUB 2.06 refuses it.
 * orphan_file is in none: e2fsck 1.46 and 1.47.0 do not know it, and rescue systems are old.
 */
#define COMPAT                                                                                     \
	(EXT3_FEATURE_COMPAT_HAS_JOURNAL | EXT2_FEATURE_COMPAT_EXT_ATTR |                          \
		EXT2_FEATURE_COMPAT_RESIZE_INODE | EXT2_FEATURE_COMPAT_DIR_INDEX)
#define INCOMPAT                                                                                   \
	(EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |                          \
		EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_FLEX_BG)
#define RO_COMPAT                                                                                  \
	(EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |                 \
		EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_DIR_NLINK |              \
		EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM)

static const struct release {
	const char *distribution, *name;
	uint32_t more_incompat;
} releases[] = {
	{ "debian", "bookworm", 0 },				 /* e2fsck 1.47.0, GRUB 2.06 */
	{ "debian", "trixie", EXT4_FEATURE_INCOMPAT_CSUM_SEED }, /* 1.47.2, 2.12 */
	{ "ubuntu", "jammy", 0 },				 /* 1.46.5, 2.06 */
	{ "ubuntu", "noble", EXT4_FEATURE_INCOMPAT_CSUM_SEED },	 /* 1.47.0, 2.12 */
};

static uint32_t incompat(const struct ext4_options *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(releases); i++)
		if (strcmp(releases[i].distribution, o->distribution) == 0 &&
			strcmp(releases[i].name, o->release) == 0)
			return INCOMPAT | releases[i].more_incompat;
	return INCOMPAT; /* unknown: what the oldest knows */
}

static int fail(struct error *e, errcode_t err, const char *what)
{
	if (err > 0 && err < 256)
		return error_errno(e, (int)err, "cannot %s in the root file system", what);
	initialize_ext2_error_table();
	return error_set(
		e, ERR_FAILED, "cannot %s in the root file system: %s", what, error_message(err));
}

static void fill_params(struct ext2_super_block *p, const struct ext4_options *o)
{
	uint64_t desc_blocks = (o->size / GROUP_SIZE + 1) * DESC_SIZE / EXT4_BLOCK + 1;
	uint64_t want_blocks = GROW_TO / GROUP_SIZE * DESC_SIZE / EXT4_BLOCK;

	p->s_rev_level = EXT2_DYNAMIC_REV;
	p->s_log_block_size = 2; /* 1024 << 2 */
	p->s_log_cluster_size = 2;
	p->s_inode_size = INODE_SIZE;
	p->s_desc_size = DESC_SIZE;
	p->s_log_groups_per_flex = FLEX_LOG;
	p->s_feature_compat = COMPAT;
	p->s_feature_incompat = incompat(o) & ~(uint32_t)EXT4_FEATURE_INCOMPAT_CSUM_SEED;
	p->s_feature_ro_compat = RO_COMPAT;
	p->s_checksum_type = EXT2_CRC32C_CHKSUM;
	p->s_max_mnt_count = -1;
	p->s_errors = EXT2_ERRORS_RO; /* what fstab says too */
	p->s_reserved_gdt_blocks =
		(uint16_t)(want_blocks > desc_blocks ? want_blocks - desc_blocks : 1);
	p->s_inodes_count = (uint32_t)MAX(o->size / INODE_RATIO, o->inodes + EXT4_FIRST_INO + 1);
	ext2fs_blocks_count_set(p, o->size / EXT4_BLOCK);
}

static void fill_super(ext2_filsys fs, const struct ext4_options *o)
{
	struct ext2_super_block *s = fs->super;

	fs->now = o->epoch;
	s->s_mkfs_time = s->s_wtime = s->s_lastcheck = (uint32_t)o->epoch;
	s->s_checkinterval = 0;
	s->s_checksum_type = EXT2_CRC32C_CHKSUM;
	s->s_def_hash_version = EXT2_HASH_HALF_MD4;
	s->s_flags = EXT2_FLAGS_SIGNED_HASH; /* whatever char is on the machine that builds */
	s->s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
	s->s_kbytes_written = 0;
	ids_uuid(o->seed, "root file system", s->s_uuid);
	ids_uuid(o->seed, "directory hashes", (uint8_t *)s->s_hash_seed);
	memset(s->s_volume_name, 0, sizeof s->s_volume_name);
	memcpy(s->s_volume_name, o->label, strnlen(o->label, sizeof s->s_volume_name));

	/* Without the feature the seed is the UUID's checksum; with it, a stored copy of that. */
	ext2fs_init_csum_seed(fs);
	if (incompat(o) & EXT4_FEATURE_INCOMPAT_CSUM_SEED) {
		s->s_checksum_seed = fs->csum_seed;
		s->s_feature_incompat |= EXT4_FEATURE_INCOMPAT_CSUM_SEED;
	}
}

/* The inode tables are zeros already, as all of the file is. */
static void mark_tables_zeroed(ext2_filsys fs)
{
	for (dgrp_t g = 0; g < fs->group_desc_count; g++) {
		ext2fs_bg_flags_set(fs, g, EXT2_BG_INODE_ZEROED);
		ext2fs_group_desc_csum_set(fs, g);
	}
}

static uint32_t journal_blocks(uint64_t size)
{
	static const struct {
		uint64_t size;
		uint32_t blocks;
	} steps[] = {
		{ 2 * GIB, 16384 },		  /* 64 MiB; stays so when the file system grows */
		{ 512 * MIB, 4096 }, { 0, 1024 }, /* the least that jbd2 takes */
	};
	size_t i = 0;

	while (size < steps[i].size)
		i++;
	return steps[i].blocks;
}

static errcode_t make_metadata(ext2_filsys fs, const struct ext4_options *o)
{
	char opt[40];
	errcode_t err;

	snprintf(opt, sizeof opt, "offset=%llu", (unsigned long long)o->offset);
	if ((err = io_channel_set_options(fs->io, opt)))
		return err;
	if ((err = ext2fs_allocate_tables(fs)))
		return err;
	mark_tables_zeroed(fs);
	for (ext2_ino_t ino = 1; ino < EXT4_FIRST_INO; ino++)
		if (ino != EXT4_ROOT_INO)
			ext2fs_inode_alloc_stats2(fs, ino, +1, 0);
	if ((err = ext2fs_create_resize_inode(fs)))
		return err;
	return ext2fs_add_journal_inode2(fs, journal_blocks(o->size), 0,
		EXT2_MKJOURNAL_NO_MNT_CHECK | EXT2_MKJOURNAL_LAZYINIT);
}

int ext4_format(struct ext4 **ret, const struct ext4_options *o, struct error *e)
{
	_cleanup_(ext4_freep) struct ext4 *fs = xcalloc(1, sizeof *fs);
	struct ext2_super_block params = {};
	errcode_t err;

	fill_params(&params, o);
	fs->epoch = o->epoch;
	err = ext2fs_initialize(o->path, EXT2_FLAG_64BITS, &params, unix_io_manager, &fs->fs);
	if (err)
		return fail(e, err, "make the superblock");
	fill_super(fs->fs, o);
	err = make_metadata(fs->fs, o);
	if (err)
		return fail(e, err, "make the tables");
	*ret = TAKE(fs);
	return 0;
}

int ext4_finish(struct ext4 *fs, struct error *e)
{
	errcode_t err = ext2fs_set_gdt_csum(fs->fs);

	if (!err)
		err = ext2fs_close2(fs->fs, EXT2_FLAG_FLUSH_NO_SYNC);
	if (err) /* then it is not freed yet */
		return fail(e, err, "write the tables");
	fs->fs = NULL;
	return 0;
}

void ext4_free(struct ext4 *fs)
{
	if (fs && fs->fs)
		ext2fs_free(fs->fs);
	free(fs);
}

uint64_t ext4_free_blocks(const struct ext4 *fs)
{
	return ext2fs_free_blocks_count(fs->fs->super);
}

uint32_t ext4_alloc(struct ext4 *fs, uint32_t want, uint64_t *ret_start)
{
	blk64_t last = ext2fs_blocks_count(fs->fs->super) - 1, start, end;

	if (fs->next > last ||
		ext2fs_find_first_zero_block_bitmap2(fs->fs->block_map, fs->next, last, &start))
		return 0;
	end = MIN(start + want - 1, last);
	if (end > start &&
		ext2fs_find_first_set_block_bitmap2(fs->fs->block_map, start, end, &end) == 0)
		end--;
	ext2fs_block_alloc_stats_range(fs->fs, start, (blk_t)(end - start + 1), +1);
	fs->next = end + 1;
	*ret_start = start;
	return (uint32_t)(end - start + 1);
}

int ext4_full(struct error *e)
{
	return error_set(
		e, ERR_INVALID, "the root file system is full: kbuild.disk.size must be larger");
}

/* The two bits that extend a time past 2038, and the nanoseconds above them. */
static uint32_t time_extra(int64_t t, uint32_t ns)
{
	return ((uint32_t)((t - (int32_t)t) >> 32) & 3) | ns << 2;
}

int ext4_inode_write(struct ext4 *fs, uint32_t ino, const struct ext4_inode *in, struct error *e)
{
	uint64_t sectors = in->blocks * (EXT4_BLOCK / 512);
	struct ext2_inode_large i = {
		.i_mode = in->mode,
		.i_uid = (uint16_t)in->uid,
		.i_gid = (uint16_t)in->gid,
		.i_links_count = (uint16_t)in->links,
		.i_size = (uint32_t)in->size,
		.i_size_high = (uint32_t)(in->size >> 32),
		.i_blocks = (uint32_t)sectors,
		.i_flags = in->flags,
		.i_extra_isize = sizeof i - EXT2_GOOD_OLD_INODE_SIZE,
		.i_mtime = (uint32_t)in->mtime,
		.i_mtime_extra = time_extra(in->mtime, in->mtime_ns),
	};
	errcode_t err;

	i.i_atime = i.i_ctime = i.i_crtime = (uint32_t)fs->epoch;
	i.i_atime_extra = i.i_ctime_extra = i.i_crtime_extra = time_extra(fs->epoch, 0);
	i.osd2.linux2.l_i_blocks_hi = (uint16_t)(sectors >> 32);
	i.osd2.linux2.l_i_uid_high = (uint16_t)(in->uid >> 16);
	i.osd2.linux2.l_i_gid_high = (uint16_t)(in->gid >> 16);
	memcpy(i.i_block, in->block, sizeof i.i_block);

	ext2fs_inode_alloc_stats2(fs->fs, ino, +1, LINUX_S_ISDIR(in->mode));
	err = ext2fs_write_inode_full(fs->fs, ino, (struct ext2_inode *)&i, sizeof i);
	return err ? fail(e, err, "write an inode") : 0;
}

int ext4_xattrs_write(
	struct ext4 *fs, uint32_t ino, const struct ext4_xattr *v, size_t n, struct error *e)
{
	struct ext2_xattr_handle *h = NULL;
	errcode_t err = ext2fs_xattrs_open(fs->fs, ino, &h);
	errcode_t closed;

	for (size_t i = 0; i < n && !err; i++)
		err = ext2fs_xattr_set(h, v[i].name, v[i].value, v[i].len);
	closed = h ? ext2fs_xattrs_close(&h) : 0;
	err = err ? err : closed;
	return err ? fail(e, err, "write an extended attribute") : 0;
}

uint32_t ext4_csum(const struct ext4 *fs, uint32_t ino, const void *data, size_t len)
{
	uint32_t head[2] = { htole32(ino), 0 };
	uint32_t csum = ext4_csum_more(fs->fs->csum_seed, head, sizeof head);

	return ext4_csum_more(csum, data, len);
}

uint32_t ext4_csum_more(uint32_t csum, const void *data, size_t len)
{
	return ext2fs_crc32c_le(csum, data, len);
}

void ext4_dirhash(const struct ext4 *fs, const char *name, size_t len, uint32_t *ret_hash,
	uint32_t *ret_minor)
{
	ext2fs_dirhash(EXT2_HASH_HALF_MD4, name, (int)len, fs->fs->super->s_hash_seed, ret_hash,
		ret_minor);
}
