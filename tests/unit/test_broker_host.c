/*
 * The broker's words about its machine: volume and state. Disks are files below a root of our own, mkfs
 * and tune2fs are the real ones, systemctl is a script that writes down what it was asked.
 */
#include "alloc.h"
#include "arena.h"
#include "blockdev.h"
#include "buf.h"
#include "error.h"
#include "fd.h"
#include "json.h"
#include "node.h"
#include "ops.h"

#include "check.h"
#include "tmpdir.h"

#include <sys/stat.h>

#define SIZE (64 * MIB)

static void put(const char *name, const char *text, mode_t mode)
{
	_free_ char *dir = xstrndup(name, (size_t)(strrchr(name, '/') - name));

	check_int(mkdir_all(tmp_fd(), dir, 0755), 0);
	check_int(file_replace(tmp_fd(), name, text, strlen(text), mode), 0);
}

static const char systemctl[] =
	"#!/bin/sh\n"
	"echo \"$*\" >>\"$(dirname \"$0\")/log\"\n"
	"case \"$*\" in\n"
	"list-units*) echo 'a.service loaded failed failed A'; echo 'b.mount loaded failed failed B' ;;\n"
	"*UnitFileState*)\n"
	"	printf 'Id=docker.service\\nLoadState=loaded\\nActiveState=active\\nUnitFileState=enabled\\n\\n'\n"
	"	printf 'UnitFileState=enabled\\nId=ufw.service\\nLoadState=loaded\\nActiveState=active\\n\\n'\n"
	"	printf 'Id=fail2ban.service\\nLoadState=not-found\\nActiveState=inactive\\n' ;;\n"
	"*LastTrigger*)\n"
	"	printf 'Id=kbuild-gitops.timer\\nLoadState=loaded\\nActiveState=active\\n'\n"
	"	printf 'NextElapseUSecRealtime=Mon 2026-11-23 18:36:00 UTC\\nLastTriggerUSec=\\n\\n'\n"
	"	printf 'Id=kbuild-backup.timer\\nLoadState=not-found\\nActiveState=inactive\\n' ;;\n"
	"esac\n";

static void clear(void)
{
	static const char *const gone[] = { "root", "programs" };

	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		check_int(remove_all(tmp_fd(), gone[i]), 0);
	put("programs/systemctl", systemctl, 0755);
	check_int(chmod(tmp_name("programs/systemctl"), 0755), 0);
	put("root/etc/kbuild/agent.yaml", "name: x\nserver: {volume: 64M}\n", 0600);
	put("root/sys/block/vdb/size", "131072\n", 0644);
	put("root/dev/vdb", "", 0600);
	check_int(truncate(tmp_name("root/dev/vdb"), SIZE), 0);
	check_int(mkdir_all(tmp_fd(), "root/state", 0700), 0);
	check_int(mkdir_all(tmp_fd(), "root/var/lib/kbuild", 0700), 0);
	put("root/proc/self/mountinfo", "1 1 1:1 / / rw - ext4 /dev/vda rw\n", 0644);
}

static struct arena *arena;

/* The answer to a request without arguments, or NULL, with the error in e. */
static const struct node *ask(const char *op, struct error *e)
{
	const struct broker b = { .root = tmp_name("root"),
		.state = tmp_name("root/state"),
		.programs = tmp_name("programs") };
	_free_ char *request = xasprintf("{\"op\":\"%s\"}", op);
	struct ipc_message q = IPC_MESSAGE_INIT;
	_buf_ json = BUF_INIT;
	struct call c = { .b = &b, .q = &q, .sock = -1 };
	struct node *doc;
	int r;

	*e = (struct error){ 0 };
	q.arena = arena;
	check_int(json_parse(&doc, arena, "q", request, strlen(request), e), 0);
	q.doc = doc;
	c.reply.json = &json;
	ipc_begin(&json);
	r = op_run(&c, e);
	alarm(0);
	ipc_end(&json);
	if (r < 0)
		return NULL;
	check_int(
		json_parse(&doc, arena, "a", arena_strdup(arena, buf_str(&json)), json.len, e), 0);
	return doc;
}

static const char *said(const struct node *answer, const char *path)
{
	return node_str(node_path(answer, path));
}

static size_t asked(const char *text)
{
	_buf_ log = BUF_INIT;
	size_t n = 0;

	file_read(tmp_fd(), "programs/log", MIB, &log);
	for (const char *p = buf_str(&log); (p = strstr(p, text)); p++)
		n++;
	return n;
}

static void a_blank_disk_becomes_the_data_volume(void)
{
	struct error e;

	clear();
	check_str(said(ask("volume-probe", &e), "state"), "blank");
	check(ask("volume-format", &e));
	check_str(said(ask("volume-probe", &e), "state"), "ours");
	check_str(said(ask("volume-probe", &e), "mounted"), "false");
	check(!ask("volume-format", &e));
	check(strstr(e.msg, "is not formatted: it is ours"));
	check(ask("volume-mount", &e));
	check_int(asked("daemon-reload"), 1);
	check_int(asked("start var-lib-kbuild\\x2ddata.mount"), 1);
	check_int(asked("start var-lib-docker-volumes.mount"), 1);
	check_int(asked("restart docker.service"), 1);
	check_int(faccessat(tmp_fd(),
			  "root/etc/systemd/system/docker.service.d/50-kbuild-data.conf", F_OK, 0),
		0);
}

static void link_to(const char *name, const char *target)
{
	_free_ char *path = xasprintf("root/dev/disk/%s", name);
	_free_ char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));

	check_int(mkdir_all(tmp_fd(), dir, 0755), 0);
	check_int(symlinkat(target, tmp_fd(), path), 0);
}

/* The lines of the volume's unit that say which device it is. */
static void check_device(const char *what, const char *fsck)
{
	_free_ char *line = xasprintf("\nWhat=%s\n", what);
	_free_ char *needs = xasprintf("\nRequires=systemd-fsck@%s.service\n", fsck);
	_free_ char *after = xasprintf("\nAfter=systemd-fsck@%s.service\n", fsck);
	_buf_ unit = BUF_INIT;

	check_int(file_read(tmp_fd(), "root/etc/systemd/system/var-lib-kbuild\\x2ddata.mount", MIB,
			  &unit),
		0);
	if (!strstr(buf_str(&unit), line) || !strstr(buf_str(&unit), needs) ||
		!strstr(buf_str(&unit), after)) {
		check_show("the unit", buf_str(&unit));
		check_fail("it is not for %s, %s", what, fsck);
	}
}

/* A disk made from a snapshot has the same label, and is attached at the next boot. */
static void a_volume_is_mounted_by_what_no_other_disk_has(void)
{
	struct error e;

	clear();
	check(ask("volume-format", &e));
	link_to("by-label/kbuild-data", "../../vdb");
	check(ask("volume-mount", &e));
	check_device("/dev/disk/by-label/kbuild-data", "dev-disk-by\\x2dlabel-kbuild\\x2ddata");
	link_to("by-id/virtio-0f3e7a51-9c1d-4a58-a", "../../vda");
	link_to("by-id/virtio-7b6f2a90-1111-4a58-9", "../../vdb");
	link_to("by-id/virtio-7b6f2a90-1111-4a58-9-part1", "../../vdb1");
	link_to("by-id/wwn-0x5000c500", "../../vdb");
	/* What a unit would read as something else. */
	link_to("by-id/a%n b", "../../vdb");
	link_to("by-id/gone", "../../vdz");
	check(ask("volume-mount", &e));
	check_device("/dev/disk/by-id/virtio-7b6f2a90-1111-4a58-9",
		"dev-disk-by\\x2did-virtio\\x2d7b6f2a90\\x2d1111\\x2d4a58\\x2d9");
	check_int(asked("daemon-reload"), 2);
}

/* The root of a new file system is 0755, and a volume's files have the modes that its container gave them. */
static void no_local_user_reaches_dockers_volumes(void)
{
	struct error e;
	struct stat st;

	clear();
	check(ask("volume-format", &e));
	check_int(mkdir_all(tmp_fd(), "root/var/lib/kbuild-data", 0755), 0);
	check_int(chmod(tmp_name("root/var/lib/kbuild-data"), 0755), 0);
	check(ask("volume-mount", &e));
	check_int(fstatat(tmp_fd(), "root/var/lib/kbuild-data", &st, 0), 0);
	check_int(st.st_mode & 07777, 0700);
}

/* The agent's user has the next free number, which depends on the image. */
static void a_kept_volumes_secrets_are_the_agents(void)
{
	static const char values[] = "root/var/lib/kbuild-data/secrets/values.json";
	struct error e;
	struct stat st;

	clear();
	if (geteuid() != 0)
		return;
	check_int(chown(tmp_name("root/var/lib/kbuild"), 901, 902), 0);
	check(ask("volume-format", &e));
	put(values, "{}", 0600);
	put("root/elsewhere", "", 0600);
	check_int(symlinkat("../../../../elsewhere", tmp_fd(),
			  "root/var/lib/kbuild-data/secrets/link"),
		0);
	check_int(mkdir_all(tmp_fd(), "root/var/lib/kbuild-data/secrets/old", 0700), 0);
	check_int(chown(tmp_name(values), 12345, 12346), 0);
	check_int(chown(tmp_name("root/var/lib/kbuild-data/secrets"), 12345, 12346), 0);
	check(ask("volume-mount", &e));
	check_int(fstatat(tmp_fd(), values, &st, 0), 0);
	check(st.st_uid == 901 && st.st_gid == 902 && (st.st_mode & 0777) == 0600);
	check_int(fstatat(tmp_fd(), "root/var/lib/kbuild-data/secrets", &st, 0), 0);
	check(st.st_uid == 901 && st.st_gid == 902);
	check_int(fstatat(tmp_fd(), "root/elsewhere", &st, 0), 0);
	check_int(st.st_uid, 0);
	/* A file of somebody else's, by another name. */
	check_int(linkat(tmp_fd(), "root/elsewhere", tmp_fd(),
			  "root/var/lib/kbuild-data/secrets/other", 0),
		0);
	check(!ask("volume-mount", &e));
	check(strstr(e.msg, "kbuild-data/secrets: other has more names than one"));
	check_int(fstatat(tmp_fd(), "root/elsewhere", &st, 0), 0);
	check_int(st.st_uid, 0);
}

static void a_formatting_cut_off_is_begun_again(void)
{
	struct error e;

	clear();
	put("programs/tune2fs", "#!/bin/sh\nexit 1\n", 0755);
	check_int(chmod(tmp_name("programs/tune2fs"), 0755), 0);
	check(!ask("volume-format", &e));
	check_str(said(ask("volume-probe", &e), "state"), "blank");
	check_str(said(ask("volume-probe", &e), "begun"), "true");
	check(!ask("volume-mount", &e));
	check_int(unlinkat(tmp_fd(), "programs/tune2fs", 0), 0);
	check(ask("volume-format", &e));
	check_str(said(ask("volume-probe", &e), "state"), "ours");
}

static void what_blkid_knows_is_not_formatted(void)
{
	struct error e;

	clear();
	put("programs/blkid", "#!/bin/sh\necho '/dev/vdb: TYPE=\"zfs_member\"'\n", 0755);
	check_int(chmod(tmp_name("programs/blkid"), 0755), 0);
	check(!ask("volume-format", &e));
	check(strstr(e.msg, "zfs_member"));
	check_str(said(ask("volume-probe", &e), "state"), "blank");
	check_str(said(ask("volume-probe", &e), "begun"), "false");
}

static void volumes_of_the_own_disk_are_not_hidden(void)
{
	struct error e;

	clear();
	check(ask("volume-format", &e));
	put("root/var/lib/docker/volumes/metadata.db", "", 0600);
	put("root/var/lib/docker/volumes/shop_db/_data/PG_VERSION", "15", 0600);
	check_str(said(ask("volume-probe", &e), "used"), "true");
	check(!ask("volume-mount", &e));
	check(strstr(e.msg, "'shop_db'"));
	check_int(asked("restart docker.service"), 0);
}

static void mounted_is_what_the_kernel_lists(void)
{
	struct error e;

	clear();
	put("root/proc/self/mountinfo",
		"1 1 1:1 / / rw - ext4 /dev/vda rw\n"
		"2 1 1:2 / /var/lib/kbuild-data rw - ext4 /dev/vdb rw\n"
		"3 1 1:2 /docker-volumes /var/lib/docker/volumes rw - ext4 /dev/vdb rw\n"
		"4 1 1:2 /secrets /var/lib/kbuild/secrets rw - ext4 /dev/vdb rw\n",
		0644);
	check_str(said(ask("volume-probe", &e), "mounted"), "true");
	put("root/proc/self/mountinfo",
		"1 1 1:1 / / rw - ext4 /dev/vda rw\n"
		"2 1 1:2 / /var/lib/kbuild-data rw - ext4 /dev/vdb rw\n"
		"3 1 1:2 /var/lib/docker/volumes /mnt rw - ext4 /dev/vdb rw\n"
		"4 1 1:2 /secrets /var/lib/kbuild/secrets rw - ext4 /dev/vdb rw\n",
		0644);
	check_str(said(ask("volume-probe", &e), "mounted"), "false");
}

static void the_state_of_the_system_is_told(void)
{
	const struct node *a;
	struct error e;

	clear();
	put("root/proc/uptime", "123.45 200.0\n", 0644);
	put("root/etc/ufw/ufw.conf", "# x\nENABLED=no\n", 0644);
	put("root/etc/ssh/ssh_host_ed25519_key.pub",
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJh1Y0bQ5xGvQYk0Gm0c9n8YyXk7m5X3p0u1v2w3x4y5 a\n",
		0644);
	a = ask("system-state", &e);
	check(a);
	check_int(node_get(a, "failed_units")->n, 2);
	check_str(node_str(node_get(a, "failed_units")->items[1]), "b.mount");
	check_str(said(a, "services.docker"), "active");
	check_str(said(a, "services.ufw"), "inactive");
	check_str(said(a, "services.fail2ban"), "absent");
	check_int(node_get(a, "expected")->n, 1);
	check_str(said(a, "boot_seconds"), "123");
	check_int(node_get(a, "ssh_host_keys")->n, 1);
	check_str(node_str(node_get(a, "ssh_host_keys")->items[0]),
		"SHA256:+yaOJTI9GbvgvLJ6mK/ljMpV73/Qe4ik5TGnSgTiqRA");
	put("root/etc/ufw/ufw.conf", "ENABLED=yes\n", 0644);
	check_str(said(ask("system-state", &e), "services.ufw"), "active");
	a = ask("timers", &e);
	check_int(node_get(a, "timers")->n, 1);
	check_str(node_str(node_get(node_get(a, "timers")->items[0], "next")),
		"Mon 2026-11-23 18:36:00 UTC");
}

static void old_keys_are_made_anew_and_new_ones_stay(void)
{
	static const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	_buf_ first = BUF_INIT;
	_buf_ second = BUF_INIT;
	_buf_ key = BUF_INIT;
	struct error e;

	clear();
	put("root/etc/machine-id", "0123456789abcdef0123456789abcdef\n", 0444);
	put("root/etc/ssh/ssh_host_ed25519_key", "of the original", 0600);
	check_int(utimensat(tmp_fd(), "root/etc/ssh/ssh_host_ed25519_key", old, 0), 0);
	put("root/run/cloud-init/.instance-id", "i-2\n", 0644);
	check(ask("identity-renew", &e));
	check_int(file_read(tmp_fd(), "root/etc/machine-id", 100, &first), 0);
	check_int(first.len, 33);
	check(strspn(buf_str(&first), "0123456789abcdef") == 32 &&
		!strstr(buf_str(&first), "0123456789abcdef0"));
	check_int(file_read(tmp_fd(), "root/etc/ssh/ssh_host_ed25519_key", 10000, &key), 0);
	check(strstr(buf_str(&key), "PRIVATE KEY"));
	check_int(asked("try-restart ssh.service"), 1);
	check(ask("identity-renew", &e));
	check_int(file_read(tmp_fd(), "root/etc/machine-id", 100, &second), 0);
	check(strcmp(buf_str(&first), buf_str(&second)) != 0);
	buf_reset(&second);
	check_int(file_read(tmp_fd(), "root/etc/ssh/ssh_host_ed25519_key", 10000, &second), 0);
	check_str(buf_str(&second), buf_str(&key));
}

int main(void)
{
	tmp_fd();
	arena = arena_new();
	run(a_blank_disk_becomes_the_data_volume);
	run(a_volume_is_mounted_by_what_no_other_disk_has);
	run(no_local_user_reaches_dockers_volumes);
	run(a_kept_volumes_secrets_are_the_agents);
	run(a_formatting_cut_off_is_begun_again);
	run(what_blkid_knows_is_not_formatted);
	run(volumes_of_the_own_disk_are_not_hidden);
	run(mounted_is_what_the_kernel_lists);
	run(the_state_of_the_system_is_told);
	run(old_keys_are_made_anew_and_new_ones_stay);
	arena_free(arena);
	return done();
}
