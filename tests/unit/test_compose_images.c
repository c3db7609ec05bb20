/* Which images a Compose file names, and where it is told that this cannot be known. */
#include "compose_images.h"

#include "arena.h"
#include "buf.h"
#include "check.h"
#include "compose_vars.h"
#include "error.h"
#include "yaml_tree.h"

#define ENV                                                                                        \
	"# comment\nTAG=1.2\nexport QUOTED=\"a b\" # more\nSINGLE='x'\nBARE = y # no\nEMPTY=\n"    \
	"no line\n=x\n1=x\nOPEN=\"\nTAG=2\n"

static const struct {
	const char *text, *result; /* result NULL: it cannot be said */
	const char *missing;
} replaced[] = {
	{ "plain", "plain" },
	{ "a:$TAG", "a:2" },
	{ "a:${TAG}-x", "a:2-x" },
	{ "${QUOTED}|${SINGLE}|${BARE}|", "a b|x|y|" },
	{ "a$$TAG", "a$TAG" },
	{ "${NO:-d}${NO-d}${EMPTY:-e}${EMPTY-e}", "dde" },
	{ "${TAG:-d}${TAG-d}", "22" },
	{ "${TAG:+yes}${TAG+yes}${NO:+yes}${EMPTY:+yes}${EMPTY+yes}", "yesyesyes" },
	{ "${NO:-${ALSO-${TAG}}}", "2" },
	{ "${TAG:?must}", "2" },
	{ "${NO}", NULL, "NO" },
	{ "$NO", NULL, "NO" },
	{ "${EMPTY:?must}", NULL, "EMPTY" },
	{ "${NO:-${ALSO}}", NULL, "ALSO" },
	{ "${TAG", NULL },
	{ "${", NULL },
	{ "$", NULL },
	{ "$1", NULL },
	{ "${TAG:}", NULL },
	{ "${TAG!x}", NULL },
	{ "${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-${A:-x}}}}}}}}}", NULL },
};

static void variables_are_replaced(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct compose_vars vars;

	compose_vars_read(ENV, strlen(ENV), a, &vars);
	for (size_t i = 0; i < ARRAY_SIZE(replaced); i++) {
		_buf_ out = BUF_INIT;
		const char *missing;
		const char *why = compose_vars_replace(&vars, replaced[i].text, a, &out, &missing);

		if (!replaced[i].result != (why != NULL))
			check_fail("'%s': %s", replaced[i].text, why ? why : buf_str(&out));
		check_str(missing, replaced[i].missing);
		if (!why)
			check_str(buf_str(&out), replaced[i].result);
	}
}

struct read {
	struct arena *a;
	struct diags d;
	struct compose_images images;
};

static void read_free(struct read *r)
{
	arena_free(r->a);
	diags_free(&r->d);
}

static void read_text(struct read *r, const char *text)
{
	struct compose_vars vars;
	struct error e = {};
	struct node *doc;

	r->a = arena_new();
	compose_vars_read("TAG=2\n", 6, r->a, &vars);
	check_int(yaml_parse(&doc, r->a, "c.yml", text, strlen(text), &r->d, &e), 0);
	compose_images_read(doc, &vars, r->a, &r->images, &r->d);
}

static void images_are_found_sorted_and_once(void)
{
	_cleanup_(read_free) struct read r = {};

	read_text(&r,
		"x-web: &web {image: 'web:${TAG}'}\n"
		"services:\n"
		"  two: {<<: *web, restart: always}\n"
		"  db: {image: postgres:16}\n"
		"  one: *web\n"
		"  own: {build: ., image: 'ghcr.io/a/own:1', extends: {service: db}}\n"
		"  tool: {image: tool, profiles: [debug]}\n"
		"  always: {image: always, profiles: []}\n");
	check_int(r.d.n, 0);
	check_int(r.images.n, 4);
	check_str(r.images.v[0].text, "always");
	check_str(r.images.v[1].text, "ghcr.io/a/own:1");
	check_str(r.images.v[2].text, "postgres:16");
	check_str(r.images.v[3].text, "web:2");
	check_int(r.images.v[2].at.line, 4);
}

static const struct {
	const char *text, *id;
	unsigned line, col;
} wrong[] = {
	{ "{}", "compose-services", 1, 1 },
	{ "services: []\n", "compose-services", 1, 11 },
	{ "services: {}\n", "compose-services", 1, 11 },
	{ "services:\n  a: {}\n", "compose-image", 2, 6 },
	{ "services:\n  a: {image: }\n", "compose-image", 2, 14 },
	{ "services:\n  a: {image: 'A:'}\n", "compose-image", 2, 14 },
	{ "services:\n  a: {image: '${NO}'}\n", "compose-variable", 2, 14 },
	{ "services:\n  a: {image: '${NO'}\n", "compose-image", 2, 14 },
	{ "services:\n  a: {build: .}\n", "compose-build", 2, 14 },
	{ "services:\n  a: {extends: {service: b}}\n", "compose-extends", 2, 16 },
	{ "services:\n  a: [x]\n", "compose-image", 2, 6 },
	{ "include: [x]\nservices: {a: {image: b}}\n", "compose-include", 1, 10 },
};

static void what_cannot_be_known_is_told_where_it_stands(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		_cleanup_(read_free) struct read r = {};

		read_text(&r, wrong[i].text);
		if (r.d.n != 1)
			check_fail("%s: %zu complaints", wrong[i].text, r.d.n);
		check_str(r.d.v[0].id, wrong[i].id);
		check_int(r.d.v[0].at.line, wrong[i].line);
		check_int(r.d.v[0].at.col, wrong[i].col);
	}
}

int main(void)
{
	run(variables_are_replaced);
	run(images_are_found_sorted_and_once);
	run(what_cannot_be_known_is_told_where_it_stands);
	return done();
}
