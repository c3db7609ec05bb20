/* The colon-separated files of passwd(5) and group(5), read afresh at each question: they are small. */
#include "account.h"
#include "buf.h"
#include "rootfd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCOUNTS_MAX MIB

/* Copies the line of name without its newline. 0, ACCOUNT_ABSENT or -errno. */
static int find_line(int root, const char *path, const char *name, char *ret, size_t size)
{
	_buf_ text = BUF_INIT;
	size_t len = strlen(name);
	int r = rootfd_read(root, path, ACCOUNTS_MAX, &text);

	if (r == -ENOENT)
		return ACCOUNT_ABSENT;
	if (r < 0)
		return r;
	for (const char *p = buf_str(&text); *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (strncmp(p, name, len) == 0 && p[len] == ':') {
			snprintf(ret, size, "%.*s", (int)strcspn(p, "\n"), p);
			return 0;
		}
	return ACCOUNT_ABSENT;
}

/* The n-th field (from 0), ended in place. */
static char *field(char *line, unsigned n)
{
	while (n-- > 0) {
		line += strcspn(line, ":");
		line += *line == ':';
	}
	return line;
}

static void field_copy(char *line, unsigned n, char *ret, size_t size)
{
	const char *f = field(line, n);

	snprintf(ret, size, "%.*s", (int)strcspn(f, ":"), f);
}

int account_user(int root, const char *name, struct account *ret)
{
	char line[1024];
	int r = find_line(root, "/etc/passwd", name, line, sizeof line);

	if (r != 0)
		return r;
	ret->uid = (uid_t)strtoul(field(line, 2), NULL, 10);
	ret->gid = (gid_t)strtoul(field(line, 3), NULL, 10);
	field_copy(line, 5, ret->home, sizeof ret->home);
	return 0;
}

int account_group(int root, const char *name, gid_t *ret)
{
	char line[1024]; /* the numbers stand before the members, so a cut line does no harm */
	int r = find_line(root, "/etc/group", name, line, sizeof line);

	if (r != 0)
		return r;
	*ret = (gid_t)strtoul(field(line, 2), NULL, 10);
	return 0;
}
