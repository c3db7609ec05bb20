/* See advert.h. The packets are those of gitprotocol-pack(5): four hexadecimal digits, then that many bytes. */
#include "advert.h"

#include "error.h"

#include <ctype.h>
#include <string.h>

#define HEADS "refs/heads/"

void advert_init(struct advert *a, const char *branch)
{
	a->branch = branch;
	a->found = a->end = a->header = false;
	a->total = a->have = 0;
}

static int garbled(struct error *e)
{
	return error_set(e, ERR_FAILED, "the server does not answer as a git server");
}

/* What a server wants to be read by people: printable, one line. */
static int said(const char *text, struct error *e)
{
	char line[200];
	size_t n = 0;

	for (; *text && *text != '\n' && n < sizeof line - 1; text++)
		line[n++] = *text >= ' ' && *text <= '~' ? *text : '?';
	line[n] = '\0';
	return error_set(e, ERR_FAILED, "the git server says: %s", line);
}

static bool is_sha(const char *s)
{
	return strspn(s, "0123456789abcdef") >= REPO_SHA - 1;
}

/* One packet's text, NUL-terminated: "SHA refs/heads/NAME\0capabilities" or "SHA NAME\n". */
static int take(struct advert *a, char *text, size_t len, struct error *e)
{
	const char *name = text + REPO_SHA;
	size_t n;

	if (strncmp(text, "ERR ", 4) == 0)
		return said(text + 4, e);
	a->header = strncmp(text, "# service=", 10) == 0;
	if (a->header || strncmp(text, "version 1", 9) == 0 || strncmp(text, "shallow ", 8) == 0)
		return 0;
	if (len < REPO_SHA || !is_sha(text) || text[REPO_SHA - 1] != ' ')
		return garbled(e);
	n = strlen(name);
	if (n > 0 && name[n - 1] == '\n')
		n--;
	if (n != strlen(HEADS) + strlen(a->branch) || memcmp(name, HEADS, strlen(HEADS)) != 0 ||
		memcmp(name + strlen(HEADS), a->branch, strlen(a->branch)) != 0)
		return 0;
	memcpy(a->tip, text, REPO_SHA - 1);
	a->tip[REPO_SHA - 1] = '\0';
	a->found = true;
	return 0;
}

/* The length that a packet says, or -1. */
static int packet_length(const char *p)
{
	int n = 0;

	for (int i = 0; i < 4; i++) {
		if (!isxdigit((unsigned char)p[i]))
			return -1;
		n = n * 16 + (isdigit((unsigned char)p[i]) ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
	}
	return n;
}

/* How many bytes of the packet are wanted in all, as far as is known. */
static int wanted(const struct advert *a, size_t *ret, struct error *e)
{
	int n;

	*ret = 4;
	if (a->have < 4)
		return 0;
	n = packet_length(a->packet);
	if (n < 0 || (n > 0 && n < 4) || n >= (int)sizeof a->packet)
		return garbled(e);
	*ret = n ? (size_t)n : 4;
	return 0;
}

int advert_add(struct advert *a, const void *data, size_t len, struct error *e)
{
	const char *p = data;

	a->total += len;
	if (a->total > ADVERT_MAX)
		return error_set(e, ERR_FAILED, "the repository has too many branches and tags");
	while (!a->found && !a->end) {
		size_t want, n;
		int r = wanted(a, &want, e);

		if (r < 0)
			return r;
		if (a->have < want) {
			if (len == 0)
				return 0;
			n = MIN(want - a->have, len);
			memcpy(a->packet + a->have, p, n);
			a->have += n;
			p += n;
			len -= n;
			continue;
		}
		a->have = 0;
		if (memcmp(a->packet, "0000", 4) == 0) {
			/* Over HTTP, one stands between the name of the service and the list. */
			a->end = !a->header;
			a->header = false;
			continue;
		}
		a->packet[want] = '\0';
		r = take(a, a->packet + 4, want - 4, e);
		if (r < 0)
			return r;
	}
	return 0;
}
