/*
 * An image definition: a cloud-config file plus one key, kbuild:. Read, merged with what it
 * includes, checked as a whole; everything the later steps ask is in this struct.
 */
#pragma once

#include "base.h"
#include "mark.h"

struct arena;
struct diags;
struct error;
struct node;

struct port_rule {		  /* one entry of kbuild.firewall.allow */
	unsigned port, last_port; /* last_port == port unless a range "8000:8010/tcp" */
	const char *protocol;	  /* "tcp" or "udp" */
	const char *from;	  /* CIDR, or NULL: anywhere */
};

struct definition_file {
	const char *path;
	const char *sha256; /* of the bytes that were read; the file may be another one by now */
};

struct definition {
	struct arena *arena;
	const char *path;		     /* as given */
	const struct node *root;	     /* the merged tree: cloud-config keys and kbuild */
	const struct definition_file *files; /* path and all includes; the last one has no path */

	const char *name;	  /* kbuild.name: [a-z0-9-], at most 48 characters */
	const char *distribution; /* "debian" or "ubuntu" */
	const char *release;	  /* codename: bookworm, trixie, jammy, noble */
	const char *architecture; /* "amd64" */
	const char *mirror;	  /* kbuild.base.mirror, or NULL */
	const char *components;	  /* kbuild.base.components: "main contrib"; NULL: the usual ones */
	const char *keyring; /* kbuild.base.keyring: file of the archive's keys; NULL: the host's */
	const char **fingerprints; /* kbuild.base.fingerprints: only these may sign; NULL: all */
	bool ignore_valid_until;   /* kbuild.base.check_valid_until is false (snapshots) */
	bool bootable;	 /* kbuild.base.bootable: kernel, boot loader, cloud-init (default) */
	bool recommends; /* kbuild.base.recommends: also what packages recommend (default no) */

	uint64_t disk_size; /* kbuild.disk.size in bytes (default 4 GiB) */

	struct {
		bool enabled; /* a kbuild.firewall map is there and enabled is not false */
		struct port_rule *allow;
		size_t n;
	} firewall;
	struct {
		bool enabled;
		uint64_t maxretry, findtime, bantime; /* seconds */
		const char **ignore;		      /* addresses never banned; NULL-terminated */
	} fail2ban;
	struct {
		bool enabled;		   /* default yes when bootable */
		const struct node *daemon; /* more keys for daemon.json, or NULL */
	} docker;

	const char **
		packages; /* cloud-config packages, "name" or "name=version", sorted; NULL-terminated */

	/* Checked, kept for the agent and the clouds; NULL when absent. */
	const struct node *app, *secrets, *dns, *backup, *health, *server;
};

/*
 * Reads and checks a definition. All that is wrong goes to diags; then negative with ERR_INVALID.
 * Returns new; needs neither network nor root.
 */
int definition_load(struct definition **ret, const char *path, struct diags *d, struct error *e);

/*
 * The two halves of it, for explain, which also shows what is refused: the first reads and merges
 * (root and files are set), the second checks and fills the rest in.
 */
int definition_read(struct definition **ret, const char *path, struct diags *d, struct error *e);
int definition_check(struct definition *def, struct diags *d, struct error *e);

void definition_free(struct definition *def);
DEFINE_CLEANUP(struct definition *, definition_free);

/* kbuild.app.images is "bake". */
bool definition_bakes_images(const struct definition *def);
/* A text of kbuild.app, or what it is when it is not given ("main"); NULL for what has no such default. */
const char *definition_app(const struct definition *def, const char *key);

/* A top-level cloud-config key, or NULL. */
const struct node *definition_key(const struct definition *def, const char *key);

/* "13" of "trixie"; the codename itself, or NULL, where this is none that kbuild knows. */
const char *release_version(const char *release);
