/*
 * The agent: its package, installed by the image's own dpkg over the tree; what the definition says
 * about the server's life, as its configuration; the image's key; and which of its units boot starts.
 *
 * The timers are not among those: first boot starts them when the server is finished.
 */
#include "backup_calendar.h"
#include "bake_topic.h"

#include "age.h"
#include "alloc.h"
#include "arena.h"
#include "buf.h"
#include "chroot.h"
#include "definition.h"
#include "dpkgdb.h"
#include "error.h"
#include "mark.h"
#include "node.h"
#include "rootfd.h"
#include "schema.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define PACKAGE	    "/run/kbuild-agent.deb"
#define CONFIG	    "/etc/kbuild/agent.yaml"
#define CREDENTIALS "/etc/kbuild/credentials"
#define PACKAGES    "/usr/lib/kbuild/packages.list"
#define DPKG_MAX    (64 * MIB)
#define BACKUP_AT   "02:00"

static bool applies(const struct bake *b)
{
	return b->agent != NULL;
}

static int install(const struct bake *b, struct error *e)
{
	static const char *const argv[] = { "dpkg", "--install", PACKAGE, NULL };
	_free_ char *epoch = xasprintf("SOURCE_DATE_EPOCH=%lld", (long long)b->epoch);
	const char *const env[] = { epoch, NULL };
	const struct chroot_bind binds[] = { { b->agent, PACKAGE, false }, {} };
	const struct chroot_run run = {
		.root = b->root,
		.argv = argv,
		.env = env,
		.binds = binds,
		.log_fd = b->log_fd,
	};

	return chroot_check(&run, e);
}

static const struct mark here = { CONFIG, 0, 0 };

static void set(struct arena *a, struct node *map, const char *key, const char *text)
{
	node_set(a, map, &here, key, node_scalar(a, &here, text, strlen(text)));
}

static struct node *image_info(const struct bake *b, struct arena *a)
{
	struct node *image = node_map(a, &here);
	const time_t built = (time_t)b->epoch;
	char when[32];
	struct tm tm;

	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&built, &tm));
	set(a, image, "id", b->id);
	set(a, image, "built", when);
	set(a, image, "kbuild", KBUILD_VERSION);
	set(a, image, "distribution", b->def->distribution);
	set(a, image, "release", b->def->release);
	return image;
}

/* The parts of kbuild: that the server needs, as they were checked; the rest is done by now. */
static int write_config(const struct bake *b, struct error *e)
{
	const struct {
		const char *key;
		const struct node *value;
	} parts[] = {
		{ "app", b->def->app },
		{ "secrets", b->def->secrets },
		{ "dns", b->def->dns },
		{ "backup", b->def->backup },
		{ "health", b->def->health },
		{ "server", b->def->server },
	};
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct node *config = node_map(a, &here);
	_buf_ text = BUF_INIT;

	set(a, config, "name", b->def->name);
	node_set(a, config, &here, "image", image_info(b, a));
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].value)
			node_set(a, config, &here, parts[i].key, node_copy(a, parts[i].value));
	buf_adds(&text,
		"# Written by kbuild from the definition; change it there and build anew.\n");
	node_write_yaml(config, &text);
	return bake_puts(b, CONFIG, buf_str(&text), 0600, e);
}

/* Empty until first boot fills them: a unit's credential has to be there for it to start. */
static int write_credentials(const struct bake *b, struct error *e)
{
	static const char *const names[] = { "alert", "app", "dns", "git", "registry", "s3" };
	int r = rootfd_mkdir(b->root_fd, CREDENTIALS, 0700);

	if (r < 0)
		return error_errno(e, r, "cannot make " CREDENTIALS " in the image");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_free_ char *path = xasprintf(CREDENTIALS "/%s.json", names[i]);

		r = bake_puts(b, path, "{}\n", 0600, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_key(const struct bake *b, struct error *e)
{
	char public[AGE_RECIPIENT_SIZE], private[AGE_IDENTITY_SIZE];
	struct age_recipient to;
	_buf_ text = BUF_INIT;
	int r;

	age_identity_recipient(b->key, &to);
	age_recipient_format(&to, public);
	age_identity_format(b->key, private);
	buf_printf(&text, "# public key: %s\n%s\n", public, private);
	r = bake_puts(b, IMAGE_KEY, buf_str(&text), 0600, e);
	explicit_bzero(private, sizeof private);
	explicit_bzero(text.data, text.len);
	return r;
}

static int write_dropin(const struct bake *b, const char *name, const char *text, struct error *e)
{
	_free_ char *path =
		xasprintf("/etc/systemd/system/kbuild-%s.timer.d/10-definition.conf", name);

	return bake_puts(b, path, text, 0644, e);
}

/* When a timer fires, where the definition says it; an empty assignment takes the unit's own away. */
static int write_timer(const struct bake *b, const char *name, const char *lines, struct error *e)
{
	_free_ char *text = xasprintf("[Timer]\nOnCalendar=\n%s", lines);

	return write_dropin(b, name, text, e);
}

/* First boot starts all timers; one that has nothing to do then stays where it is. */
static int write_idle(const struct bake *b, const char *name, const char *part, struct error *e)
{
	_free_ char *text = xasprintf(
		"# The definition has no kbuild.%s. This is never true:\n[Unit]\nConditionPathExists=!/\n",
		part);

	return write_dropin(b, name, text, e);
}

static int write_interval(const struct bake *b, const char *name, const struct node *part,
	const char *first, struct error *e)
{
	const char *text = node_str(node_get(part, "interval"));
	_free_ char *lines = NULL;
	uint64_t seconds;

	if (!text || !parse_duration(text, &seconds))
		return 0;
	lines = xasprintf(
		"OnActiveSec=%s\nOnUnitInactiveSec=%llu\n", first, (unsigned long long)seconds);
	return write_timer(b, name, lines, e);
}

static int write_backup(const struct bake *b, struct error *e)
{
	const char *at = node_str(node_get(b->def->backup, "at"));
	const char *zone = node_str(node_get(b->def->backup, "timezone"));
	_free_ char *zoneinfo = xasprintf("%s/usr/share/zoneinfo", b->root);
	_buf_ lines = BUF_INIT;

	if (!b->def->backup)
		return write_idle(b, "backup", "backup", e);
	if (!at && !zone)
		return 0;
	backup_calendar(zoneinfo, zone ? zone : "UTC", at ? at : BACKUP_AT, b->epoch, &lines);
	return write_timer(b, "backup", buf_str(&lines), e);
}

static int write_timers(const struct bake *b, struct error *e)
{
	int r = b->def->app ? write_interval(b, "gitops", b->def->app, "10s", e)
			    : write_idle(b, "gitops", "app", e);

	if (r == 0)
		r = write_interval(b, "health", b->def->health, "1min", e);
	return r == 0 ? write_backup(b, e) : r;
}

/* What the image was made of, so that `kbuild-agent status` can tell what changed since. */
static int write_packages(const struct bake *b, struct error *e)
{
	_buf_ status = BUF_INIT;
	_buf_ list = BUF_INIT;
	int r = rootfd_read(b->root_fd, "/var/lib/dpkg/status", DPKG_MAX, &status);

	if (r >= 0) {
		dpkgdb_list(buf_str(&status), status.len, &list);
		r = rootfd_write(b->root_fd, PACKAGES, buf_str(&list), list.len, 0644);
	}
	return r < 0 ? error_errno(e, r, "cannot write %s", PACKAGES) : 0;
}

static int run(const struct bake *b, struct error *e)
{
	static const char *const units[] = { "kbuild-broker.socket", "kbuild-firstboot.service",
		"kbuild-firstboot.timer", "kbuild-metadata.service", NULL };
	int r = install(b, e);

	if (r == 0)
		r = write_config(b, e);
	if (r == 0)
		r = write_credentials(b, e);
	if (r == 0)
		r = write_key(b, e);
	if (r == 0)
		r = write_timers(b, e);
	if (r == 0)
		r = write_packages(b, e);
	return r == 0 ? bake_enable(b, units, e) : r;
}

const struct bake_topic bake_agent = { "kbuild-agent", applies, run };
