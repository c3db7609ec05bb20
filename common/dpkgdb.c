/* See dpkgdb.h. deb822 as dpkg writes it: no comments, names at the beginning of lines. */
#include "dpkgdb.h"

#include "alloc.h"
#include "buf.h"

#include <string.h>

struct field {
	const char *at;
	size_t len;
};

/* The value of a line "KEY: VALUE", when it is that key's. */
static void take(const char *line, size_t len, const char *key, struct field *f)
{
	size_t n = strlen(key);

	if (len > n && strncmp(line, key, n) == 0) {
		f->at = line + n;
		f->len = len - n;
	}
}

static bool is_installed(const struct field *status)
{
	static const char word[] = " installed";
	const size_t n = sizeof word - 1;

	return status->len > n && memcmp(status->at + status->len - n, word, n) == 0;
}

static void end_package(struct field f[3], struct buf *ret)
{
	/* Blanks would make another line of it. */
	if (f[0].len > 0 && f[1].len > 0 && is_installed(&f[2]) &&
		!memchr(f[0].at, ' ', f[0].len) && !memchr(f[1].at, ' ', f[1].len)) {
		buf_add(ret, f[0].at, f[0].len);
		buf_addc(ret, ' ');
		buf_add(ret, f[1].at, f[1].len);
		buf_addc(ret, '\n');
	}
	memset(f, 0, 3 * sizeof *f);
}

void dpkgdb_list(const char *status, size_t len, struct buf *ret)
{
	const char *end = status + len;
	struct field f[3] = { { 0 } };

	for (const char *line = status; line < end;) {
		const char *nl = memchr(line, '\n', (size_t)(end - line));
		size_t n = nl ? (size_t)(nl - line) : (size_t)(end - line);

		if (n == 0)
			end_package(f, ret);
		take(line, n, "Package: ", &f[0]);
		take(line, n, "Version: ", &f[1]);
		take(line, n, "Status: ", &f[2]);
		line += n + 1;
	}
	end_package(f, ret);
}

struct line {
	const char *name, *version;
};

static int by_name(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : strcmp(x->version, y->version);
}

/* Returns new, sorted; the texts stay where they are. */
static struct line *split(char *text, size_t *ret_n)
{
	struct line *lines = NULL;
	size_t n = 0, cap = 0;
	char *save = NULL;

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char *blank = strchr(l, ' ');

		if (!blank)
			continue;
		*blank = '\0';
		lines = grow(lines, n, &cap, sizeof *lines);
		lines[n++] = (struct line){ l, blank + 1 };
	}
	if (n > 0)
		qsort(lines, n, sizeof *lines, by_name);
	*ret_n = n;
	return lines;
}

size_t dpkgdb_compare(char *before, char *now, dpkgdb_change change, void *arg)
{
	size_t nb, nn, i = 0, k = 0, changes = 0;
	_free_ struct line *b = split(before, &nb);
	_free_ struct line *n = split(now, &nn);

	while (i < nb || k < nn) {
		int order = i == nb ? 1 : k == nn ? -1 : strcmp(b[i].name, n[k].name);

		if (order == 0 && strcmp(b[i].version, n[k].version) == 0) {
			i++;
			k++;
			continue;
		}
		changes++;
		change(arg, order <= 0 ? b[i].name : n[k].name, order <= 0 ? b[i].version : NULL,
			order >= 0 ? n[k].version : NULL);
		i += order <= 0;
		k += order >= 0;
	}
	return changes;
}
