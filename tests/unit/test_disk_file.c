/* Heads of disk files: what may become an image, and what is refused by name. */
#include "check.h"

#include "disk_file.h"
#include "error.h"

struct head {
	unsigned char bytes[DISK_HEAD];
};

static void put(struct head *h, size_t at, size_t n, uint64_t value)
{
	while (n-- > 0) {
		h->bytes[at + n] = (unsigned char)value;
		value >>= 8;
	}
}

/* As qemu-img makes it. */
static struct head qcow2(uint32_t version, uint64_t size)
{
	struct head h = {};

	memcpy(h.bytes, "QFI\xfb", 4);
	put(&h, 4, 4, version);
	put(&h, 20, 4, 16);
	put(&h, 24, 8, size);
	put(&h, 100, 4, 112);
	return h;
}

static void raw_is_what_is_nothing_else(void)
{
	const struct head empty = {}, boot = { .bytes = { 0xeb, 0x63, 0x90 } };
	struct disk_facts f;
	struct error e = {};

	check_int(disk_facts_parse(&empty, sizeof empty, 4096, &f, &e), 0);
	check_str(f.format, "raw");
	check_int(f.size, 4096);
	check_int(disk_facts_parse(&boot, sizeof boot, 4 * GIB, &f, &e), 0);
	check_int(f.size, 4 * GIB);
	check_int(disk_facts_parse("x", 1, 1, &f, &e), 0);
}

static void qcow2_says_its_size(void)
{
	for (uint32_t version = 2; version <= 3; version++) {
		const struct head h = qcow2(version, 6 * GIB);
		struct disk_facts f;
		struct error e = {};

		check_int(disk_facts_parse(&h, sizeof h, 300000, &f, &e), 0);
		check_str(f.format, "qcow2");
		check_int(f.size, 6 * GIB);
	}
}

static void what_no_cloud_can_boot_is_refused(void)
{
	static const struct {
		size_t at, n;
		uint64_t value;
		const char *says;
	} rows[] = {
		{ 4, 4, 1, "unknown version" },
		{ 4, 4, 4, "unknown version" },
		{ 8, 8, 1000, "another file beside it" },
		{ 72, 8, 4, "another file beside it" },
		{ 32, 4, 1, "encrypted" },
		{ 72, 8, 1, "not closed well" },
		{ 72, 8, 2, "not closed well" },
		{ 24, 8, 0, "damaged" },
		{ 24, 8, UINT64_MAX, "damaged" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct head h = qcow2(3, GIB);
		struct disk_facts f = { .size = 7 };
		struct error e = {};

		put(&h, rows[i].at, rows[i].n, rows[i].value);
		check_int(disk_facts_parse(&h, sizeof h, 300000, &f, &e), -ERR_FAILED);
		if (!strstr(e.msg, rows[i].says))
			check_fail("row %zu: %s", i, e.msg);
	}
}

static void a_head_that_is_cut_off_is_no_qcow2(void)
{
	const struct head h = qcow2(3, GIB);

	for (size_t len = 0; len < 104; len++) {
		struct disk_facts f;
		struct error e = {};
		int r = disk_facts_parse(&h, len, len + 1, &f, &e);

		check_int(r, len < 4 ? 0 : -ERR_FAILED); /* three bytes are any file's */
	}
}

static void other_formats_are_named(void)
{
	static const struct {
		const char *head;
		size_t len;
		const char *name;
	} rows[] = {
		{ "KDMV\1\0\0\0", 8, "VMDK" },
		{ "# Disk DescriptorFile\n", 22, "VMDK" },
		{ "vhdxfile", 8, "VHDX" },
		{ "conectix", 8, "VHD" },
		{ "<<< Oracle VM VirtualBox", 24, "VDI" },
		{ "\x1f\x8b\x08", 3, "gzip" },
		{ "\xfd"
		  "7zXZ",
			6, "xz" },
		{ "\x28\xb5\x2f\xfd", 4, "zstd" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct disk_facts f;
		struct error e = {};

		check_int(disk_facts_parse(rows[i].head, rows[i].len, 1000, &f, &e), -ERR_FAILED);
		if (!strstr(e.msg, rows[i].name) || !strstr(e.msg, "qemu-img convert"))
			check_fail("row %zu: %s", i, e.msg);
	}
}

static void an_empty_file_is_no_disk(void)
{
	struct disk_facts f;
	struct error e = {};

	check_int(disk_facts_parse("", 0, 0, &f, &e), -ERR_FAILED);
}

int main(void)
{
	run(raw_is_what_is_nothing_else);
	run(qcow2_says_its_size);
	run(what_no_cloud_can_boot_is_refused);
	run(a_head_that_is_cut_off_is_no_qcow2);
	run(other_formats_are_named);
	run(an_empty_file_is_no_disk);
	return done();
}
