/* What apt says, what gpgv and archives write: turned into our words and values. */
#include "apterror.h"

#include "arena.h"
#include "armor.h"
#include "buf.h"
#include "check.h"
#include "definition.h"
#include "error.h"
#include "release.h"
#include "sources.h"
#include "verify.h"

static struct apt_source pockets[] = {
	{ .id = "debian/trixie", .uri = "http://m.example/debian", .suite = "trixie" },
	{ .id = "debian/trixie-updates",
		.uri = "http://m.example/debian",
		.suite = "trixie-updates" },
	{ .id = "s", .uri = "http://m.example/debian-security", .suite = "trixie-security" },
};
static const struct apt_sources sources = { .v = pockets, .n = ARRAY_SIZE(pockets) };

/* As apt 2.6 and 3.0 really write. */
static const struct {
	const char *apt;
	int code;
	const char *start;
} updates[] = {
	{ "W: GPG error: http://m.example/debian trixie-updates InRelease: The following signatures "
	  "couldn't be verified because the public key is not available: NO_PUBKEY 1234\n"
	  "E: The repository 'http://m.example/debian trixie-updates InRelease' is not signed.\n",
		ERR_LOCK,
		"the index trixie-updates at http://m.example/debian: it is signed by a key that is not "
		"in the keyring" },
	{ "W: GPG error: http://m.example/debian trixie InRelease: The following signatures were "
	  "invalid: BADSIG 4CB50190207B4758 X\nE: The repository is not signed.\n",
		ERR_LOCK, "the index trixie at http://m.example/debian: its signature is wrong" },
	{ "E: Failed to fetch http://m.example/debian-security/dists/trixie-security/InRelease  404  "
	  "Not Found [IP: 127.0.0.1 80]\n",
		ERR_NETWORK,
		"the index trixie-security at http://m.example/debian-security: the mirror has no such "
		"file" },
	{ "E: Failed to fetch http://m.example/debian/dists/trixie/main/binary-amd64/by-hash/SHA256/ab "
	  " Hash Sum mismatch\n",
		ERR_LOCK,
		"the index trixie at http://m.example/debian: an index does not have the signed hash" },
	{ "E: Failed to fetch http://m.example/debian/dists/trixie/InRelease  Could not connect to "
	  "m.example:80 (10.0.0.1). - connect (111: Connection refused)\n",
		ERR_NETWORK,
		"the index trixie at http://m.example/debian: the host does not answer" },
	{ "E: Release file for http://m.example/debian/dists/trixie-updates/InRelease is expired "
	  "(invalid since 3d 1h). Updates for this repository will not be applied.\n",
		ERR_LOCK,
		"the index trixie-updates at http://m.example/debian: it is no longer valid" },
	{ "E: Release file for http://m.example/debian/dists/trixie/InRelease is not valid yet "
	  "(invalid for another 2h).\n",
		ERR_LOCK, "the index trixie at http://m.example/debian: it is from the future" },
	{ "E: Failed to fetch http://m.example/debian/dists/trixie/InRelease  Clearsigned file isn't "
	  "valid, got 'NOSPLIT' (does the network require authentication?)\n",
		ERR_NETWORK,
		"the index trixie at http://m.example/debian: what came is no signed index" },
	{ "E: Write error - write (28: No space left on device)\n", ERR_FAILED,
		"the package indexes: the disk is full" },
	{ "E: something new\n", ERR_FAILED,
		"apt could not update the package indexes:\nE: something" },
};

static void failures_of_update_name_suite_url_and_reason(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(updates); i++) {
		struct error e = {};

		apt_update_error(updates[i].apt, &sources, &e);
		if (e.code != updates[i].code ||
			strncmp(e.msg, updates[i].start, strlen(updates[i].start)) != 0)
			check_fail("%s gives %d '%s'", updates[i].apt, e.code, e.msg);
	}
}

/* apt writes a login in some lines and leaves it out in others. */
static void no_login_of_a_mirror_is_shown(void)
{
	static struct apt_source with_login[] = {
		{ .id = "s", .uri = "https://robot:secret@m.example/debian", .suite = "trixie" },
	};
	static const struct apt_sources one = { .v = with_login, .n = 1 };
	static const char *const lines[] = {
		"E: Failed to fetch https://robot:secret@m.example/debian/dists/trixie/InRelease  404  "
		"Not Found\n",
		"E: Failed to fetch https://m.example/debian/dists/trixie/InRelease  404  Not Found\n",
		"E: The repository 'https://robot:secret@m.example/debian trixie Release' 404  Not "
		"Found\n",
	};
	static const char start[] =
		"the index trixie at https://…@m.example/debian: the mirror has no such file";

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct error e = {};

		apt_update_error(lines[i], &one, &e);
		if (strncmp(e.msg, start, strlen(start)) != 0 || strstr(e.msg, "secret"))
			check_fail("%s gives '%s'", lines[i], e.msg);
	}
}

static const struct {
	const char *apt, *part;
} installs[] = {
	{ "E: Unable to locate package nosuch\n",
		"the package 'nosuch' of x.yaml is in none of the sources of trixie" },
	{ "E: Version '9' for 'htop' was not found\n",
		"Version '9' for 'htop' was not found; give" },
	{ "E: Package 'awk' has no installation candidate\n", "name the package that provides it" },
	{ "The following packages have unmet dependencies:\n a : Conflicts: b\n b : Conflicts: a\n"
	  "E: Unable to correct problems, you have held broken packages.\n",
		"cannot be installed together:\n  a : Conflicts: b\n  b : Conflicts: a\n" },
};

static void failures_of_install_are_faults_of_the_definition(void)
{
	struct definition def = { .path = "x.yaml", .release = "trixie" };

	for (size_t i = 0; i < ARRAY_SIZE(installs); i++) {
		struct error e = {};

		apt_install_error(installs[i].apt, &def, &e);
		if (e.code != ERR_INVALID || !strstr(e.msg, installs[i].part))
			check_fail("%s gives %d '%s'", installs[i].apt, e.code, e.msg);
	}
}

static void dates_of_archives_become_iso(void)
{
	char iso[RELEASE_DATE_SIZE];

	check(release_date("Sat, 21 Nov 2026 00:53:03 UTC", iso));
	check_str(iso, "2026-11-21T00:53:03Z");
	check(release_date("Thu,  1 Jan 1970  9:05:00 +0000", iso));
	check_str(iso, "1970-01-01T09:05:00Z");
	check(!release_date("Sat, 21 Nov 2026 00:53:03 CET", iso));
	check(!release_date("Sat, 21 anF 2026 00:53:03 UTC", iso));
	check(!release_date("Sat, 41 Nov 2026 00:53:03 UTC", iso));
	check(!release_date("2026-11-21", iso));
	check(!release_date("", iso));
}

/* As the archives and vendors really write. */
static const struct {
	const char *suite, *codename, *asked;
	bool is;
} names[] = {
	{ "stable", "trixie", "trixie", true },
	{ "stable", "trixie", "stable", true },
	{ "stable", "trixie", "trixie-updates", false },
	{ "stable-updates", "trixie-updates", "trixie-updates", true },
	{ "stable-updates", "trixie-updates", "trixie", false },
	{ "oldstable-security", "bookworm-security", "bookworm-security", true },
	{ "oldstable-security", "bookworm-security", "trixie-security", false },
	{ "noble", "noble", "noble", true },
	{ "noble-updates", "noble", "noble-updates", true },
	{ "noble-backports", "noble", "noble", false },
	{ "noble-backports", "noble", "noble-security", false },
	{ NULL, "noble", "noble", true },
	{ "noble", NULL, "noble", true },
	{ "stable", "bionic", "noble", false },
	{ NULL, NULL, "noble", false },
	{ "noble/mongodb-org", "noble/mongodb-org", "noble/mongodb-org/8.0", true },
	{ "noble/mongodb-org", "noble/mongodb-org", "jammy/mongodb-org/8.0", false },
	{ "trixie", "trixie", "trixi", false },
};

static void a_release_is_of_the_suite_that_it_names(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_buf_ b = BUF_INIT;

		buf_adds(&b, "Origin: O\n");
		if (names[i].suite)
			buf_printf(&b, "Suite: %s\n", names[i].suite);
		if (names[i].codename)
			buf_printf(&b, "Codename: %s\n", names[i].codename);
		buf_printf(&b, "Description: Suite: %s\n", names[i].asked);
		if (release_is(buf_str(&b), names[i].asked) != names[i].is)
			check_fail("row %zu, asked for %s:\n%s", i, names[i].asked, buf_str(&b));
	}
}

static void list_files_are_named_as_apt_names_them(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();

	check_str(apt_list_name(a, "http://m.example/debian/dists/trixie/"),
		"m.example_debian_dists_trixie_");
	check_str(
		apt_list_name(a, "https://u:p@m.example:80/a_b~c/./"), "m.example:80_a%5fb%7ec_._");
}

static const struct {
	const char *text;
	const char *want; /* NULL: refused */
} armors[] = {
	{ "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\naGVs\nbG8=\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n",
		"hello" },
	{ "mail says\r\n  -----BEGIN PGP PUBLIC KEY BLOCK-----\r\nVersion: GnuPG v1\r\n\r\n  aGVsbG8=\r\n"
	  "-----END PGP PUBLIC KEY BLOCK-----",
		"hello" },
	{ "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\naGk=\n-----END PGP PUBLIC KEY BLOCK-----\n"
	  "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\naG8=\n-----END PGP PUBLIC KEY BLOCK-----\n",
		"hiho" },
	{ "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\naGVsbG8=\n", NULL },
	{ "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n", NULL },
	{ "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n<html>\n-----END PGP PUBLIC KEY BLOCK-----\n",
		NULL },
	{ "no key", NULL },
	{ "", NULL },
};

static void armored_keys_are_decoded(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(armors); i++) {
		_buf_ b = BUF_INIT;
		bool ok = armor_decode(armors[i].text, strlen(armors[i].text), &b);

		check_str(ok ? buf_str(&b) : NULL, armors[i].want);
	}
}

int main(void)
{
	run(failures_of_update_name_suite_url_and_reason);
	run(no_login_of_a_mirror_is_shown);
	run(failures_of_install_are_faults_of_the_definition);
	run(dates_of_archives_become_iso);
	run(a_release_is_of_the_suite_that_it_names);
	run(list_files_are_named_as_apt_names_them);
	run(armored_keys_are_decoded);
	return done();
}
