/*
 * A real temporary directory for one test program: tests use the file system as it is, through a
 * directory fd. Made on first use, removed with all that is in it when the program ends.
 */
#pragma once

#include "base.h"
#include "fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char tmp_path[256];
static int tmp_dir_fd = -1;

static void tmp_remove(void)
{
	close(tmp_dir_fd);
	if (remove_all(AT_FDCWD, tmp_path) < 0)
		fprintf(stderr, "# cannot remove %s\n", tmp_path);
}

/* The directory's fd; its absolute path is then in tmp_path. */
static inline int tmp_fd(void)
{
	const char *base = getenv("TMPDIR");

	if (tmp_dir_fd >= 0)
		return tmp_dir_fd;
	snprintf(tmp_path, sizeof tmp_path, "%s/kbuild-test-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(tmp_path) || (tmp_dir_fd = open(tmp_path, O_DIRECTORY | O_CLOEXEC)) < 0) {
		perror(tmp_path);
		exit(99);
	}
	atexit(tmp_remove);
	return tmp_dir_fd;
}

/* tmp_path/name, in one of four static buffers. */
static inline const char *tmp_name(const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *p = paths[next++ % 4];

	tmp_fd();
	snprintf(p, sizeof paths[0], "%s/%s", tmp_path, name);
	return p;
}
