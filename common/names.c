/* The one place that reads directories: all names first, so that whoever goes through them may change it. */
#include "names.h"

#include "alloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

void names_free(struct names *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct names)NAMES_INIT;
}

void names_add(struct names *s, const char *name)
{
	s->v = grow(s->v, s->n, &s->cap, sizeof *s->v);
	s->v[s->n++] = xstrdup(name);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_sort(struct names *s)
{
	if (s->n)
		qsort(s->v, s->n, sizeof *s->v, compare);
}

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

int names_read(struct names *s, int dirfd, const char *path)
{
	_close_ int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_(closedirp) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *ent;

	if (!d)
		return -errno;
	(void)TAKE_FD(fd);
	while (errno = 0, (ent = readdir(d))) {
		if (strcmp(ent->d_name, ".") != 0 && strcmp(ent->d_name, "..") != 0)
			names_add(s, ent->d_name);
	}
	if (errno)
		return -errno;
	names_sort(s);
	return 0;
}
