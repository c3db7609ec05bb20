/*
 * glibc's resolver asks, because it knows where this machine's resolver is; the answer is read by our own
 * reader of DNS messages, which takes nothing on trust.
 */
#include "name_servers.h"

#include "arena.h"
#include "dns_wire.h"
#include "error.h"

#include <ctype.h>
#include <netdb.h>
#include <resolv.h>
#include <string.h>

#define IN 1 /* the class of the internet */

char *name_server_form(const char *name, struct arena *a)
{
	size_t len = strlen(name);
	char *form = arena_strndup(a, name, len && name[len - 1] == '.' ? len - 1 : len);

	for (char *p = form; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return form;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int name_servers(const char *zone, struct arena *a, const char ***ret, struct error *e)
{
	unsigned char *answer = arena_alloc(a, DNS_SIZE_MAX);
	struct dns_reply reply = {};
	const char **names;
	size_t n = 0;
	int len = res_query(zone, IN, DNS_NS, answer, DNS_SIZE_MAX);

	if (len < 0 && h_errno != HOST_NOT_FOUND && h_errno != NO_DATA)
		return error_set(e, ERR_NETWORK, "asking for the name servers of %s: %s", zone,
			hstrerror(h_errno));
	if (len >= 0 && dns_reply_read(&reply, a, answer, (size_t)MIN(len, DNS_SIZE_MAX)) < 0)
		return error_set(e, ERR_NETWORK,
			"asking for the name servers of %s: the answer is broken", zone);
	names = arena_alloc(a, (reply.n + 1) * sizeof *names);
	for (size_t i = 0; i < reply.n; i++) {
		if (reply.answers[i].type == DNS_NS)
			names[n++] = name_server_form(reply.answers[i].text, a);
	}
	qsort(names, n, sizeof *names, compare);
	*ret = names;
	return 0;
}
