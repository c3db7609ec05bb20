/* Which disk is the data volume: disks as files, some of them made by the real programs. */
#include "alloc.h"
#include "blockdev.h"
#include "buf.h"
#include "error.h"
#include "fd.h"

#include "check.h"
#include "tmpdir.h"

#define SIZE (64 * MIB)

static void put(const char *name, const char *text)
{
	check_int(file_replace(tmp_fd(), name, text, strlen(text), 0600), 0);
}

/* A machine with a root disk of its own. */
static void clear(void)
{
	check_int(remove_all(tmp_fd(), "sys"), 0);
	check_int(remove_all(tmp_fd(), "dev"), 0);
	check_int(mkdir_all(tmp_fd(), "sys/block/vda/vda1", 0700), 0);
	check_int(mkdir_all(tmp_fd(), "dev", 0700), 0);
	put("sys/block/vda/size", "393216\n");
	put("dev/vda", "");
	check_int(truncate(tmp_name("dev/vda"), 3 * SIZE), 0);
}

static void add_disk(const char *name, uint64_t size)
{
	_free_ char *dir = xasprintf("sys/block/%s/holders", name);
	_free_ char *file = xasprintf("sys/block/%s/size", name);
	_free_ char *sectors = xasprintf("%llu\n", (unsigned long long)size / 512);
	_free_ char *dev = xasprintf("dev/%s", name);

	check_int(mkdir_all(tmp_fd(), dir, 0700), 0);
	put(file, sectors);
	put(dev, "");
	check_int(truncate(tmp_name(dev), (off_t)size), 0);
}

static void poke(const char *name, uint64_t at, const char *text)
{
	_close_ int fd = open(tmp_name(name), O_WRONLY);

	check_int(fd_write_at(fd, text, strlen(text), at), 0);
}

static void shell(const char *command)
{
	_free_ char *all =
		xasprintf("cd %s/dev && PATH=$PATH:/usr/sbin:/sbin && { %s; } >/dev/null 2>&1",
			tmp_path, command);

	if (system(all) != 0)
		check_fail("%s", command);
}

static struct volume found;

static enum volume_state find(void)
{
	struct error e = { 0 };

	check_int(volume_find(&found, tmp_path, SIZE, &e), 0);
	return found.state;
}

static void a_blank_disk_of_the_declared_size_is_formatted(void)
{
	clear();
	check_int(find(), VOLUME_ABSENT);
	check(strstr(found.why, "kbuild.server.volume"));
	add_disk("vdb", SIZE);
	add_disk("vdc", SIZE * 2);
	check_int(find(), VOLUME_BLANK);
	check_str(found.device, "vdb");
	check(!found.begun);
	check_int(found.size, SIZE);
}

static void two_blank_disks_are_one_too_many(void)
{
	clear();
	add_disk("vdb", SIZE);
	add_disk("vdc", SIZE);
	check_int(find(), VOLUME_FOREIGN);
	check(strstr(found.why, "2 blank disks"));
}

static void whatever_was_written_on_it_it_is_not_blank(void)
{
	static const uint64_t places[] = { 0, 1, 510, 1024 + 0x38, 4086, 65536, MIB - 1,
		SIZE / 64 * 7 / 4096 * 4096 + 5, SIZE - MIB, SIZE - 4096, SIZE - 1 };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		clear();
		add_disk("vdb", SIZE);
		poke("dev/vdb", places[i], "x");
		check_int(find(), VOLUME_FOREIGN);
		check(strstr(found.why, "/dev/vdb: there is data on it"));
	}
}

static void what_programs_made_is_not_blank(void)
{
	static const char *const commands[] = {
		"mkfs.ext4 -q -F vdb",
		"mkfs.ext4 -q -F -L other vdb",
		"mkswap vdb",
		"printf 'label: dos\\n,,\\n' | sfdisk vdb",
		"printf 'label: gpt\\n,,\\n' | sfdisk vdb",
		/* Its beginning wiped: the table at its end, the backups of the superblock. */
		"printf 'label: gpt\\n,,\\n' | sfdisk vdb && dd if=/dev/zero of=vdb bs=1M count=1 conv=notrunc",
		"mkfs.ext4 -q -F -b 1024 vdb && dd if=/dev/zero of=vdb bs=1M count=1 conv=notrunc",
	};

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		clear();
		add_disk("vdb", SIZE);
		shell(commands[i]);
		if (find() != VOLUME_FOREIGN)
			check_fail("%s: %s", commands[i], volume_word(found.state));
	}
}

static void what_is_used_or_parted_is_left_alone(void)
{
	clear();
	add_disk("vdb", SIZE);
	check_int(mkdir_all(tmp_fd(), "sys/block/vdb/vdb1", 0700), 0);
	check_int(find(), VOLUME_FOREIGN);
	check(strstr(found.why, "partitions"));
	clear();
	add_disk("vdb", SIZE);
	check_int(mkdir_all(tmp_fd(), "sys/block/vdb/holders/dm-0", 0700), 0);
	check_int(find(), VOLUME_FOREIGN);
	check(strstr(found.why, "in use"));
	clear();
	add_disk("vdb", SIZE);
	put("sys/block/vdb/ro", "1\n");
	check_int(find(), VOLUME_FOREIGN);
	check(strstr(found.why, "read-only"));
	clear();
	add_disk("loop0", SIZE);
	add_disk("dm-0", SIZE);
	add_disk("sr0", SIZE);
	check_int(find(), VOLUME_ABSENT);
}

static void the_label_makes_it_ours(void)
{
	clear();
	add_disk("vdb", SIZE);
	add_disk("vdc", SIZE);
	shell("mkfs.ext4 -q -F -L kbuild-data vdc");
	check_int(find(), VOLUME_OURS);
	check_str(found.device, "vdc");
	check_int(found.file_size, SIZE);
	/* Of any size: it may have been made larger, or be another server's. */
	clear();
	add_disk("sdz", 2 * SIZE);
	shell("mkfs.ext4 -q -F -O 64bit -L kbuild-data sdz 65536");
	check_int(find(), VOLUME_OURS);
	check_int(found.size, 2 * SIZE);
	check_int(found.file_size, 64 * MIB);
	add_disk("vdb", SIZE);
	shell("mkfs.ext4 -q -F -L kbuild-data vdb");
	check_int(find(), VOLUME_FOREIGN);
	check(strstr(found.why, "2 disks have the label"));
}

static void a_formatting_that_was_cut_off_is_begun_again(void)
{
	clear();
	add_disk("vdb", SIZE);
	{
		_close_ int fd = open(tmp_name("dev/vdb"), O_RDWR);

		check_int(disk_mark(fd), 0);
	}
	poke("dev/vdb", MIB, "half of an inode table");
	check_int(find(), VOLUME_BLANK);
	check(found.begun);
	shell("mkfs.ext4 -q -F -L kbuild-making vdb");
	check_int(find(), VOLUME_BLANK);
	check(found.begun);
	shell("tune2fs -L kbuild-data vdb");
	check_int(find(), VOLUME_OURS);
}

static void nothing_is_ours_that_is_not_declared(void)
{
	struct error e = { 0 };

	clear();
	add_disk("vdb", SIZE);
	check_int(volume_find(&found, tmp_path, 0, &e), 0);
	check_int(found.state, VOLUME_ABSENT);
}

int main(void)
{
	tmp_fd();
	run(a_blank_disk_of_the_declared_size_is_formatted);
	run(two_blank_disks_are_one_too_many);
	run(whatever_was_written_on_it_it_is_not_blank);
	run(what_programs_made_is_not_blank);
	run(what_is_used_or_parted_is_left_alone);
	run(the_label_makes_it_ours);
	run(a_formatting_that_was_cut_off_is_begun_again);
	run(nothing_is_ours_that_is_not_declared);
	return done();
}
