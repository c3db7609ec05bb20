/*
 * The proof: rules on names over the whole tree, and a look into small files where programs put keys.
 * It knows nothing of what seal.c removes, so that a mistake there shows here.
 */
#include "buf.h"
#include "fd.h"
#include "seal.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

/* Keys are a few KiB; larger files are data. */
#define KEY_FILE_MAX (256 * KIB)

#define PACKAGE_KEY                                                                                \
	"a key of the package's, the same on all servers; write one of your own with write_files"

/* Without it dropbear does not start, and one for its initramfs is in the initrd, too: so none is removed. */
#define DROPBEAR_KEY                                                                                   \
	"an SSH host key, which nothing makes anew on servers; leave dropbear out: OpenSSH is there, " \
	"or install it at first boot (runcmd)"

static const struct rule {
	const char *pattern; /* "*" also matches "/" */
	const char *what;
	bool empty_is_fine;
	bool written_is_fine; /* when the definition itself wrote it */
} rules[] = {
	{ "*/ssh_host_*_key", "an SSH host key", false },
	{ "*/ssh_host_*_key.pub", "an SSH host key", false },
	{ "*/dropbear_*_host_key*", DROPBEAR_KEY, false },
	{ "/etc/machine-id", "the id of a machine", true },
	{ "/var/lib/dbus/machine-id", "the id of a machine", true },
	{ "*/random-seed", "a random seed", false },
	{ "*/credential.secret", "a machine's credential key", false },
	{ "/etc/kbuild/handoff.json*", "what was handed to a server", false },
	{ "/var/lib/kbuild/*", "state of another server", false },
	{ "/var/lib/kbuild-broker/*", "state of another server", false },
	{ "/etc/docker/key.json", "the id of a container engine", false },
	{ "/var/lib/docker/engine-id", "the id of a container engine", false },
	{ "/etc/iscsi/initiatorname.iscsi", "the name of an iSCSI initiator", false },
	{ "/etc/nvme/hostnqn", "the name of an NVMe host", false },
	{ "/etc/nvme/hostid", "the name of an NVMe host", false },
	/* Made when the package is installed, never again, and needed: by rndc, and by munged. */
	{ "/etc/bind/rndc.key", PACKAGE_KEY, false, true },
	{ "/etc/munge/munge.key", PACKAGE_KEY, false, true },
	{ "/var/lib/cloud/scripts/*", "a script of another instance", false, true },
	{ "/var/lib/cloud/*", "state of another instance", false },
	{ "/var/log/*", "a log of the build", true },
	{ "/var/lib/apt/lists/*", "a package index", true },
	{ "/var/cache/apt/*", "a package cache", true },
	{ "*/.bash_history", "a shell's history", true },
	{ "*/authorized_keys-", "a backup of keys", false },
	{ "/etc/shadow-", "a backup of passwords", false },
	{ "/etc/gshadow-", "a backup of passwords", false },
	{ "/tmp/*", "a left-over of the build", false },
	{ "/var/tmp/*", "a left-over of the build", false },
};

/* Where programs keep keys of their own; /usr but /usr/local is what packages brought. */
static const char *const key_places[] = {
	"/etc/*",
	"/var/*",
	"/root/*",
	"/home/*",
	"/opt/*",
	"/srv/*",
	"/usr/local/*",
	"/boot/*",
};

struct scan {
	const char *const *allowed;
	struct buf *out;
};

static bool matches_any(const char *const *patterns, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (fnmatch(patterns[i], path, 0) == 0)
			return true;
	return false;
}

static bool is_allowed(const struct scan *s, const char *path)
{
	for (const char *const *p = s->allowed; p && *p; p++)
		if (strcmp(*p, path) == 0)
			return true;
	return false;
}

/* "-----BEGIN … PRIVATE KEY-----", however the key is called; or one of age's. */
static bool has_private_key(const char *text)
{
	if (strstr(text, "AGE-SECRET-KEY-"))
		return true;
	for (const char *p = text; (p = strstr(p, "-----BEGIN ")); p++) {
		size_t n = strcspn(p, "\n");
		const char *key = strstr(p, "PRIVATE KEY-----");

		if (key && key < p + n)
			return true;
	}
	return false;
}

static int look_inside(const struct scan *s, const struct walk_entry *f)
{
	_buf_ text = BUF_INIT;
	_close_ int fd = openat(f->dirfd, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = fd_read(fd, KEY_FILE_MAX, &text);
	if (r < 0)
		return r == -EFBIG ? 0 : r;
	/* A NUL would end the search; keys in binary files are none that programs read as PEM. */
	if (has_private_key(buf_str(&text)))
		buf_printf(s->out, "%s: a private key\n", f->path);
	return 0;
}

static int visit(void *arg, const struct walk_entry *f)
{
	const struct scan *s = arg;

	if (S_ISDIR(f->st->st_mode))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (fnmatch(rules[i].pattern, f->path, 0) != 0)
			continue;
		if (rules[i].written_is_fine && is_allowed(s, f->path))
			return 0;
		if (rules[i].empty_is_fine && (!S_ISREG(f->st->st_mode) || f->st->st_size == 0))
			continue;
		buf_printf(s->out, "%s: %s\n", f->path, rules[i].what);
		return 0;
	}
	if (!S_ISREG(f->st->st_mode) || f->st->st_size == 0 ||
		f->st->st_size > (off_t)KEY_FILE_MAX ||
		!matches_any(key_places, ARRAY_SIZE(key_places), f->path) || is_allowed(s, f->path))
		return 0;
	return look_inside(s, f);
}

int seal_scan(int root, const char *const *allowed, struct buf *ret)
{
	struct scan s = { allowed, ret };

	return walk_below(root, "/", visit, &s);
}
