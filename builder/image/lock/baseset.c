/* The table of distributions and of what is installed for whom. */
#include "baseset.h"

#include "arena.h"
#include "definition.h"
#include "error.h"
#include "node.h"

#include <string.h>

static const struct distribution distributions[] = {
	{ "debian", "/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring",
		"/usr/share/keyrings/debian-archive-keyring.gpg", "main", "debian-security" },
	{ "ubuntu", "/usr/share/keyrings/ubuntu-archive-keyring.gpg", "ubuntu-keyring",
		"/usr/share/keyrings/ubuntu-archive-keyring.gpg",
		"main restricted universe multiverse", NULL },
};

const struct distribution *distribution_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(distributions); i++) {
		if (strcmp(distributions[i].name, name) == 0)
			return &distributions[i];
	}
	return NULL;
}

static bool always(_unused_ const struct definition *def)
{
	return true;
}

static bool is_bootable(const struct definition *def)
{
	return def->bootable;
}

static bool has_docker(const struct definition *def)
{
	return def->docker.enabled;
}

static bool has_firewall(const struct definition *def)
{
	return def->firewall.enabled;
}

static bool has_fail2ban(const struct definition *def)
{
	return def->fail2ban.enabled;
}

/* C.UTF-8 is part of libc; any other locale has to be made by the package locales. */
static bool has_locale(const struct definition *def)
{
	static const char *const builtin[] = { "C", "C.UTF-8", "C.utf8", "POSIX" };
	const char *locale = node_str(definition_key(def, "locale"));

	if (!locale)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(builtin); i++) {
		if (strcmp(locale, builtin[i]) == 0)
			return false;
	}
	return true;
}

/* Clients that keep the time exclude one another, so that an image has one. */
static bool wants_timesyncd(const struct definition *def)
{
	const char *client = node_str(node_get(definition_key(def, "ntp"), "ntp_client"));

	return client && strcmp(client, "systemd-timesyncd") == 0;
}

static bool has_timesyncd(const struct definition *def)
{
	return def->bootable && wants_timesyncd(def);
}

static bool has_chrony(const struct definition *def)
{
	return def->bootable && !wants_timesyncd(def);
}

/*
 * Of the keys that are left for first boot: what cloud-init runs there without installing it. Of the
 * others it installs what is missing itself.
 */
static bool is_left(const struct definition *def, const char *key)
{
	return def->bootable && !node_is_null(definition_key(def, key));
}

static bool has_keyboard(const struct definition *def)
{
	return is_left(def, "keyboard");
}

static bool has_snap(const struct definition *def)
{
	return is_left(def, "snap") || is_left(def, "lxd"); /* which is a snap */
}

static bool has_rsyslog(const struct definition *def)
{
	return is_left(def, "rsyslog");
}

/* Which Debian's cloud-init depends on, and Ubuntu's only recommends. */
static bool has_disk_setup(const struct definition *def)
{
	return is_left(def, "disk_setup");
}

static bool makes_fs(const struct definition *def, const char *type)
{
	const struct node *list = definition_key(def, "fs_setup");

	for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++) {
		const char *word = node_str(node_get(list->items[i], "filesystem"));

		if (word && strcmp(word, type) == 0)
			return def->bootable;
	}
	return false;
}

static bool has_xfs(const struct definition *def)
{
	return makes_fs(def, "xfs");
}

static bool has_btrfs(const struct definition *def)
{
	return makes_fs(def, "btrfs");
}

static bool has_vfat(const struct definition *def)
{
	return makes_fs(def, "vfat");
}

static bool has_import(const struct definition *def)
{
	static const char key[] = "ssh_import_id";
	const struct node *users = definition_key(def, "users");
	bool has = is_left(def, key) || !node_is_null(node_get(definition_key(def, "user"), key));

	for (size_t i = 0; users && users->kind != NODE_SCALAR && i < users->n; i++)
		has |= !node_is_null(node_get(users->items[i], key));
	return def->bootable && has;
}

/*
 * Of kbuild-agent, whose package is made for the release and installed after the tree is there: its
 * libraries, and the programs that its broker runs. The package's own Depends, which dpkg-shlibdeps
 * computes, are held against the lock; what is missing here is an error there.
 */
#define AGENT_NEEDS                                                                                \
	"libjansson4 libseccomp2 libyaml-0-2 libzstd1 nftables openssh-client util-linux e2fsprogs"
#define AGENT_OLD_NAMES "libcurl4 libssl3 libarchive13"
#define AGENT_NEW_NAMES "libcurl4t64 libssl3t64 libarchive13t64" /* of the 64 bit time_t */

/*
 * Without recommends: what an image needs and no package depends on is named here. The kernel
 * only recommends initramfs-tools and a boot loader; netplan's networkd writes no resolv.conf
 * without resolved, which is a package of its own except in jammy; docker confines containers
 * only when it finds apparmor's parser; fail2ban reads the journal through python3-systemd.
 */
static const struct topic {
	bool (*applies)(const struct definition *def);
	const char *release; /* NULL: all */
	const char *packages;
} topics[] = {
	{ always, NULL, "apt" },
	{ is_bootable, NULL,
		"ca-certificates systemd systemd-sysv libpam-systemd dbus udev initramfs-tools grub2-common "
		"grub-pc-bin grub-efi-amd64-bin grub-efi-amd64-signed shim-signed e2fsprogs zstd "
		"cloud-init cloud-guest-utils netplan.io openssh-server sudo tzdata iproute2 "
		"iptables apparmor curl unattended-upgrades" },
	{ has_chrony, NULL, "chrony" },
	{ has_timesyncd, NULL, "systemd-timesyncd" },
	{ is_bootable, "bookworm", "linux-image-cloud-amd64 systemd-resolved" },
	{ is_bootable, "trixie", "linux-image-cloud-amd64 systemd-resolved" },
	{ is_bootable, "jammy", "linux-image-virtual" },
	{ is_bootable, "noble", "linux-image-virtual systemd-resolved" },
	{ is_bootable, NULL, AGENT_NEEDS },
	{ is_bootable, "bookworm", AGENT_OLD_NAMES " libgit2-1.5" },
	{ is_bootable, "trixie", AGENT_NEW_NAMES " libgit2-1.9" },
	{ is_bootable, "jammy", AGENT_OLD_NAMES " libgit2-1.1" },
	{ is_bootable, "noble", AGENT_NEW_NAMES " libgit2-1.7" },
	{ has_docker, NULL, "docker.io iptables apparmor" },
	{ has_docker, "trixie", "docker-cli docker-compose" },
	{ has_docker, "jammy", "docker-compose-v2" },
	{ has_docker, "noble", "docker-compose-v2" },
	{ has_firewall, NULL, "ufw iptables" },
	{ has_fail2ban, NULL, "fail2ban python3-systemd nftables" },
	{ has_locale, NULL, "locales" },
	{ has_keyboard, NULL, "console-setup keyboard-configuration" },
	{ has_snap, NULL, "snapd" },
	{ has_import, NULL, "ssh-import-id" },
	{ has_rsyslog, NULL, "rsyslog" },
	{ has_disk_setup, NULL, "gdisk" },
	{ has_xfs, NULL, "xfsprogs" },
	{ has_btrfs, NULL, "btrfs-progs" },
	{ has_vfat, NULL, "dosfstools" },
};

static const char bookworm_compose[] =
	"Debian 12 has no Compose V2: the image gets docker without 'docker compose'; use trixie, or "
	"add the package from another apt source";

#define NAMES_MAX 4096

struct names {
	const char **v;
	size_t n;
};

static void add(struct names *s, const char *name)
{
	if (s->n < NAMES_MAX)
		s->v[s->n++] = name;
}

static void add_words(struct names *s, struct arena *a, const char *words)
{
	for (const char *p = words; *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		add(s, arena_strndup(a, p, n));
		p += n;
	}
}

static int by_text(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* The length of the name in "name", "name:arch", "name=version", "name/suite". */
static size_t name_length(const char *spec)
{
	return strcspn(spec, "=/:");
}

/*
 * Only plain names reach apt's command line: a dash in front would be an option, one behind (or a
 * plus) an action, and ? and ~ begin patterns.
 */
static bool name_is_plain(const char *spec)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyz0123456789+-.";
	static const char rest[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
		"+-.~:=/_";
	size_t n = name_length(spec);

	if (n < 2 || strspn(spec, name) < n || strchr("+-.", spec[0]) || spec[n - 1] == '-')
		return false;
	return strspn(spec + n, rest) == strlen(spec + n) && (spec[n] == '\0' || spec[n + 1]);
}

/* A bare name of the base set gives way to one that the definition gives with a version. */
static bool is_refined(const struct definition *def, const char *name)
{
	size_t n = strlen(name);

	for (const char **p = def->packages; p && *p; p++) {
		if (strncmp(*p, name, n) == 0 && name_length(*p) == n && (*p)[n])
			return true;
	}
	return false;
}

bool base_set_asked(const struct definition *def, const char *name)
{
	for (const char **p = def->packages; p && *p; p++) {
		if (strcmp(*p, name) == 0)
			return true;
	}
	return false;
}

int base_set(const struct definition *def, struct arena *a, const char ***ret,
	const char **ret_note, struct error *e)
{
	struct names s = { .v = arena_alloc(a, (NAMES_MAX + 1) * sizeof *s.v) };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(topics); i++) {
		const struct topic *t = &topics[i];

		if ((!t->release || strcmp(t->release, def->release) == 0) && t->applies(def))
			add_words(&s, a, t->packages);
	}
	for (const char **p = def->packages; p && *p; p++) {
		if (!name_is_plain(*p))
			return error_set(e, ERR_INVALID, "'%s' is no name of a package", *p);
		add(&s, *p);
	}
	if (s.n == NAMES_MAX)
		return error_set(
			e, ERR_INVALID, "more than %d packages are asked for", NAMES_MAX - 1);
	qsort(s.v, s.n, sizeof *s.v, by_text);
	for (size_t i = 0; i < s.n; i++) {
		if (n > 0 && strcmp(s.v[n - 1], s.v[i]) == 0)
			continue;
		if (is_refined(def, s.v[i]))
			continue;
		s.v[n++] = s.v[i];
	}
	s.v[n] = NULL;
	*ret = s.v;
	*ret_note = def->docker.enabled && strcmp(def->release, "bookworm") == 0 ? bookworm_compose
										 : NULL;
	return 0;
}
