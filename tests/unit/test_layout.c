/* Places, ids, and the texts and patches of GRUB: what needs no tree. */
#include "buf.h"
#include "check.h"
#include "grub.h"
#include "ids.h"
#include "layout.h"
#include "le.h"

#include <errno.h>

static void root_takes_all_but_the_last_mebibyte(void)
{
	static const struct {
		uint64_t mib;
		int result;
		uint64_t root_mib;
	} cases[] = {
		{ 193, 0, 64 },
		{ 192, -EINVAL, 0 },
		{ 4096, 0, 3967 },
		{ 1024 * 1024, 0, 1024 * 1024 - 129 },
		{ 1, -EINVAL, 0 },
		{ 0, -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct layout l = {};

		check_int(layout_make(&l, cases[i].mib * MIB), cases[i].result);
		if (cases[i].result == 0)
			check_int(partition_size(&l.part[LAYOUT_ROOT]) / MIB, cases[i].root_mib);
	}
}

static void a_size_that_is_no_multiple_of_a_mebibyte_is_refused(void)
{
	struct layout l;

	check_int(layout_make(&l, 4 * GIB + 512), -EINVAL);
}

static void partitions_follow_each_other_and_root_is_last(void)
{
	struct layout l;
	uint64_t end = 34; /* the table's own sectors */

	check_int(layout_make(&l, 4 * GIB), 0);
	for (size_t i = 0; i < LAYOUT_PARTS; i++) {
		check(l.part[i].first >= end);
		check_int(l.part[i].first % 2048, 0);
		end = l.part[i].first + l.part[i].sectors;
	}
	check_int(l.part[LAYOUT_ROOT].number, 1);
	check(end + 33 < 4 * GIB / SECTOR);
}

static void ids_depend_on_seed_and_word_only(void)
{
	uint8_t a[UUID_SIZE], b[UUID_SIZE];
	char text[UUID_TEXT];

	ids_uuid("seed", "disk", a);
	ids_uuid("seed", "disk", b);
	check(memcmp(a, b, sizeof a) == 0);
	ids_uuid("seed", "esp", b);
	check(memcmp(a, b, sizeof a) != 0);
	ids_uuid("see", "ddisk", b);
	check(memcmp(a, b, sizeof a) != 0);
	/* sha256sum of "seed\0disk\0", with the bits of version 8 */
	ids_text(a, text);
	check_str(text, "ac856d55-65f9-8d18-97dc-d79c7534ad08");
}

static void configuration_has_an_entry_for_each_kernel(void)
{
	const char *const kernels[] = { "6.12.2", "6.12.1" };
	_buf_ out = BUF_INIT;

	grub_config(kernels, 2, "Debian", &out);
	check_str(buf_str(&out),
		"# Written by kbuild; update-grub replaces it.\n"
		"set default=0\n"
		"set timeout=0\n"
		"if serial --unit=0 --speed=115200; then\n"
		"  terminal_input console serial\n"
		"  terminal_output console serial\n"
		"fi\n"
		"menuentry 'Debian, Linux 6.12.2' {\n"
		"  search --no-floppy --label --set=root --hint=$root kbuild-root\n"
		"  linux /boot/vmlinuz-6.12.2 root=LABEL=kbuild-root ro console=tty1 "
		"console=ttyS0,115200\n"
		"  initrd /boot/initrd.img-6.12.2\n"
		"}\n"
		"menuentry 'Debian, Linux 6.12.1' {\n"
		"  search --no-floppy --label --set=root --hint=$root kbuild-root\n"
		"  linux /boot/vmlinuz-6.12.1 root=LABEL=kbuild-root ro console=tty1 "
		"console=ttyS0,115200\n"
		"  initrd /boot/initrd.img-6.12.1\n"
		"}\n");
}

static void patches_point_to_the_core_image(void)
{
	uint8_t boot[512] = { [0x66] = 0xeb, [510] = 0x55, [511] = 0xaa }, core[1024] = {};

	check_int(grub_patch(boot, sizeof boot, core, sizeof core, 0x123456789a), 0);
	check_int(get32(boot + 0x5c), 0x3456789a);
	check_int(get32(boot + 0x60), 0x12);
	check_int(get16(boot + 0x66), 0x9090);
	check_int(get32(core + 0x1f4), 0x3456789b);
	check_int(get32(core + 0x1f8), 0x12);
}

static void images_that_are_not_grubs_are_refused(void)
{
	uint8_t boot[512] = { [510] = 0x55, [511] = 0xaa }, core[1024] = {};

	check_int(grub_patch(boot, 511, core, sizeof core, 2048), -EINVAL);
	check_int(grub_patch(boot, sizeof boot, core, 512, 2048), -EINVAL);
	boot[511] = 0;
	check_int(grub_patch(boot, sizeof boot, core, sizeof core, 2048), -EINVAL);
}

int main(void)
{
	run(root_takes_all_but_the_last_mebibyte);
	run(a_size_that_is_no_multiple_of_a_mebibyte_is_refused);
	run(partitions_follow_each_other_and_root_is_last);
	run(ids_depend_on_seed_and_word_only);
	run(configuration_has_an_entry_for_each_kernel);
	run(patches_point_to_the_core_image);
	run(images_that_are_not_grubs_are_refused);
	return done();
}
