/*
 * The session by hand, for tests against real services, each line of standard input one thing to do:
 *
 *   call SERVICE REGION METHOD PATH [BODY]     prints "OUTCOME JSON", or the error
 *   list SERVICE REGION PATH KEY               prints the number of items
 *   version SERVICE REGION                     the highest microversion
 *   regions SERVICE
 *   project
 *   token LIFE                                 prints the token's digest, not the token
 *   forget                                     the token
 *   sleep MS
 *
 * REGION "-": the default one. Usage: os_tool CACHE-DIRECTORY [CLOUD]
 */
#include "os.h"

#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "digest.h"
#include "error.h"
#include "http.h"
#include "node.h"

#include <stdio.h>
#include <string.h>

#define WORDS 6

struct tool {
	struct os *os;
	struct arena *arena;
};

static enum os_service service(const char *name)
{
	static const char *const names[] = { "identity", "image", "compute", "network", "volume",
		"placement" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (name && strcmp(names[i], name) == 0)
			return (enum os_service)i;
	fprintf(stderr, "no service '%s'\n", name ? name : "");
	exit(2);
}

static const char *region(const char *word)
{
	return word && strcmp(word, "-") != 0 ? word : NULL;
}

static int call(struct tool *t, char **w, struct error *e)
{
	struct os_query q = {
		.service = service(w[1]),
		.region = region(w[2]),
		.method = w[3],
		.path = w[4],
		.body = w[5],
		.microversion = getenv("MICROVERSION"),
	};
	struct node *answer = NULL;
	_buf_ out = BUF_INIT;
	int r = os_call(t->os, &q, t->arena, &answer, e);

	if (r != 0)
		return r;
	node_write_json(answer, 0, &out);
	printf("0 %s\n", buf_str(&out));
	return 0;
}

static int list(struct tool *t, char **w, struct error *e)
{
	struct os_query q = {
		.service = service(w[1]), .region = region(w[2]), .method = "GET", .path = w[3]
	};
	struct node *all = NULL;
	int r = os_list(t->os, &q, w[4], t->arena, &all, e);

	if (r == 0)
		printf("0 %zu\n", all->n);
	return r;
}

static int version(struct tool *t, char **w, struct error *e)
{
	const char *found = NULL;
	int r = os_microversion(t->os, service(w[1]), region(w[2]), t->arena, &found, e);

	if (r == 0)
		printf("0 %s\n", found);
	return r;
}

static int regions(struct tool *t, char **w, struct error *e)
{
	const char *const *v = NULL;
	int r = os_regions(t->os, service(w[1]), t->arena, &v, e);

	if (r != 0)
		return r;
	printf("0");
	for (; *v; v++)
		printf(" %s", *v);
	printf("\n");
	return 0;
}

static int project(struct tool *t, char **w _unused_, struct error *e)
{
	const char *id = NULL;
	int r = os_project(t->os, t->arena, &id, e);

	if (r == 0)
		printf("0 %s\n", id);
	return r;
}

static int token(struct tool *t, char **w, struct error *e)
{
	char hex[SHA256_HEX];
	const char *text;
	int r = os_token(t->os, w[1] ? atoll(w[1]) : 0, &text, e);

	if (r != 0)
		return r;
	sha256_bytes(text, strlen(text), hex);
	printf("0 %.16s\n", hex);
	return 0;
}

static int forget(struct tool *t, char **w _unused_, struct error *e _unused_)
{
	os_token_forget(t->os);
	printf("0\n");
	return 0;
}

static int pause_ms(struct tool *t _unused_, char **w, struct error *e _unused_)
{
	clock_sleep_ms(&clock_real, w[1] ? atoll(w[1]) : 0);
	printf("0\n");
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct tool *t, char **w, struct error *e);
} things[] = { { "call", call }, { "list", list }, { "version", version }, { "regions", regions },
	{ "project", project }, { "token", token }, { "forget", forget }, { "sleep", pause_ms } };

static void act(struct tool *t, char *line)
{
	struct error e = { 0 };
	char *w[WORDS + 1] = { NULL }, *rest = line;
	int r = -ERR_USAGE;

	/* The last word is all that is left: a body has blanks. */
	for (size_t n = 0; n < WORDS && rest && *rest; n++)
		w[n] = n + 1 < WORDS ? strsep(&rest, " ") : rest;
	for (size_t i = 0; i < ARRAY_SIZE(things); i++)
		if (w[0] && strcmp(things[i].name, w[0]) == 0)
			r = things[i].run(t, w, &e);
	if (r != 0)
		printf("%d %s\n", r, e.msg);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	_cleanup_(http_curl_freep) struct http_curl *curl = http_curl_new();
	const struct http http = http_curl_seam(curl);
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct tool t = { .arena = arena };
	struct os_access k = { 0 };
	struct error e = { 0 };
	char line[65536];
	int r;

	if (argc < 2)
		return 2;
	r = os_access_read(&k, argc > 2 ? argv[2] : NULL, NULL, t.arena, &e);
	if (r == 0)
		r = os_new(&t.os, &k, &http, &clock_real, argv[1], &e);
	if (r < 0) {
		printf("%d %s\n", r, e.msg);
		return -r;
	}
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = '\0';
		act(&t, line);
	}
	fprintf(stderr, "calls: %u\n", os_calls(t.os));
	os_free(t.os);
	return 0;
}
