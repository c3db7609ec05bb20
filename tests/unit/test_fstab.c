/* What stands in fstab stays, what is missing is added. */
#include "buf.h"
#include "check.h"
#include "fstab.h"

#define ROOT "LABEL=kbuild-root / ext4 discard,errors=remount-ro 0 1\n"
#define ESP  "LABEL=KBUILD-ESP /boot/efi vfat umask=0077,nofail 0 0\n"

static void table_is_completed(void)
{
	static const struct {
		const char *old, *new;
	} cases[] = {
		{ "", ROOT ESP },
		{ "# UNCONFIGURED FSTAB FOR BASE SYSTEM\n", ROOT ESP },
		{ "# mine\n", "# mine\n" ROOT ESP },
		{ "/dev/vdb /srv xfs", "/dev/vdb /srv xfs\n" ROOT ESP },
		{ "  UUID=1\t/ ext4\n", "  UUID=1\t/ ext4\n" ESP },
		{ "#UUID=1 / ext4\n", "#UUID=1 / ext4\n" ROOT ESP },
		{ "x /boot/efi vfat\ny / z\n", "x /boot/efi vfat\ny / z\n" },
		{ "/ /boot ext4\n", "/ /boot ext4\n" ROOT ESP },
		{ "\n\nlonely\n", "\n\nlonely\n" ROOT ESP },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_buf_ out = BUF_INIT;

		fstab_complete(cases[i].old, &out);
		check_str(buf_str(&out), cases[i].new);
	}
}

static void completing_twice_changes_nothing(void)
{
	_buf_ once = BUF_INIT;
	_buf_ twice = BUF_INIT;

	fstab_complete("", &once);
	fstab_complete(buf_str(&once), &twice);
	check_str(buf_str(&twice), buf_str(&once));
}

int main(void)
{
	run(table_is_completed);
	run(completing_twice_changes_nothing);
	return done();
}
