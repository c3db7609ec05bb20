/*
 * The store on a command line, for the black-box tests: reads "SHA256 SIZE NAME URL…" lines and
 * fetches them; exits with the error's code.
 *
 *   store_driver CACHE [--offline] [--plain] [--verify] < list
 */
#include "alloc.h"
#include "buf.h"
#include "clock.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"
#include "progress.h"
#include "store.h"

#include <stdio.h>
#include <string.h>

#define ITEMS_MAX 4096
#define URLS_MAX  8

struct list {
	struct store_item items[ITEMS_MAX];
	const char *urls[ITEMS_MAX][URLS_MAX + 1];
	const char *sha256[ITEMS_MAX];
	size_t n;
};

static void read_list(struct list *l, char *text)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")) && l->n < ITEMS_MAX) {
		struct store_item *item = &l->items[l->n];
		char *word;

		item->sha256 = strsep(&line, " ");
		if (!line)
			continue;
		item->size = strtoull(strsep(&line, " "), NULL, 10);
		item->name = strsep(&line, " ");
		for (size_t u = 0; u < URLS_MAX && (word = strsep(&line, " ")); u++)
			l->urls[l->n][u] = word;
		item->urls = l->urls[l->n];
		l->sha256[l->n++] = item->sha256;
	}
}

static int make_plain(struct store *s, const struct list *l, struct error *e)
{
	int64_t begun = clock_now_ms(&clock_real);
	int r = store_plain_start(s, l->sha256, l->n, e);

	for (size_t i = 0; r == 0 && i < l->n; i++) {
		_free_ char *path = NULL;

		r = store_plain(s, l->sha256[i], &path, e);
		if (r == 0)
			printf("%s\n", path);
	}
	if (r < 0)
		return r;
	fprintf(stderr, "plain: %lld ms\n", (long long)(clock_now_ms(&clock_real) - begun));
	return store_plain_join(s, e);
}

static int drive(const char *cache, const struct list *l, char **flags, struct error *e)
{
	_cleanup_(progress_freep) struct progress *p = progress_new(PROGRESS_AUTO, 2, false);
	_cleanup_(store_closep) struct store *s = NULL;
	bool offline = false, plain = false, verify = false;
	int r = store_open(&s, cache, e);

	for (; *flags; flags++) {
		offline |= strcmp(*flags, "--offline") == 0;
		plain |= strcmp(*flags, "--plain") == 0;
		verify |= strcmp(*flags, "--verify") == 0;
	}
	if (r == 0)
		r = store_fetch(s, l->items, l->n, offline, p, e);
	for (size_t i = 0; verify && r == 0 && i < l->n; i++)
		r = store_verify(s, l->sha256[i], e);
	if (plain && r == 0)
		r = make_plain(s, l, e);
	if (r < 0)
		progress_fail(p);
	return r;
}

int main(int argc, char **argv)
{
	static struct list l;
	_buf_ text = BUF_INIT;
	struct error e = {};

	interrupt_install();
	if (argc < 2 || fd_read(0, 64 * MIB, &text) < 0)
		return ERR_USAGE;
	buf_adds(&text, "");
	read_list(&l, text.data);
	if (drive(argv[1], &l, argv + 2, &e) < 0) {
		fprintf(stderr, "error: %s\n", e.msg);
		return e.code;
	}
	return 0;
}
