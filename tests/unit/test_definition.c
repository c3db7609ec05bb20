/* What later steps find in the struct, and that the table of keys is sound. */
#include "buf.h"
#include "check.h"
#include "cloudconfig.h"
#include "definition.h"
#include "error.h"
#include "fd.h"
#include "mark.h"
#include "node.h"
#include "tmpdir.h"

static struct definition *load(const char *text)
{
	struct definition *def = NULL;
	struct diags d = DIAGS_INIT;
	struct error e = {};
	struct buf shown = BUF_INIT;
	char path[300];

	check_int(file_replace(tmp_fd(), "x.yaml", text, strlen(text), 0644), 0);
	snprintf(path, sizeof path, "%s/x.yaml", tmp_path);
	if (definition_load(&def, path, &d, &e) < 0) {
		diags_render(&d, false, &shown);
		check_fail("%s\n%s", e.msg, buf_str(&shown));
	}
	diags_free(&d);
	return def;
}

#define BASE "  name: web\n  base: {distribution: debian, release: trixie}\n"

static void absent_keys_have_their_defaults(void)
{
	_cleanup_(definition_freep) struct definition *def = load("#cloud-config\nkbuild:\n" BASE);

	check_str(def->name, "web");
	check_str(def->distribution, "debian");
	check_str(def->release, "trixie");
	check_str(def->architecture, "amd64");
	check(!def->mirror && !def->components && !def->keyring && !def->fingerprints);
	check(def->bootable && !def->recommends && !def->ignore_valid_until);
	check_int(def->disk_size, 4 * GIB);
	check(!def->firewall.enabled && !def->fail2ban.enabled && def->docker.enabled);
	check(def->packages && !def->packages[0]);
	check(def->files[0].path && !def->files[1].path);
	check(!def->app && !def->secrets && !def->dns && !def->backup && !def->health &&
		!def->server);
}

static void the_parts_are_read(void)
{
	_cleanup_(definition_freep) struct definition *def = load(
		"#cloud-config\nkbuild:\n  name: web\n"
		"  base: {distribution: ubuntu, release: jammy, mirror: 'http://m.example/u', "
		"components: main, keyring: keys/a.gpg, recommends: true, bootable: false, "
		"check_valid_until: false, fingerprints: F6ECB3762474EDA9D21B7022871920D1991BC93C}\n"
		"  disk: {size: 20G}\n"
		"  firewall: {allow: [22/tcp, 8000:8010/udp, {port: 53/udp, from: 'fd00::/8'}]}\n"
		"  fail2ban: {maxretry: 3, bantime: 1h, ignore: [10.0.0.0/8]}\n"
		"  docker: {daemon: {debug: true}}\n  server: {cloud: local}\n");
	char keyring[300];

	snprintf(keyring, sizeof keyring, "%s/keys/a.gpg", tmp_path);
	check_str(def->keyring, keyring);
	check_str(def->mirror, "http://m.example/u");
	check_str(def->components, "main");
	check_str(def->fingerprints[0], "F6ECB3762474EDA9D21B7022871920D1991BC93C");
	check(def->recommends && !def->bootable && def->ignore_valid_until);
	check_int(def->disk_size, 20 * GIB);
	check_int(def->firewall.n, 3);
	check_int(def->firewall.allow[0].port, 22);
	check_int(def->firewall.allow[0].last_port, 22);
	check_str(def->firewall.allow[0].protocol, "tcp");
	check(!def->firewall.allow[0].from);
	check_int(def->firewall.allow[1].port, 8000);
	check_int(def->firewall.allow[1].last_port, 8010);
	check_str(def->firewall.allow[1].protocol, "udp");
	check_str(def->firewall.allow[2].from, "fd00::/8");
	check_int(def->fail2ban.maxretry, 3);
	check_int(def->fail2ban.findtime, 600);
	check_int(def->fail2ban.bantime, 3600);
	check_str(def->fail2ban.ignore[0], "10.0.0.0/8");
	check(def->docker.enabled);
	check(node_get(def->docker.daemon, "debug"));
	check(node_get(def->server, "cloud"));
}

static void parts_can_be_switched(void)
{
	_cleanup_(definition_freep) struct definition *def = load(
		"#cloud-config\nkbuild:\n" BASE
		"  firewall: {enabled: false, allow: [22/tcp]}\n  fail2ban: true\n  docker: false\n");
	_cleanup_(definition_freep) struct definition *plain =
		load("#cloud-config\nkbuild:\n  name: x\n"
		     "  base: {distribution: debian, release: trixie, bootable: no}\n");

	check(!def->firewall.enabled);
	check_int(def->firewall.n, 1);
	check(def->fail2ban.enabled);
	check_int(def->fail2ban.maxretry, 5);
	check(!def->docker.enabled);
	check(!plain->docker.enabled);
}

static void packages_come_in_one_form(void)
{
	_cleanup_(definition_freep) struct definition *def = load(
		"#cloud-config\npackages: [htop, [ncdu, '1.0'], ncdu=1.0, htop, {apt: [jq, [curl, 8.0]]}]\n"
		"kbuild:\n" BASE);

	check_str(def->packages[0], "curl=8.0");
	check_str(def->packages[1], "htop");
	check_str(def->packages[2], "jq");
	check_str(def->packages[3], "ncdu=1.0");
	check(!def->packages[4]);
}

static void old_spellings_are_found_under_the_present_ones(void)
{
	_cleanup_(definition_freep) struct definition *def =
		load("#cloud-config\nca-certs: {remove-defaults: true}\nkbuild:\n" BASE);

	check(node_get(definition_key(def, "ca_certs"), "remove_defaults"));
	check(!definition_key(def, "ca-certs"));
}

static void the_table_is_sorted_and_says_why(void)
{
	size_t n;
	const struct cloud_key *table = cloud_key_table(&n);

	for (size_t i = 0; i < n; i++) {
		const struct cloud_key *k = &table[i];

		if (i > 0 && strcmp(table[i - 1].key, k->key) >= 0)
			check_fail("'%s' is not in its place", k->key);
		if (!k->why && !k->now)
			check_fail("'%s' has no reason", k->key);
		if (k->now && (!cloud_key_find(k->now) || cloud_key_find(k->now)->now))
			check_fail("'%s' is renamed to nothing", k->key);
		if (k->why && k->why[strlen(k->why) - 1] == '.')
			check_fail("'%s': the reason ends with a full stop", k->key);
		if (k->fate == FATE_BAKED && !k->now && !k->check)
			check_fail("'%s' is baked but not checked", k->key);
		check(cloud_key_find(k->key) == k);
	}
	check(!cloud_key_find("pakages"));
}

int main(void)
{
	run(absent_keys_have_their_defaults);
	run(the_parts_are_read);
	run(parts_can_be_switched);
	run(packages_come_in_one_form);
	run(old_spellings_are_found_under_the_present_ones);
	run(the_table_is_sorted_and_says_why);
	return done();
}
