/* The image's own apt configuration: from the definition and the tree, never from the build. */
#include "alloc.h"
#include "buf.h"
#include "check.h"
#include "definition.h"
#include "error.h"
#include "lock.h"
#include "mark.h"
#include "tmpdir.h"

#include <fcntl.h>

#define BASE                                                                                       \
	"kbuild:\n  name: t\n  base: {distribution: debian, release: trixie, bootable: false}\n"
#define SNAPSHOT                                                                                   \
	"kbuild:\n  name: t\n  base: {distribution: debian, release: trixie, bootable: false, "    \
	"mirror: \"http://snapshot.example/debian/\", check_valid_until: false}\n"
#define UBUNTU                                                                                     \
	"kbuild:\n  name: t\n  base: {distribution: ubuntu, release: noble, bootable: false}\n"
#define KEY_BLOCK(text)                                                                            \
	"-----BEGIN PGP PUBLIC KEY BLOCK-----\n        \n        " text                            \
	"\n        -----END PGP PUBLIC KEY BLOCK-----\n"
#define D_SIGNED "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
#define PRIMARY	 "apt:\n  primary: [{arches: [default], uri: \"http://mine.example/debian/\"}]\n"

#define CLOUD_CFG                                                                                  \
	"system_info:\n  package_mirrors:\n"                                                       \
	"    - arches: [default]\n      failsafe: {primary: \"http://ports.example/p\", "          \
	"security: \"http://ports.example/s\"}\n"                                                  \
	"    - arches: [i386, amd64]\n      failsafe: {primary: \"https://c.example/main\", "      \
	"security: \"https://c.example/sec\"}\n      search: {primary: [\"http://x.example/\"]}\n"

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

static void put(const char *path, const char *text)
{
	_free_ char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));

	check_int(mkdir_all(tmp_fd(), dir, 0755), 0);
	check_int(file_replace(tmp_fd(), path, text, strlen(text), 0644), 0);
}

static void check_file(const char *path, const char *want)
{
	_buf_ b = BUF_INIT;

	check_int(file_read(tmp_fd(), path, MIB, &b), 0);
	check_str(buf_str(&b), want);
}

/* Into a tree named image, whose cloud.cfg is the text, if any. */
static void write_image(const char *body, const char *cloud_cfg)
{
	_cleanup_(definition_freep) struct definition *def = load(body);
	struct error e = {};
	int fd;

	check_int(remove_all(tmp_fd(), "image"), 0);
	put("image/etc/apt/sources.list", "deb http://old.example/debian trixie main\n");
	if (cloud_cfg)
		put("image/etc/cloud/cloud.cfg", cloud_cfg);
	fd = open(tmp_name("image"), O_DIRECTORY | O_CLOEXEC);
	if (lock_write_apt_config(def, fd, &e) < 0)
		check_fail("%s", e.msg);
	check_int(faccessat(fd, "etc/apt/sources.list", F_OK, 0), -1);
	close(fd);
}

static void the_image_gets_sources_with_their_keys(void)
{
	write_image(
		"apt:\n  conf: 'APT::Get::Assume-Yes \"true\";'\n"
		"  http_proxy: \"http://proxy.example:3128\"\n  sources:\n"
		"    docker:\n      source: \"deb [signed-by=$KEY_FILE] https://d.example/l "
		"$RELEASE stable\"\n      key: |\n        " KEY_BLOCK("aGVsbG8=") BASE,
		CLOUD_CFG);
	check_file("image/etc/apt/sources.list.d/debian.sources",
		"Types: deb\nURIs: https://c.example/main\nSuites: trixie trixie-updates\n"
		"Components: main\n" D_SIGNED
		"\n"
		"Types: deb\nURIs: https://c.example/sec\n"
		"Suites: trixie-security\nComponents: main\n" D_SIGNED);
	check_file("image/etc/apt/sources.list.d/docker.sources",
		"Types: deb\nURIs: https://d.example/l\nSuites: trixie\nComponents: stable\n"
		"Signed-By: /etc/apt/keyrings/docker.asc\n");
	check_file("image/etc/apt/keyrings/docker.asc",
		"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\naGVsbG8=\n"
		"-----END PGP PUBLIC KEY BLOCK-----\n");
	check_file("image/etc/apt/apt.conf.d/94kbuild-conf", "APT::Get::Assume-Yes \"true\";\n");
	check_file("image/etc/apt/apt.conf.d/90kbuild-proxy",
		"Acquire::http::Proxy \"http://proxy.example:3128\";\n");
}

/* The mirrors of main and security in the file of DISTRIBUTION. */
static const struct {
	const char *body, *cloud_cfg, *distribution, *primary, *security;
} mirrors[] = {
	{ SNAPSHOT, NULL, "debian", "http://snapshot.example/debian",
		"http://snapshot.example/debian-security" }, /* no server: there is no cloud-init */
	{ SNAPSHOT, CLOUD_CFG, "debian", "https://c.example/main", "https://c.example/sec" },
	{ UBUNTU, CLOUD_CFG, "ubuntu", "https://c.example/main", "https://c.example/sec" },
	{ PRIMARY SNAPSHOT, CLOUD_CFG, "debian", "http://mine.example/debian",
		"http://mine.example/debian-security" },
	{ PRIMARY "  security: [{arches: [amd64], uri: \"http://s.example/s\"}]\n" SNAPSHOT,
		CLOUD_CFG, "debian", "http://mine.example/debian", "http://s.example/s" },
	{ "apt:\n  primary: [{arches: [default], uri: \"http://mine.example/x\"}]\n" BASE,
		CLOUD_CFG, "debian", "http://mine.example/x", "https://c.example/sec" },
	{ "apt:\n  primary: [{arches: [arm64], uri: \"http://mine.example/x\"}]\n" BASE, CLOUD_CFG,
		"debian", "https://c.example/main", "https://c.example/sec" },
	{ PRIMARY UBUNTU, NULL, "ubuntu", "http://mine.example/debian",
		"http://mine.example/debian" },
};

static void servers_ask_their_own_mirrors_not_the_builders(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(mirrors); i++) {
		_free_ char *path = xasprintf(
			"image/etc/apt/sources.list.d/%s.sources", mirrors[i].distribution);
		bool debian = strcmp(mirrors[i].distribution, "debian") == 0;
		_free_ char *primary =
			xasprintf("URIs: %s\nSuites: %s %s-updates", mirrors[i].primary,
				debian ? "trixie" : "noble", debian ? "trixie" : "noble");
		_free_ char *security = xasprintf("URIs: %s\n", mirrors[i].security);
		_buf_ b = BUF_INIT;

		write_image(mirrors[i].body, mirrors[i].cloud_cfg);
		check_int(file_read(tmp_fd(), path, MIB, &b), 0);
		if (!strstr(buf_str(&b), primary) || !strstr(buf_str(&b), security) ||
			(mirrors[i].cloud_cfg && strstr(buf_str(&b), "snapshot")))
			check_fail("row %zu: %s", i, buf_str(&b));
	}
}

static void placeholders_of_extra_sources_mean_the_servers_mirrors(void)
{
	write_image(
		"apt:\n  sources:\n    backports:\n"
		"      source: \"deb $MIRROR $RELEASE-backports main\"\n" SNAPSHOT,
		CLOUD_CFG);
	check_file("image/etc/apt/sources.list.d/backports.sources",
		"Types: deb\nURIs: https://c.example/main\nSuites: trixie-backports\n"
		"Components: main\n" D_SIGNED);
}

#define FILE_WITH_KEY(name, key)                                                                   \
	"  - path: /etc/apt/keyrings/" name "\n    content: |\n        " KEY_BLOCK(key)
#define LINE(name)                                                                                 \
	"    deb [signed-by=/etc/apt/keyrings/" name "] http://" name ".example/r trixie main\n"
#define PLAIN_KEY(text)                                                                            \
	"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" text "\n-----END PGP PUBLIC KEY BLOCK-----\n"

static void each_key_of_a_list_has_a_file_of_its_own(void)
{
	write_image("write_files:\n" FILE_WITH_KEY("a", "aGVsbG8=") FILE_WITH_KEY(
			    "b", "d29ybGQ=") "apt:\n  sources_list: |\n" LINE("a") LINE("b") BASE,
		CLOUD_CFG);
	check_file("image/etc/apt/sources.list.d/debian.sources",
		"Types: deb\nURIs: http://a.example/r\nSuites: trixie\nComponents: main\n"
		"Signed-By: /etc/apt/keyrings/sources_list.asc\n\n"
		"Types: deb\nURIs: http://b.example/r\nSuites: trixie\nComponents: main\n"
		"Signed-By: /etc/apt/keyrings/sources_list-2.asc\n");
	check_file("image/etc/apt/keyrings/sources_list.asc", PLAIN_KEY("aGVsbG8="));
	check_file("image/etc/apt/keyrings/sources_list-2.asc", PLAIN_KEY("d29ybGQ="));
}

#define SOURCE(name, suite, key)                                                                   \
	"    " name ":\n      source: \"deb [signed-by=$KEY_FILE] http://x.example/r " suite       \
	" main\"\n      key: |\n        " KEY_BLOCK(key)

static void two_spellings_of_a_name_do_not_share_a_key(void)
{
	write_image("apt:\n  sources:\n" SOURCE("x", "one", "aGVsbG8=")
			    SOURCE("x.list", "two", "d29ybGQ=") BASE,
		CLOUD_CFG);
	check_file("image/etc/apt/keyrings/x.asc", PLAIN_KEY("aGVsbG8="));
	check_file("image/etc/apt/keyrings/x-2.asc", PLAIN_KEY("d29ybGQ="));
}

/* A mirror that signs anew has keys of its own, which its servers need; the distribution's own mirrors have not. */
static void a_mirrors_own_keys_come_along(void)
{
	static const char keyring[] =
		"kbuild:\n  name: t\n  base: {distribution: debian, release: trixie, "
		"bootable: false, keyring: corp.gpg}\n";
	_free_ char *own = xasprintf("%s%s", PRIMARY, keyring);

	put("./corp.gpg", "keys");
	write_image(own, CLOUD_CFG);
	check_file("image/etc/apt/keyrings/kbuild-archive.gpg", "keys");
	check_file("image/etc/apt/sources.list.d/debian.sources",
		"Types: deb\nURIs: http://mine.example/debian\nSuites: trixie trixie-updates\n"
		"Components: main\nSigned-By: /etc/apt/keyrings/kbuild-archive.gpg\n\n"
		"Types: deb\nURIs: http://mine.example/debian-security\nSuites: trixie-security\n"
		"Components: main\nSigned-By: /etc/apt/keyrings/kbuild-archive.gpg\n");
	write_image(keyring, CLOUD_CFG);
	check(faccessat(tmp_fd(), "image/etc/apt/keyrings/kbuild-archive.gpg", F_OK, 0) < 0);
}

/* One architecture may stand alone. */
static void arches_may_be_one_word(void)
{
	write_image(
		"apt:\n  primary: [{arches: amd64, uri: \"http://mine.example/debian/\"}]\n" BASE,
		CLOUD_CFG);
	check_file("image/etc/apt/sources.list.d/debian.sources",
		"Types: deb\nURIs: http://mine.example/debian\nSuites: trixie trixie-updates\n"
		"Components: main\n" D_SIGNED
		"\nTypes: deb\nURIs: http://mine.example/debian-security\nSuites: trixie-security\n"
		"Components: main\n" D_SIGNED);
}

static void an_archive_whose_security_is_elsewhere_has_to_be_said(void)
{
	_cleanup_(definition_freep) struct definition *def = load(
		"apt:\n  primary: [{arches: [default], uri: \"http://mine.example/x\"}]\n" BASE);
	struct error e = {};
	int fd;

	check_int(mkdir_all(tmp_fd(), "bare", 0755), 0);
	fd = open(tmp_name("bare"), O_DIRECTORY | O_CLOEXEC);
	check(lock_write_apt_config(def, fd, &e) < 0 &&
		strstr(e.msg, "give it as apt.security in the definition"));
	close(fd);
}

/* A package's script may have put a link anywhere: to us it leads into the tree. */
static void links_of_the_tree_do_not_lead_out_of_it(void)
{
	_cleanup_(definition_freep) struct definition *def = load(BASE PRIMARY);
	_free_ char *inside = xasprintf("linked%s", tmp_name("outside"));
	_free_ char *written = xasprintf("%s/sources.list.d/debian.sources", inside);
	struct error e = {};
	int fd;

	put("outside/sources.list", "deb of the host\n");
	check_int(mkdir_all(tmp_fd(), "linked/etc", 0755), 0);
	check_int(mkdir_all(tmp_fd(), inside, 0755), 0);
	check_int(symlinkat(tmp_name("outside"), tmp_fd(), "linked/etc/apt"), 0);
	fd = open(tmp_name("linked"), O_DIRECTORY | O_CLOEXEC);
	if (lock_write_apt_config(def, fd, &e) < 0)
		check_fail("%s", e.msg);
	close(fd);
	check_file("outside/sources.list", "deb of the host\n");
	check(faccessat(tmp_fd(), "outside/sources.list.d", F_OK, 0) < 0);
	check_int(faccessat(tmp_fd(), written, F_OK, 0), 0);
}

static void a_broken_cloud_cfg_is_said(void)
{
	_cleanup_(definition_freep) struct definition *def = load(BASE);
	struct error e = {};
	int fd;

	put("broken/etc/cloud/cloud.cfg", "system_info: [\n");
	fd = open(tmp_name("broken"), O_DIRECTORY | O_CLOEXEC);
	check(lock_write_apt_config(def, fd, &e) < 0 &&
		strstr(e.msg, "cloud-init's own settings in the image"));
	close(fd);
}

int main(void)
{
	run(the_image_gets_sources_with_their_keys);
	run(servers_ask_their_own_mirrors_not_the_builders);
	run(placeholders_of_extra_sources_mean_the_servers_mirrors);
	run(each_key_of_a_list_has_a_file_of_its_own);
	run(a_mirrors_own_keys_come_along);
	run(arches_may_be_one_word);
	run(two_spellings_of_a_name_do_not_share_a_key);
	run(an_archive_whose_security_is_elsewhere_has_to_be_said);
	run(links_of_the_tree_do_not_lead_out_of_it);
	run(a_broken_cloud_cfg_is_said);
	return done();
}
