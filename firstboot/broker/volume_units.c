/*
 * See volume_units.h. The label is what a volume is found by when it is new to a server, and no more than
 * that: a volume made from a snapshot has the same one, and which of two disks udev's link leads to is
 * chance. docker would have started its database on it before first boot refuses to choose. So from then
 * on it is mounted by what no other disk has: the serial number, which OpenStack makes of the volume's id.
 */
#include "volume_units.h"

#include "alloc.h"
#include "blockdev.h"
#include "buf.h"
#include "error.h"
#include "fd.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define UNITS	 "/etc/systemd/system/"
#define BY_ID	 "/dev/disk/by-id"
#define BY_LABEL "/dev/disk/by-label/" VOLUME_LABEL
#define UNIT_MAX 200 /* of a device in the name of a unit, which has 255 at most */

/* What is mounted on the volume's own file system, whatever disk that is on. */
static const struct {
	const char *path, *text;
} units[] = {
	{ UNITS VOLUMES_UNIT,
		"# Written by kbuild-agent: Docker's named volumes live on the data volume.\n"
		"[Unit]\n"
		"Description=Docker's volumes on the data volume\n"
		"RequiresMountsFor=" DATA "\n"
		"Before=umount.target docker.service\n"
		"Conflicts=umount.target\n\n"
		"[Mount]\n"
		"What=" STORED "\n"
		"Where=" VOLUMES "\n"
		"Type=none\n"
		"Options=bind\n" },
	{ UNITS SECRETS_UNIT,
		"# Written by kbuild-agent: secrets live and die with the database they belong to.\n"
		"[Unit]\n"
		"Description=The application's secrets on the data volume\n"
		"RequiresMountsFor=" DATA "\n"
		"Before=umount.target kbuild-firstboot.service kbuild-gitops.service\n"
		"Conflicts=umount.target\n\n"
		"[Mount]\n"
		"What=" KEPT "\n"
		"Where=" SECRETS "\n"
		"Type=none\n"
		"Options=bind,nodev,nosuid,noexec\n" },
	{ UNITS "docker.service.d/50-kbuild-data.conf",
		"# Written by kbuild-agent. Without its volumes Docker would make new ones, empty.\n"
		"[Unit]\n"
		"RequiresMountsFor=" VOLUMES "\n"
		"Wants=" SECRETS_UNIT "\n" },
};

bool volume_link_leads(const char *path, const char *device)
{
	char target[128];
	ssize_t n = readlink(path, target, sizeof target - 1);
	const char *name;

	if (n < 0)
		return false;
	target[n] = '\0';
	name = strrchr(target, '/');
	return strcmp(name ? name + 1 : target, device) == 0;
}

/* As systemd-escape --path has it. */
static void escape_path(const char *path, struct buf *ret)
{
	for (const char *p = path + 1; *p; p++) {
		if (*p == '/')
			buf_addc(ret, '-');
		else if (isalnum((unsigned char)*p) || strchr(":_.", *p))
			buf_addc(ret, *p);
		else
			buf_printf(ret, "\\x%02x", (unsigned char)*p);
	}
}

/* No character that a unit file gives a meaning to, and not too long for a unit's name. */
static bool can_be_named(const char *path)
{
	_buf_ unit = BUF_INIT;

	for (const char *p = path; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("/:_.-", *p))
			return false;
	}
	escape_path(path, &unit);
	return unit.len <= UNIT_MAX;
}

/*
 * Of several links the first by name: the same one at each boot. Partitions' links lead elsewhere. NULL: the
 * disk has no serial number, or none that udev knows how to read.
 */
static char *link_by_id(const char *root, const char *device)
{
	_free_ char *where = xasprintf("%s" BY_ID, root), *best = NULL;
	DIR *dir = opendir(where);
	const struct dirent *d;

	while (dir && (d = readdir(dir))) {
		_free_ char *full = xasprintf("%s/%s", where, d->d_name);
		_free_ char *path = xasprintf(BY_ID "/%s", d->d_name);

		if ((best && strcmp(path, best) > 0) || !can_be_named(path) ||
			!volume_link_leads(full, device))
			continue;
		free(best);
		best = TAKE(path);
	}
	if (dir)
		closedir(dir);
	return TAKE(best);
}

static void data_unit(const char *what, struct buf *ret)
{
	_buf_ device = BUF_INIT;

	escape_path(what, &device);
	buf_printf(ret,
		"# Written by kbuild-agent: the data volume.\n"
		"[Unit]\n"
		"Description=The data volume\n"
		"Requires=systemd-fsck@%s.service\n"
		"After=systemd-fsck@%s.service\n"
		"Before=umount.target\n"
		"Conflicts=umount.target\n\n"
		"[Mount]\n"
		"What=%s\n"
		"Where=" DATA
		"\n"
		"Type=ext4\n"
		"Options=noatime,nodev,nosuid\n",
		buf_str(&device), buf_str(&device), what);
}

static int write_one(const char *root, const char *name, const char *text, struct error *e)
{
	_free_ char *path = xasprintf("%s%s", root, name);
	_free_ char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	int r = mkdir_all(AT_FDCWD, dir, 0755);

	if (r >= 0)
		r = file_replace(AT_FDCWD, path, text, strlen(text), 0644);
	return r < 0 ? error_errno(e, r, "cannot write %s", path) : 0;
}

int volume_units_write(const char *root, const char *device, struct error *e)
{
	_free_ char *what = link_by_id(root, device);
	_buf_ data = BUF_INIT;
	int r;

	data_unit(what ? what : BY_LABEL, &data);
	r = write_one(root, UNITS DATA_UNIT, buf_str(&data), e);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(units); i++)
		r = write_one(root, units[i].path, units[i].text, e);
	return r;
}
