/* The bill of materials: what it names, and how. That its form is right is judged in tests/vm. */
#include "check.h"
#include "sbom.h"

#include "arena.h"
#include "buf.h"
#include "error.h"
#include "json.h"
#include "lock.h"
#include "node.h"

#define IMAGE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HASH  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static const struct node *format(const struct sbom *s, struct arena *a)
{
	struct node *root = NULL;
	struct error e = {};
	_buf_ text = BUF_INIT;

	sbom_format(s, &text);
	if (json_parse(&root, a, "sbom", buf_str(&text), text.len, &e) < 0)
		check_fail("%s", e.msg);
	return root;
}

static void packages_have_urls(void)
{
	static const struct {
		const char *name, *version, *file, *purl;
	} rows[] = {
		{ "libssl3", "3.0.2-1", "pool/main/o/openssl/libssl3_3.0.2-1_amd64.deb",
			"pkg:deb/debian/libssl3@3.0.2-1?arch=amd64&distro=debian-13&upstream=openssl" },
		{ "libxml2", "2.9+dfsg~1", "pool/main/libx/libxml2/libxml2_2.9_amd64.deb",
			"pkg:deb/debian/libxml2@2.9%2Bdfsg~1?arch=amd64&distro=debian-13&upstream=libxml2" },
		{ "lib", "1", "pool/main/l/lib/lib_1_amd64.deb",
			"pkg:deb/debian/lib@1?arch=amd64&distro=debian-13&upstream=lib" },
		{ "g++", "4:12", "pool/updates/main/g/gcc-defaults/g++_12_amd64.deb",
			"pkg:deb/debian/g%2B%2B@4%3A12?arch=amd64&distro=debian-13&upstream=gcc-defaults" },
		/* Archives that are laid out otherwise. */
		{ "docker-ce", "1", "dists/trixie/pool/stable/amd64/docker-ce_1_amd64.deb",
			"pkg:deb/debian/docker-ce@1?arch=amd64&distro=debian-13" },
		{ "a", "1", "pool/stable/amd64/a_1_amd64.deb",
			"pkg:deb/debian/a@1?arch=amd64&distro=debian-13" },
		{ "a", "1", "pool/a.deb", "pkg:deb/debian/a@1?arch=amd64&distro=debian-13" },
		{ "a", "1", "a.deb", "pkg:deb/debian/a@1?arch=amd64&distro=debian-13" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct lock_package p = { .name = rows[i].name,
			.version = rows[i].version,
			.architecture = "amd64",
			.sha256 = HASH,
			.file = rows[i].file };
		const struct lock lock = { .distribution = "debian", .packages = &p, .n = 1 };
		const struct sbom s = {
			.lock = &lock, .name = "web", .id = IMAGE, .version = "13"
		};
		const struct node *c = node_get(format(&s, a), "components");

		check_int((long)c->n, 2); /* and the distribution */
		check_str(node_str(node_get(c->items[0], "purl")), rows[i].purl);
		check_str(node_str(node_get(c->items[0], "name")), rows[i].name);
		check_str(node_str(node_get(c->items[0], "version")), rows[i].version);
	}
}

/* Each thing that is named is also a part of the image, under the name it has here. */
static void all_is_part_of_the_image(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct lock_package packages[] = {
		{ .name = "a", .version = "1", .architecture = "all", .sha256 = HASH, .file = "a" },
		{ .name = "b", .version = "1", .architecture = "all", .sha256 = HASH, .file = "b" },
	};
	struct lock_container container = { .reference = "traefik:3", .sha256 = HASH };
	const struct lock lock = { .distribution = "ubuntu",
		.packages = packages,
		.n = 2,
		.containers = &container,
		.n_containers = 1 };
	const struct sbom s = {
		.lock = &lock, .name = "we\"b", .id = IMAGE, .version = "24.04", .agent = HASH
	};
	const struct node *root = format(&s, a), *components = node_get(root, "components"), *parts;

	check_str(node_str(node_get(root, "serialNumber")),
		"urn:uuid:01234567-89ab-8cde-8f01-23456789abcd");
	check_str(node_str(node_get(node_get(node_get(root, "metadata"), "component"), "name")),
		"we\"b");
	parts = node_get(node_get(root, "dependencies")->items[0], "dependsOn");
	check_int((long)components->n, 5);
	check_int((long)parts->n, 5);
	for (size_t i = 0; i < parts->n && i < components->n; i++)
		check_str(node_str(parts->items[i]),
			node_str(node_get(components->items[i], "bom-ref")));
	check_str(node_str(node_get(components->items[2], "version")), "sha256:" HASH);
	check_str(node_str(node_get(components->items[4], "version")), "24.04");
}

int main(void)
{
	run(packages_have_urls);
	run(all_is_part_of_the_image);
	return done();
}
