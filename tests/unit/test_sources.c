/* From definitions to apt sources and base sets. */
#include "sources.h"

#include "alloc.h"
#include "arena.h"
#include "baseset.h"
#include "buf.h"
#include "check.h"
#include "definition.h"
#include "error.h"
#include "lock.h"
#include "lock_inputs.h"
#include "mark.h"
#include "tmpdir.h"

#define BASE                                                                                       \
	"kbuild:\n  name: t\n  base: {distribution: debian, release: trixie, bootable: false}\n"
#define UBUNTU                                                                                     \
	"kbuild:\n  name: t\n  base: {distribution: ubuntu, release: noble, bootable: false, "     \
	"mirror: \"http://m.example/ubuntu/\"}\n"
#define KEY_BLOCK                                                                                  \
	"-----BEGIN PGP PUBLIC KEY BLOCK-----\n        \n        aGVsbG8=\n        "               \
	"-----END PGP PUBLIC KEY BLOCK-----\n"
#define KEY "      key: |\n        " KEY_BLOCK

static struct definition *load(const char *body)
{
	_cleanup_(diags_free) struct diags d = DIAGS_INIT;
	struct definition *def = NULL;
	struct error e = {};
	_buf_ b = BUF_INIT;

	buf_printf(&b, "#cloud-config\n%s", body);
	check_int(file_replace(tmp_fd(), "t.yaml", b.data, b.len, 0644), 0);
	if (definition_load(&def, tmp_name("t.yaml"), &d, &e) < 0)
		check_fail("%s: %s", e.msg, d.n ? d.v[0].message : "");
	return def;
}

/* All sources, one line each: "ID URI SUITE COMPONENTS KEYTARGET". */
static void list(const struct apt_sources *s, struct buf *out)
{
	for (size_t i = 0; i < s->n; i++)
		buf_printf(out, "%s %s %s [%s] %s\n", s->v[i].id, s->v[i].uri ? s->v[i].uri : "-",
			s->v[i].suite, s->v[i].components, s->v[i].key_target);
}

static void check_sources(const char *body, const char *mirror, const char *want)
{
	_cleanup_(definition_freep) struct definition *def = load(body);
	struct apt_sources s;
	struct error e = {};
	_buf_ b = BUF_INIT;

	if (apt_sources_read(&s, def->arena, def, &e) < 0 ||
		apt_sources_place(&s, def->arena, def, mirror, &e) < 0)
		check_fail("%s", e.msg);
	list(&s, &b);
	check_str(buf_str(&b), want);
}

#define D_KEY " /usr/share/keyrings/debian-archive-keyring.gpg\n"
#define U_KEY " /usr/share/keyrings/ubuntu-archive-keyring.gpg\n"
#define U_ALL " [main restricted universe multiverse]" U_KEY

static void debian_has_its_security_pocket_in_another_archive(void)
{
	check_sources(BASE, "http://m.example/debian/",
		"debian/trixie http://m.example/debian trixie [main]" D_KEY
		"debian/trixie-updates http://m.example/debian trixie-updates [main]" D_KEY
		"debian-security/trixie-security http://m.example/debian-security trixie-security "
		"[main]" D_KEY);
}

static void ubuntu_has_all_pockets_in_one_archive(void)
{
	check_sources(UBUNTU, NULL,
		"ubuntu/noble http://m.example/ubuntu noble" U_ALL
		"ubuntu/noble-updates http://m.example/ubuntu noble-updates" U_ALL
		"ubuntu/noble-security http://m.example/ubuntu noble-security" U_ALL);
}

static void cloud_config_chooses_mirrors_and_pockets(void)
{
	check_sources(
		"apt:\n"
		"  primary: [{arches: [arm64], uri: \"http://arm.example/x\"}, "
		"{arches: [default], uri: \"http://p.example/debian\"}]\n"
		"  security: [{arches: [amd64, default], uri: \"http://s.example/sec/\"}]\n"
		"  disable_suites: [$RELEASE-updates]\n" BASE,
		NULL,
		"debian/trixie http://p.example/debian trixie [main]" D_KEY
		"debian-security/trixie-security http://s.example/sec trixie-security [main]" D_KEY);
}

static void extra_sources_bring_their_key(void)
{
	check_sources(
		"apt:\n  disable_suites: [updates, security]\n  sources:\n"
		"    docker.list:\n"
		"      source: \"deb [arch=amd64 signed-by=$KEY_FILE] https://d.example/linux/ "
		"$RELEASE stable edge\"\n" KEY
		"    flat:\n      source: \"deb [signed-by=$KEY_FILE] http://f.example/r ./\"\n" KEY
		"    backports:\n      source: \"deb $MIRROR $RELEASE-backports main\"\n" BASE,
		"http://m.example/debian",
		"debian/trixie http://m.example/debian trixie [main]" D_KEY
		"extra.docker/trixie https://d.example/linux trixie [stable edge] "
		"/etc/apt/keyrings/docker.asc\n"
		"extra.flat/./ http://f.example/r ./ [] /etc/apt/keyrings/flat.asc\n"
		"extra.backports/trixie-backports http://m.example/debian trixie-backports "
		"[main]" D_KEY);
}

static void a_list_of_its_own_replaces_the_pockets(void)
{
	check_sources(
		"apt:\n  sources_list: |\n    # mine\n    deb $MIRROR $RELEASE main contrib\n"
		"    deb-src $MIRROR $RELEASE main\n    deb $SECURITY $RELEASE-security main\n" BASE,
		"http://m.example/debian",
		"list.1/trixie http://m.example/debian trixie [main contrib]" D_KEY
		"list.2/trixie-security http://m.example/debian-security trixie-security [main]" D_KEY);
}

static const struct {
	const char *body, *message;
} refused[] = {
	{ "apt:\n  sources:\n    p:\n      source: \"ppa:a/b\"\n" BASE, "ppa:" },
	{ "apt:\n  sources:\n    p:\n      source: \"deb [trusted=yes] http://x.example/ a b\"\n" BASE,
		"unverified sources are refused" },
	{ "apt:\n  sources:\n    p:\n      source: \"deb http://x.example/ a b\"\n"
	  "      keyid: F430BBA5\n" BASE,
		"not fetched from key servers" },
	{ "apt:\n  sources:\n    p:\n      source: \"deb [signed-by=$KEY_FILE] http://x.example/ a b\"\n" BASE,
		"has no key" },
	{ "apt:\n  sources:\n    p:\n      source: \"deb file:/srv/x a b\"\n" BASE,
		"must begin with http:// or https://" },
	{ "apt:\n  sources:\n    p:\n      source: \"deb http://x.example/x\"\n" BASE,
		"has no URI or no suite" },
	{ "apt:\n  sources:\n    p:\n      source: \"deb http://x.example/x trixie\"\n" BASE,
		"has no components" },
	{ "apt:\n  disable_suites: [release, updates, security]\n" BASE, "no apt source enabled" },
};

static void what_cannot_be_verified_is_refused(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		_cleanup_(diags_free) struct diags d = DIAGS_INIT;
		_cleanup_(definition_freep) struct definition *def = NULL;
		struct apt_sources s;
		struct error e = {};
		_buf_ b = BUF_INIT;

		buf_printf(&b, "#cloud-config\n%s", refused[i].body);
		check_int(file_replace(tmp_fd(), "t.yaml", b.data, b.len, 0644), 0);
		if (definition_load(&def, tmp_name("t.yaml"), &d, &e) < 0)
			continue; /* seen even earlier */
		if (apt_sources_read(&s, def->arena, def, &e) >= 0 || e.code != ERR_INVALID ||
			!strstr(e.msg, refused[i].message))
			check_fail("%s: '%s'", refused[i].body, e.msg);
	}
}

#define GIVEN(distribution, release, uri, more)                                                    \
	"kbuild: {name: t, base: {distribution: " distribution ", release: " release               \
	", bootable: false" uri "}}\n" more
#define SERVERS_OWN  "apt:\n  security: [{arches: [default], uri: \"http://live.example/sec\"}]\n"
#define DEBIAN(more) GIVEN("debian", "trixie", "", more)
#define SNAPSHOT     "http://s.example/archive/debian/20250101T000000Z"

/* What is given for building is for all pockets; never a part of it, and never the host's in its place. */
static const struct {
	const char *body, *mirror; /* of the command line, or NULL */
	const char *security;	   /* NULL: it has to be said */
	bool told;
} given[] = {
	{ DEBIAN(""), "http://c.example/debian", "http://c.example/debian-security" },
	{ DEBIAN(SERVERS_OWN), "http://c.example/debian", "http://c.example/debian-security" },
	{ DEBIAN(SERVERS_OWN), "http://c.example/debian/", "http://c.example/debian-security" },
	{ GIVEN("ubuntu", "noble", "", SERVERS_OWN), "http://c.example/ubuntu",
		"http://c.example/ubuntu" },
	{ GIVEN("debian", "trixie", ", mirror: \"http://c.example/debian\"", SERVERS_OWN), NULL,
		"http://c.example/debian-security" },
	{ GIVEN("debian", "trixie", ", mirror: \"http://x.example/debian\"", ""),
		"http://c.example/debian", "http://c.example/debian-security" },
	{ DEBIAN(""), SNAPSHOT, "http://s.example/archive/debian-security/20250101T000000Z" },
	{ DEBIAN(SERVERS_OWN), SNAPSHOT "/",
		"http://s.example/archive/debian-security/20250101T000000Z" },
	{ GIVEN("ubuntu", "noble", "", ""), "http://s.example/ubuntu/20250101T000000Z",
		"http://s.example/ubuntu/20250101T000000Z" },
	{ DEBIAN(""), "http://m.example/x", NULL },
	{ DEBIAN(""), "http://m.example/debian/2025-01-01", NULL },
	{ DEBIAN(""), "http://m.example/debian/20250101T000000", NULL },
	{ DEBIAN(""), "http://m.example/mydebian", NULL },
	{ DEBIAN(""), "http://m.example/mydebian/20250101T000000Z", NULL },
	{ DEBIAN(SERVERS_OWN), "http://robot:secret@m.example/x", "http://live.example/sec", true },
	{ DEBIAN(SERVERS_OWN "  disable_suites: [security]\n"), "http://m.example/x", NULL },
};

static const char *security_of(const struct apt_sources *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (strstr(s->v[i].suite, "-security"))
			return s->v[i].uri;
	}
	return NULL;
}

static void a_mirror_that_is_given_holds_for_security_as_well(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
		_cleanup_(definition_freep) struct definition *def = load(given[i].body);
		bool off = strstr(given[i].body, "disable_suites");
		struct apt_sources s;
		struct error e = {};
		int r;

		check_int(apt_sources_read(&s, def->arena, def, &e), 0);
		r = apt_sources_place(&s, def->arena, def, given[i].mirror, &e);
		if (!given[i].security && !off ? r == 0 || !strstr(e.msg, "give it as apt.security")
					       : r < 0 || !s.note != !given[i].told)
			check_fail("row %zu: %d '%s', note '%s'", i, r, e.msg,
				r == 0 && s.note ? s.note : "");
		if (r == 0)
			check_str(security_of(&s), given[i].security);
		if (r == 0 && s.note)
			check(strstr(s.note, "http://…@m.example/x") &&
				strstr(s.note, "http://live.example/sec") &&
				!strstr(s.note, "secret"));
	}
}

static void put(const char *path, const char *text)
{
	_free_ char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));

	check_int(mkdir_all(tmp_fd(), dir, 0755), 0);
	check_int(file_replace(tmp_fd(), path, text, strlen(text), 0644), 0);
}

static void check_host(const char *root, const char *want_main, const char *want_security)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *main, *security;

	host_mirror(tmp_name(root), "debian", a, &main, &security);
	check_str(main, want_main);
	check_str(security, want_security);
}

#define OS_DEBIAN "NAME=\"Debian\"\nID=debian\nVERSION_CODENAME=bookworm\n"

static void the_mirror_of_the_host_is_found_in_lists_and_sources(void)
{
	put("h1/etc/os-release", OS_DEBIAN);
	put("h1/etc/apt/sources.list",
		"# deb http://commented.example/debian bookworm main\n"
		"deb https://vendor.example/debian-tools bookworm main\n"
		"deb cdrom:[Debian]/ bookworm main\n"
		"deb [ arch=amd64 signed-by=/x ] http://one.example/debian/ bookworm main\n"
		"deb http://sec.example/debian-security bookworm-security main\n");
	check_host("h1", "http://one.example/debian", "http://sec.example/debian-security");
	put("h2/etc/os-release", OS_DEBIAN);
	put("h2/etc/apt/sources.list.d/a.sources",
		"Types: deb\nURIs: http://off.example/debian\nSuites: bookworm\nEnabled: no\n\n"
		"Types: deb\nURIs: http://pg.example/pub\nSuites: bookworm-pgdg\nComponents: main\n");
	put("h2/etc/apt/sources.list.d/debian.sources",
		"Types: deb deb-src\n# URIs: http://no.example/debian\nURIs: http://two.example/debian\n"
		"Suites: bookworm bookworm-updates\nComponents: main\n\nTypes: deb\n"
		"URIs: http://two.example/debian-security/\nSuites: bookworm-security\n");
	check_host("h2", "http://two.example/debian", "http://two.example/debian-security");
}

static void a_host_of_another_distribution_has_no_mirror_for_us(void)
{
	put("h3/etc/os-release", "ID=ubuntu\nVERSION_CODENAME=noble\n");
	put("h3/etc/apt/sources.list", "deb http://u.example/ubuntu noble main\n");
	check_host("h3", NULL, NULL);
	check_host("h4", NULL, NULL);
}

static void the_base_set_is_sorted_and_each_name_is_there_once(void)
{
	_cleanup_(definition_freep) struct definition *def =
		load("packages: [zsh, [tree, \"2.1-1\"], apt, zsh]\n" BASE);
	const char **v, *note;
	struct error e = {};

	check_int(base_set(def, def->arena, &v, &note, &e), 0);
	check_str(v[0], "apt");
	check_str(v[1], "tree=2.1-1");
	check_str(v[2], "zsh");
	check_str(v[3], NULL);
	check_str(note, NULL);
}

static bool is_among(const char **v, const char *name)
{
	bool found = false;

	for (; name && *v; v++)
		found |= strcmp(*v, name) == 0;
	return found;
}

static void a_bootable_image_has_kernel_loader_and_first_boot(void)
{
	static const char *const wanted[] = { "linux-image-cloud-amd64", "initramfs-tools",
		"shim-signed", "grub-pc-bin", "cloud-init", "docker-compose", "ufw", "fail2ban",
		"python3-systemd", "systemd-resolved", "locales" };
	_cleanup_(definition_freep) struct definition *def =
		load("locale: de_DE.UTF-8\nkbuild:\n  name: t\n"
		     "  base: {distribution: debian, release: trixie}\n"
		     "  firewall: {allow: [22/tcp]}\n  fail2ban: {maxretry: 5}\n");
	const char **v, *note;
	struct error e = {};

	check_int(base_set(def, def->arena, &v, &note, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (!is_among(v, wanted[i]))
			check_fail("%s is not in the base set", wanted[i]);
	}
}

#define BOOTABLE(more) more "kbuild: {name: t, base: {distribution: debian, release: trixie}}\n"
#define NOBLE(more)    more "kbuild: {name: t, base: {distribution: ubuntu, release: noble}}\n"

/* What a key brings, and what it excludes: NULL, nothing. */
static const struct {
	const char *body, *with, *without;
} keys[] = {
	{ BOOTABLE(""), "chrony", "systemd-timesyncd" },
	{ BOOTABLE("ntp: {servers: [a.example]}\n"), "chrony", "systemd-timesyncd" },
	{ BOOTABLE("ntp: {ntp_client: auto}\n"), "chrony", "systemd-timesyncd" },
	{ BOOTABLE("ntp: {ntp_client: chrony}\n"), "chrony", "systemd-timesyncd" },
	{ BOOTABLE("ntp: {ntp_client: systemd-timesyncd}\n"), "systemd-timesyncd", "chrony" },
	{ "ntp: {ntp_client: systemd-timesyncd}\n" BASE, NULL, "systemd-timesyncd" },
	{ BASE, NULL, "chrony" },
	{ BOOTABLE("keyboard: {layout: be}\n"), "console-setup", NULL },
	{ BOOTABLE("keyboard: {layout: be}\n"), "keyboard-configuration", NULL },
	{ BOOTABLE(""), NULL, "console-setup" },
	{ "keyboard: {layout: be}\n" BASE, NULL, "console-setup" },
	{ NOBLE("snap: {commands: [[install, hello]]}\n"), "snapd", NULL },
	{ NOBLE("lxd: {init: {storage_backend: dir}}\n"), "snapd", NULL },
	{ NOBLE(""), NULL, "snapd" },
	{ BOOTABLE("ssh_import_id: [\"gh:ko\"]\n"), "ssh-import-id", NULL },
	{ BOOTABLE("users: [default, {name: ko, ssh_import_id: [\"gh:ko\"]}]\n"), "ssh-import-id",
		NULL },
	{ BOOTABLE("user: {name: ko, ssh_import_id: [\"gh:ko\"]}\n"), "ssh-import-id", NULL },
	{ BOOTABLE("users: [default, {name: ko}]\n"), NULL, "ssh-import-id" },
	{ BOOTABLE("rsyslog: {remotes: {x: \"@@10.0.0.5\"}}\n"), "rsyslog", NULL },
	{ BOOTABLE("disk_setup: {/dev/vdb: {table_type: gpt, layout: true}}\n"), "gdisk",
		"rsyslog" },
	{ BOOTABLE("fs_setup: [{filesystem: xfs, device: /dev/vdb1}]\n"), "xfsprogs",
		"btrfs-progs" },
	{ BOOTABLE("fs_setup: [{filesystem: btrfs, device: a}, {filesystem: vfat, device: b}]\n"),
		"dosfstools", "xfsprogs" },
};

static void keys_bring_the_programs_that_they_need(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		_cleanup_(definition_freep) struct definition *def = load(keys[i].body);
		const char **v, *note;
		struct error e = {};

		check_int(base_set(def, def->arena, &v, &note, &e), 0);
		if (keys[i].with && !is_among(v, keys[i].with))
			check_fail("row %zu: %s is not in the base set", i, keys[i].with);
		if (is_among(v, keys[i].without))
			check_fail("row %zu: %s is in the base set", i, keys[i].without);
	}
}

static void bookworm_says_that_it_has_no_compose_v2(void)
{
	_cleanup_(definition_freep) struct definition *def =
		load("kbuild:\n  name: t\n  base: {distribution: debian, release: bookworm}\n");
	const char **v, *note;
	struct error e = {};

	check_int(base_set(def, def->arena, &v, &note, &e), 0);
	check(note && strstr(note, "Compose V2"));
}

static void names_that_apt_would_take_for_something_else_are_refused(void)
{
	static const char *const names[] = { "-y", "vim-", "?essential", "~nvim", "a b", "a;b", "x",
		"../x", "a=", "UPPER" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *packages[] = { names[i], NULL };
		_cleanup_(definition_freep) struct definition *def = load(BASE);
		const char **v, *note;
		struct error e = {};

		def->packages = packages;
		if (base_set(def, def->arena, &v, &note, &e) >= 0 || e.code != ERR_INVALID)
			check_fail("'%s' was taken", names[i]);
	}
}

/* A lock made by hand from what the definition asks for, without packages. */
static void lock_of(struct lock *l, struct definition *def)
{
	struct apt_sources s;
	struct lock_inputs in;
	struct error e = {};

	check_int(apt_sources_read(&s, def->arena, def, &e), 0);
	check_int(lock_inputs_read(&in, def->arena, def, &s, &e), 0);
	*l = (struct lock){ .distribution = def->distribution,
		.release = def->release,
		.architecture = def->architecture,
		.recommends = def->recommends,
		.asked = in.asked,
		.inputs = in.lines };
}

#define FILES                                                                                      \
	"write_files:\n  - path: /etc/apt/preferences.d/pin\n    content: |\n"                     \
	"      Package: tree\n      Pin: version 1\n      Pin-Priority: 999\n"

static const struct {
	const char *body, *message; /* NULL: not stale */
} changes[] = {
	{ "packages: [htop]\n" BASE, NULL },
	{ "timezone: Europe/Paris\npackages: [htop]\n" BASE, NULL },
	{ "packages: [htop, tree]\n" BASE,
		"package 'tree' is in the definition but not in the lock" },
	{ BASE, "package 'htop' is in the lock but not asked for any more" },
	{ "packages: [htop=1]\n" BASE, "package 'htop" },
	{ FILES "packages: [htop]\n" BASE, "preferences /etc/apt/preferences.d/pin sha256:" },
	{ "apt: {disable_suites: [updates]}\npackages: [htop]\n" BASE,
		"'source debian/trixie-updates mirror main' is in the lock but not in the definition" },
	{ "packages: [htop]\nkbuild: {name: t, base: {distribution: debian, release: bookworm, "
	  "bootable: false}}\n",
		"it is for the release trixie, the definition says bookworm" },
	{ "packages: [htop]\nkbuild: {name: t, base: {distribution: debian, release: trixie, "
	  "bootable: false, recommends: true}}\n",
		"the definition wants recommended packages" },
};

static void a_stale_lock_names_what_differs(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		_cleanup_(definition_freep) struct definition *old =
			load("packages: [htop]\n" BASE);
		_cleanup_(definition_freep) struct definition *new = load(changes[i].body);
		struct error e = {};
		struct lock l;
		int r;

		lock_of(&l, old);
		r = lock_check(&l, new, &e);
		if (!changes[i].message ? r != 0
					: r != -ERR_LOCK || !strstr(e.msg, changes[i].message) ||
						  !strstr(e.msg, "run kbuild lock --update"))
			check_fail("%s: %d '%s'", changes[i].body, r, e.msg);
	}
}

static const struct {
	const char *file, *url;
} files[] = {
	{ "pool/main/a/apt/apt_3.0_amd64.deb",
		"http://m.example/debian/pool/main/a/apt/apt_3.0_amd64.deb" },
	{ "pool/main/g/g++/g++_1~b+c_all.deb",
		"http://m.example/debian/pool/main/g/g%2b%2b/g%2b%2b_1%7eb%2bc_all.deb" },
	/* Some vendors write an epoch as an escape, in the name itself. */
	{ "pool/a_1%3a2_all.deb", "http://m.example/debian/pool/a_1%253a2_all.deb" },
	{ "./a b?#_1_all.deb", "http://m.example/debian/./a%20b%3f%23_1_all.deb" },
};

static void files_are_asked_for_as_apt_asks(void)
{
	_cleanup_(definition_freep) struct definition *def = load(BASE);
	struct lock l = { .arena = def->arena };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const struct lock_package p = { .file = files[i].file, .source = "debian/trixie" };
		const char **urls = lock_uris(&l, def, "http://m.example/debian", &p);

		check_str(urls[0], files[i].url);
		check_str(urls[1], NULL);
	}
}

int main(void)
{
	run(debian_has_its_security_pocket_in_another_archive);
	run(ubuntu_has_all_pockets_in_one_archive);
	run(cloud_config_chooses_mirrors_and_pockets);
	run(extra_sources_bring_their_key);
	run(a_list_of_its_own_replaces_the_pockets);
	run(what_cannot_be_verified_is_refused);
	run(a_mirror_that_is_given_holds_for_security_as_well);
	run(files_are_asked_for_as_apt_asks);
	run(the_mirror_of_the_host_is_found_in_lists_and_sources);
	run(a_host_of_another_distribution_has_no_mirror_for_us);
	run(the_base_set_is_sorted_and_each_name_is_there_once);
	run(a_bootable_image_has_kernel_loader_and_first_boot);
	run(keys_bring_the_programs_that_they_need);
	run(bookworm_says_that_it_has_no_compose_v2);
	run(names_that_apt_would_take_for_something_else_are_refused);
	run(a_stale_lock_names_what_differs);
	return done();
}
