/*
 * See blockdev.h. Signatures of file systems, RAID, LVM, LUKS, swap and partition tables all lie in the
 * first or last MiB; both must be zero, and samples of what is between them too, because a disk whose
 * beginning was lost is not blank. (blkid is asked as well, by ops_volume.c.)
 */
#include "blockdev.h"

#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SECTOR	512
#define SAMPLES 64
#define SAMPLE	4096

/* ext4's superblock: kernel documentation, filesystems/ext4/super.rst. */
#define SUPER_AT      1024
#define SUPER_BLOCKS  0x04
#define SUPER_LOG     0x18
#define SUPER_MAGIC   0x38
#define SUPER_LABEL   0x78
#define SUPER_HIGH    0x150
#define SUPER_FEATURE 0x60
#define FEATURE_64BIT 0x80

const char *volume_word(enum volume_state state)
{
	static const char *const words[] = {
		[VOLUME_ABSENT] = "absent",
		[VOLUME_BLANK] = "blank",
		[VOLUME_OURS] = "ours",
		[VOLUME_FOREIGN] = "foreign",
	};

	return words[state];
}

static uint64_t le(const unsigned char *p, size_t n)
{
	uint64_t value = 0;

	while (n-- > 0)
		value = value << 8 | p[n];
	return value;
}

/* The label and size of the ext4 on it; false: there is none. */
static bool read_super(int fd, char label[static 17], uint64_t *size)
{
	unsigned char super[1024];

	if (pread(fd, super, sizeof super, SUPER_AT) != sizeof super ||
		le(super + SUPER_MAGIC, 2) != 0xef53 || le(super + SUPER_LOG, 4) > 6)
		return false;
	*size = le(super + SUPER_BLOCKS, 4);
	if (le(super + SUPER_FEATURE, 4) & FEATURE_64BIT)
		*size |= le(super + SUPER_HIGH, 4) << 32;
	*size <<= 10 + le(super + SUPER_LOG, 4);
	memcpy(label, super + SUPER_LABEL, 16);
	label[16] = '\0';
	return true;
}

static bool has_mark(int fd)
{
	char sector[sizeof VOLUME_MARK] = "";

	return pread(fd, sector, sizeof sector - 1, 0) == sizeof sector - 1 &&
	       strcmp(sector, VOLUME_MARK) == 0;
}

int disk_mark(int fd)
{
	char sector[SECTOR] = VOLUME_MARK;
	int r = fd_write_at(fd, sector, sizeof sector, 0);

	return r < 0 ? r : fsync(fd) < 0 ? -errno : 0;
}

/* Position of the first byte that is not zero, or -1; -2: it cannot be read. */
static int64_t first_data(int fd, uint64_t at, uint64_t len)
{
	static const char zeros[SAMPLE];
	char block[SAMPLE];

	for (uint64_t i = 0; i < len; i += sizeof block) {
		size_t n = MIN(sizeof block, len - i);

		if (pread(fd, block, n, (off_t)(at + i)) != (ssize_t)n)
			return -2;
		if (memcmp(block, zeros, n) == 0)
			continue;
		for (size_t k = 0; k < n; k++)
			if (block[k])
				return (int64_t)(at + i + k);
	}
	return -1;
}

bool disk_is_blank(int fd, uint64_t size, char why[static 128])
{
	uint64_t edge = MIN(MIB, size), step = size / SAMPLES;
	int64_t at = first_data(fd, 0, edge);

	if (at == -1)
		at = first_data(fd, size - edge, edge);
	for (size_t i = 1; at == -1 && i < SAMPLES; i++)
		at = first_data(fd, i * step / SAMPLE * SAMPLE, SAMPLE);
	if (at == -1)
		return true;
	if (at == -2)
		snprintf(why, 128, "it cannot be read");
	else
		snprintf(why, 128, "there is data on it (at byte %" PRId64 ")", at);
	return false;
}

struct search {
	const char *root;
	uint64_t size;
	size_t ours, fits, refused;
	struct volume found, candidate;
	char reason[256]; /* why the last disk of the right size was refused */
};

static uint64_t read_number(const char *root, const char *disk, const char *name)
{
	_free_ char *path = xasprintf("%s/sys/block/%s/%s", root, disk, name);
	_buf_ text = BUF_INIT;

	return file_read(AT_FDCWD, path, 64, &text) < 0 ? 0 : strtoull(buf_str(&text), NULL, 10);
}

static bool has_entries(const char *root, const char *disk, const char *name, const char *prefix)
{
	_free_ char *path = xasprintf("%s/sys/block/%s%s", root, disk, name);
	DIR *dir = opendir(path);
	bool found = false;
	struct dirent *d;

	while (dir && !found && (d = readdir(dir)))
		found = d->d_name[0] != '.' && strncmp(d->d_name, prefix, strlen(prefix)) == 0;
	if (dir)
		closedir(dir);
	return found;
}

/* Exclusively: the kernel refuses that for what is mounted, swapped to, or part of something. */
static int open_disk(const char *root, const char *disk, bool exclusive)
{
	_free_ char *path = xasprintf("%s/dev/%s", root, disk);
	int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | (exclusive && !*root ? O_EXCL : 0);
	_close_ int fd = open(path, flags);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !(*root ? S_ISREG(st.st_mode) : S_ISBLK(st.st_mode)))
		return -ENOTBLK;
	return TAKE_FD(fd);
}

static void refuse(struct search *s, const char *disk, const char *why)
{
	s->refused++;
	snprintf(s->reason, sizeof s->reason, "/dev/%.32s: %.160s", disk, why);
}

/* A disk of the declared size that is not ours already. */
static void consider(struct search *s, const char *disk, bool unfinished)
{
	_close_ int fd = -1;
	bool begun = unfinished;
	char why[128];

	if (read_number(s->root, disk, "ro"))
		refuse(s, disk, "it is read-only");
	else if (has_entries(s->root, disk, "", disk))
		refuse(s, disk, "it has partitions");
	else if (has_entries(s->root, disk, "/holders", ""))
		refuse(s, disk, "it is in use");
	else if ((fd = open_disk(s->root, disk, true)) < 0)
		refuse(s, disk, fd == -EBUSY ? "it is in use" : strerror(-fd));
	else if (!(begun = begun || has_mark(fd)) && !disk_is_blank(fd, s->size, why))
		refuse(s, disk, why);
	else if (s->fits++ == 0) {
		s->candidate.begun = begun;
		snprintf(s->candidate.device, sizeof s->candidate.device, "%s", disk);
	}
}

static void look_at(struct search *s, const char *disk)
{
	uint64_t size = read_number(s->root, disk, "size") * SECTOR, in_it = 0;
	_close_ int fd = size > 0 ? open_disk(s->root, disk, false) : -1;
	char label[17] = "";

	if (fd >= 0 && read_super(fd, label, &in_it) && strcmp(label, VOLUME_LABEL) == 0) {
		if (s->ours++ == 0) {
			s->found.size = size;
			s->found.file_size = in_it;
			snprintf(s->found.device, sizeof s->found.device, "%s", disk);
		}
	} else if (fd >= 0 && s->size > 0 && size == s->size) {
		consider(s, disk, strcmp(label, VOLUME_LABEL_UNFINISHED) == 0);
	}
}

/* What can be no volume: memory, loops, composed devices, drives with media. */
static bool is_disk(const char *name)
{
	static const char *const others[] = { "loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd",
		"mtdblock" };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strncmp(name, others[i], strlen(others[i])) == 0)
			return false;
	return name[0] != '.' && strlen(name) < 32;
}

static void judge(const struct search *s, struct volume *ret)
{
	double gib = (double)s->size / (double)GIB;

	*ret = (struct volume){ .state = VOLUME_FOREIGN };
	if (s->ours == 1) {
		*ret = s->found;
		ret->state = VOLUME_OURS;
	} else if (s->ours > 1) {
		snprintf(ret->why, sizeof ret->why,
			"%zu disks have the label " VOLUME_LABEL
			"; detach all but the one of this server",
			s->ours);
	} else if (s->fits == 1) {
		*ret = s->candidate;
		ret->state = VOLUME_BLANK;
		ret->size = s->size;
	} else if (s->fits > 1) {
		snprintf(ret->why, sizeof ret->why,
			"%zu blank disks of %g GiB are attached, and nothing tells which is the "
			"data volume; detach the others, or give one the label: mkfs.ext4 -L " VOLUME_LABEL,
			s->fits, gib);
	} else if (s->refused > 0) {
		snprintf(ret->why, sizeof ret->why,
			"the disk of the data volume's size is not formatted: %s. If it may be "
			"erased, empty it (blkdiscard or wipefs --all and zeros), or give its file "
			"system the label " VOLUME_LABEL,
			s->reason);
	} else {
		ret->state = VOLUME_ABSENT;
		snprintf(ret->why, sizeof ret->why,
			"no disk of %g GiB (kbuild.server.volume) is attached, and none has the "
			"label " VOLUME_LABEL,
			gib);
	}
}

int volume_find(struct volume *ret, const char *root, uint64_t size, struct error *e)
{
	_free_ char *path = xasprintf("%s/sys/block", root);
	struct search s = { .root = root, .size = size };
	DIR *dir = opendir(path);
	struct dirent *d;

	if (!dir)
		return error_errno(e, errno, "cannot list disks in %s", path);
	while ((d = readdir(dir)))
		if (is_disk(d->d_name))
			look_at(&s, d->d_name);
	closedir(dir);
	judge(&s, ret);
	return 0;
}
