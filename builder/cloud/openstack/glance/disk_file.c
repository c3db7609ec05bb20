/* Heads of disk files. https://www.qemu.org/docs/master/interop/qcow2.html */
#include "disk_file.h"

#include "error.h"

#include <errno.h>
#include <string.h>

#define QCOW2_DIRTY    1 /* incompatible features */
#define QCOW2_CORRUPT  2
#define QCOW2_EXTERNAL 4
#define QCOW2_HEAD_V2  72
#define QCOW2_HEAD_V3  104

static uint64_t big_endian(const unsigned char *p, size_t n)
{
	uint64_t value = 0;

	while (n-- > 0)
		value = value << 8 | *p++;
	return value;
}

static int parse_qcow2(
	const unsigned char *head, size_t len, struct disk_facts *ret, struct error *e)
{
	uint64_t version, backing, crypt, features = 0;

	if (len < QCOW2_HEAD_V2)
		return error_set(e, ERR_FAILED, "it begins as qcow2, and ends");
	version = big_endian(head + 4, 4);
	backing = big_endian(head + 8, 8);
	crypt = big_endian(head + 32, 4);
	if (version == 3 && len >= QCOW2_HEAD_V3)
		features = big_endian(head + 72, 8);
	else if (version != 2)
		return error_set(e, ERR_FAILED, "it is qcow2 of an unknown version");
	if (backing != 0 || (features & QCOW2_EXTERNAL))
		return error_set(e, ERR_FAILED,
			"it needs another file beside it; make it whole by 'qemu-img convert -O qcow2'");
	if (crypt != 0)
		return error_set(e, ERR_FAILED, "it is encrypted, so no cloud can boot it");
	if (features & (QCOW2_DIRTY | QCOW2_CORRUPT))
		return error_set(e, ERR_FAILED,
			"it was not closed well, or is in use; see 'qemu-img check'");
	ret->format = "qcow2";
	ret->size = big_endian(head + 24, 8);
	if (ret->size == 0 || ret->size > INT64_MAX)
		return error_set(e, ERR_FAILED, "its head is damaged");
	return 0;
}

int disk_facts_parse(
	const void *head, size_t len, uint64_t file_size, struct disk_facts *ret, struct error *e)
{
	static const struct {
		const char *magic;
		size_t len;
		const char *name;
	} others[] = {
		{ "KDMV", 4, "VMDK" },
		{ "# Disk DescriptorFile", 21, "VMDK" },
		{ "vhdxfile", 8, "VHDX" },
		{ "conectix", 8, "VHD" },
		{ "<<< ", 4, "VDI" },
		{ "\037\213", 2, "gzip" },
		{ "\3757zXZ", 5, "xz" },
		{ "\050\265\057\375", 4, "zstd" },
	};

	if (file_size == 0)
		return error_set(e, ERR_FAILED, "it is empty");
	if (len >= 4 && memcmp(head, "QFI\xfb", 4) == 0)
		return parse_qcow2(head, len, ret, e);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (len >= others[i].len && memcmp(head, others[i].magic, others[i].len) == 0)
			return error_set(e, ERR_FAILED,
				"it is %s, not a raw disk and not qcow2; convert it by 'qemu-img convert -O qcow2'",
				others[i].name);
	}
	ret->format = "raw";
	ret->size = file_size;
	return 0;
}

int disk_facts_read(
	int fd, const char *path, struct stat *ret_st, struct disk_facts *ret, struct error *e)
{
	char head[DISK_HEAD];
	ssize_t n;
	int r;

	if (fstat(fd, ret_st) < 0)
		return error_errno(e, errno, "reading %s", path);
	if (!S_ISREG(ret_st->st_mode))
		return error_set(e, ERR_FAILED, "%s is no regular file", path);
	n = pread(fd, head, sizeof head, 0);
	if (n < 0)
		return error_errno(e, errno, "reading %s", path);
	r = disk_facts_parse(head, (size_t)n, (uint64_t)ret_st->st_size, ret, e);
	return r < 0 ? error_prefix(e, "%s", path) : 0;
}
