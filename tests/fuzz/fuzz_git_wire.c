/*
 * What git servers send, and what lines of known_hosts are: the first byte chooses the parser, the rest is its.
 */
#include "advert.h"
#include "error.h"
#include "http1.h"
#include "known_hosts.h"
#include "url.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void list_of_branches(const uint8_t *data, size_t size)
{
	struct advert *a = malloc(sizeof *a), *b = malloc(sizeof *b);
	struct error e = { 0 };
	int whole, parts = 0;

	advert_init(a, "main");
	advert_init(b, "main");
	whole = advert_add(a, data, size, &e);
	/* However it is cut on its way, it says the same. */
	for (size_t i = 0; i < size && parts == 0 && !b->found && !b->end; i++)
		parts = advert_add(b, data + i, 1, &e);
	if (whole != parts || a->found != b->found || (a->found && strcmp(a->tip, b->tip) != 0))
		abort();
	free(a);
	free(b);
}

static void head(char *text)
{
	struct http1_head h;

	if (http1_parse_head(text, &h) && (h.status < 0 || h.status > 999 || h.length < -1))
		abort();
}

static void host(const char *text)
{
	const char *const lines[] = { text, NULL };
	char types[256];

	known_hosts_types(lines, "host", "2222", types);
	(void)known_hosts_find(lines, "host", "2222", "key", 3);
}

static void address(const char *text)
{
	_cleanup_(repo_url_free) struct repo_url u = REPO_URL_INIT;
	struct error e = { 0 };

	if (repo_url_parse(text, &u, &e) == 0 && (strpbrk(u.path, " '\"\\\n$`;") || *u.host == '-'))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 1)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	switch (data[0]) {
	case 'a':
		list_of_branches(data + 1, size - 1);
		break;
	case 'h':
		head(text);
		break;
	case 'k':
		host(text);
		break;
	case 'u':
		address(text);
		break;
	}
	free(text);
	return 0;
}
