/* The list of sealed.h. */
#include "sealed.h"

#include <fnmatch.h>
#include <string.h>

const struct sealed_place sealed_places[] = {
	{ "/etc/ssh", "/etc/ssh/ssh_host_*", SEALED_FILES },
	{ "/etc", "/etc/passwd-", SEALED_FILES },
	{ "/etc", "/etc/group-", SEALED_FILES },
	{ "/etc", "/etc/shadow-", SEALED_FILES },
	{ "/etc", "/etc/gshadow-", SEALED_FILES },
	{ "/etc", "/etc/subuid-", SEALED_FILES },
	{ "/etc", "/etc/subgid-", SEALED_FILES },
	{ "/etc", "/etc/.pwd.lock", SEALED_FILES },
	{ "/etc", "/etc/.resolv.conf.systemd-resolved.bak", SEALED_FILES },
	{ "/etc", "/etc/machine-id", SEALED_TEXT },
	{ "/etc/docker", "/etc/docker/key.json", SEALED_FILES },
	{ "/etc/iscsi", "/etc/iscsi/initiatorname.iscsi", SEALED_FILES },
	/* Without them libnvme derives both from the machine's UUID (DMI). */
	{ "/etc/nvme", "/etc/nvme/hostnqn", SEALED_FILES },
	{ "/etc/nvme", "/etc/nvme/hostid", SEALED_FILES },
	{ "/etc/ssl", "/etc/ssl/*/ssl-cert-snakeoil.*", SEALED_FILES },
	{ "/etc/udev/rules.d", "/etc/udev/rules.d/70-persistent-*.rules", SEALED_FILES },
	{ "/var/backups", "*", SEALED_FILES },
	{ "/var/cache/apt", "*", SEALED_FILES },
	{ "/var/cache/debconf", "*-old", SEALED_FILES },
	{ "/var/cache/ldconfig", "*", SEALED_FILES },
	{ "/var/cache/man", "*", SEALED_FILES },
	{ "/var/lib/apt/lists", "*", SEALED_FILES },
	{ "/var/lib/chrony", "*", SEALED_FILES },
	{ "/var/lib/cloud", "*", SEALED_FILES },
	{ "/var/lib/containerd", "*", SEALED_FILES },
	{ "/var/lib/dbus", "/var/lib/dbus/machine-id", SEALED_FILES },
	{ "/var/lib/dhcp", "*", SEALED_FILES },
	{ "/var/lib/docker", "*", SEALED_FILES },
	{ "/var/lib/dpkg", "/var/lib/dpkg/*-old", SEALED_FILES },
	{ "/var/lib/logrotate", "*", SEALED_FILES },
	{ "/var/lib/systemd", "*/random-seed", SEALED_FILES },
	{ "/var/lib/systemd", "*/credential.secret", SEALED_FILES },
	{ "/var/lib/systemd/timesync", "*", SEALED_FILES },
	{ "/var/lib/wtmpdb", "*", SEALED_FILES },
	{ "/var/log", "/var/log/*.log", SEALED_FILES },
	{ "/var/log/apt", "*", SEALED_FILES },
	{ "/var/log/journal", "*", SEALED_FILES },
	{ "/var/log/unattended-upgrades", "*", SEALED_FILES },
	/* Logs that programs want to find (wtmp, btmp, fail2ban's). */
	{ "/var/log", "*", SEALED_TEXT },
	{ "/root", "/root/.bash_history", SEALED_FILES },
	{ "/root/.cache", "*", SEALED_FILES },
	{ "/tmp", "*", SEALED_ALL },
	{ "/var/tmp", "*", SEALED_ALL },
	{ "/run", "*", SEALED_ALL },
	{},
};

/* cloud-init's own way to run something at each boot, among its state. */
#define SCRIPTS "/var/lib/cloud/scripts/"

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

bool sealed_loses(const char *path)
{
	if (strncmp(path, SCRIPTS, strlen(SCRIPTS)) == 0)
		return false;
	for (const struct sealed_place *p = sealed_places; p->dir; p++)
		if (is_below(path, p->dir) && fnmatch(p->pattern, path, 0) == 0)
			return true;
	return false;
}
