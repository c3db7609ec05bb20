/* Manifests and lists of them, as registries give them, and as none should. */
#include "image_manifest.h"

#include "arena.h"
#include "check.h"
#include "error.h"

#define A	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B	 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CONFIG	 "\"config\":{\"mediaType\":\"x\",\"digest\":\"sha256:" A "\",\"size\":10}"
#define LAYER(t) "{\"mediaType\":\"" t "\",\"digest\":\"sha256:" B "\",\"size\":20}"
#define GZIP	 "application/vnd.docker.image.rootfs.diff.tar.gzip"
#define ZSTD	 "application/vnd.oci.image.layer.v1.tar+zstd"
#define IMAGE(l) "{\"schemaVersion\":2," CONFIG ",\"layers\":[" l "],\"annotations\":{\"new\":1}}"

static int parse(const char *text, struct arena *a, struct image_manifest *ret, struct error *e)
{
	return image_manifest_parse(text, strlen(text), a, ret, e);
}

static void an_image_has_its_parts(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct image_manifest m;
	struct error e = {};

	check_int(parse(IMAGE(LAYER(GZIP) "," LAYER(ZSTD)), a, &m, &e), 0);
	check_str(m.config.sha256, A);
	check_int(m.config.size, 10);
	check_int(m.n, 2);
	check_str(m.layers[0].sha256, B);
	check_int(m.layers[1].size, 20);
	check(!m.layers[0].zstd && m.layers[1].zstd);
}

static const struct {
	const char *text, *message;
} wrong[] = {
	{ "{}", "schema 2" },
	{ "[]", "schema 2" },
	{ "{\"schemaVersion\":1,\"fsLayers\":[]}", "schema 2" },
	{ "{\"schemaVersion\":2}", "lists no layers" },
	{ IMAGE(""), "lists no layers" },
	{ "{\"schemaVersion\":2,\"layers\":[" LAYER(GZIP) "]}", "config" },
	{ IMAGE(LAYER("application/vnd.oci.image.layer.v1.tar+encrypted")), "tar+encrypted" },
	{ IMAGE("{\"mediaType\":\"" GZIP "\",\"digest\":\"sha256:12\",\"size\":1}"), "SHA-256" },
	{ IMAGE("{\"mediaType\":\"" GZIP "\",\"digest\":\"sha512:" A "\",\"size\":1}"), "SHA-256" },
	{ IMAGE("{\"mediaType\":\"" GZIP "\",\"digest\":\"sha256:" A "\",\"size\":-1}"), "bytes" },
	{ IMAGE("{\"mediaType\":\"" GZIP "\",\"digest\":\"sha256:" A "\",\"size\":9000000000}"),
		"bytes" },
	{ IMAGE("{\"mediaType\":\"" GZIP "\",\"size\":1}"), "digest" },
	{ "nothing", "JSON" },
};

static void what_is_no_image_is_refused(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct image_manifest m;
		struct error e = {};

		check(parse(wrong[i].text, a, &m, &e) < 0);
		if (!strstr(e.msg, wrong[i].message))
			check_fail("'%s' without '%s'", e.msg, wrong[i].message);
	}
}

#define OF(os, arch, hex)                                                                          \
	"{\"mediaType\":\"m\",\"digest\":\"sha256:" hex "\",\"size\":7,\"platform\":{\"os\":\"" os \
	"\",\"architecture\":\"" arch "\"}}"
#define INDEX(l) "{\"schemaVersion\":2,\"manifests\":[" l "]}"

static int choose(const char *text, struct image_blob *ret, struct error *e)
{
	return image_index_choose(text, strlen(text), "amd64", ret, e);
}

static void a_list_has_one_for_us(void)
{
	struct image_blob blob = {};
	struct error e = {};

	check_int(choose(INDEX(OF("linux", "arm64", A) "," OF("windows", "amd64", A) "," OF(
				 "linux", "amd64", B)),
			  &blob, &e),
		0);
	check_str(blob.sha256, B);
	check_int(blob.size, 7);
	check_int(choose(IMAGE(LAYER(GZIP)), &blob, &e), MANIFEST_IS_IMAGE);
}

static void a_list_without_one_for_us_says_what_it_has(void)
{
	struct image_blob blob = {};
	struct error e = {};

	check(choose(INDEX(OF("linux", "arm64", A) "," OF("unknown", "unknown", A)), &blob, &e) <
		0);
	check_str(e.msg, "it has no image for linux/amd64, only for linux/arm64");
	check(choose(INDEX(""), &blob, &e) < 0);
	check_str(e.msg, "it has no image for linux/amd64, only for nothing that is known");
	check(choose(INDEX("1"), &blob, &e) < 0);
	check(choose("{\"schemaVersion\":2,\"manifests\":7}", &blob, &e) < 0);
}

int main(void)
{
	run(an_image_has_its_parts);
	run(what_is_no_image_is_refused);
	run(a_list_has_one_for_us);
	run(a_list_without_one_for_us_says_what_it_has);
	return done();
}
