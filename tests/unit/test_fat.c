/* What the FAT writer takes and refuses; what it writes is judged by fsck.fat and mtools in tests/disk. */
#include "check.h"
#include "error.h"
#include "fat.h"
#include "le.h"
#include "tmpdir.h"

#define SIZE (40 * MIB)

static int write_one(const char *path, size_t len, uint64_t size, int *ret_fd)
{
	static const char data[4096];
	struct fat_file file = { path, data, len };
	struct fat f = {
		.size = size, .label = "LABEL", .serial = 0x12345678, .files = &file, .n = 1
	};
	struct error e = {};
	int r;

	f.fd = openat(tmp_fd(), "fat", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	check(f.fd >= 0);
	check_int(ftruncate(f.fd, (off_t)size), 0);
	r = fat_write(&f, &e);
	if (ret_fd)
		*ret_fd = f.fd;
	else
		close(f.fd);
	check_int(r < 0, e.code != 0);
	return r;
}

static void names_of_the_old_form_are_taken_and_others_refused(void)
{
	static const struct {
		const char *path;
		bool ok;
	} cases[] = {
		{ "EFI/BOOT/BOOTX64.EFI", true },
		{ "EFI/debian/grub.cfg", true },
		{ "a", true },
		{ "12345678.123", true },
		{ "BOOTX64.efi", true }, /* each part has one case */
		{ "Grub.cfg", false },
		{ "123456789", false },
		{ "a.jpeg", false },
		{ "a.b.c", false },
		{ ".cfg", false },
		{ "sp ace", false },
		{ "EFI/Debian/grub.cfg", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if ((write_one(cases[i].path, 1, SIZE, NULL) == 0) != cases[i].ok)
			check_fail("%s should be %s", cases[i].path,
				cases[i].ok ? "taken" : "refused");
}

static void a_size_that_would_be_fat16_is_refused(void)
{
	check_int(write_one("a", 1, 32 * MIB, NULL), -ERR_FAILED);
	check_int(write_one("a", 1, 33 * MIB, NULL), 0);
}

/* Sector, offset and value by Microsoft's specification of FAT32. */
static void the_boot_sector_and_the_tables_say_what_is_there(void)
{
	static const struct {
		uint64_t at;
		uint32_t value;
	} words[] = {
		{ 32, SIZE / 512 },	       /* sectors */
		{ 44, 2 },		       /* cluster of the root */
		{ 67, 0x12345678 },	       /* serial */
		{ 508, 0xaa550000 },	       /* signature */
		{ 6 * 512 + 67, 0x12345678 },  /* its copy */
		{ 512, 0x41615252 },	       /* FSInfo */
		{ 32 * 512, 0x0ffffff8 },      /* first table: media */
		{ 32 * 512 + 8, 0x0fffffff },  /* root: one cluster */
		{ 32 * 512 + 12, 4 },	       /* the file: two, the first … */
		{ 32 * 512 + 16, 0x0fffffff }, /* … and the last */
		{ 32 * 512 + 20, 0 },	       /* free */
	};
	uint8_t four[4];
	int fd;

	check_int(write_one("a", 513, SIZE, &fd), 0);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		check_int(pread(fd, four, 4, (off_t)words[i].at), 4);
		if (get32(four) != words[i].value)
			check_fail("at %llu is %x, wanted %x", (unsigned long long)words[i].at,
				get32(four), words[i].value);
	}
	close(fd);
}

int main(void)
{
	run(names_of_the_old_form_are_taken_and_others_refused);
	run(a_size_that_would_be_fat16_is_refused);
	run(the_boot_sector_and_the_tables_say_what_is_there);
	return done();
}
