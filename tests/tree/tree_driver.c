/*
 * tree_driver CACHE LIST [LOG]: makes the tree of a list of packages (written by plan.py) and prints
 * where it is. Lets the tree be tested without a definition and without the network.
 */
#include "alloc.h"
#include "buf.h"
#include "chroot.h"
#include "error.h"
#include "fd.h"
#include "interrupt.h"
#include "lock.h"
#include "progress.h"
#include "store.h"
#include "tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static struct lock_package read_line(char *line)
{
	char *save = NULL, *v[7];

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		v[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!v[i])
			abort();
	}
	return (struct lock_package){
		.name = v[0],
		.version = v[1],
		.architecture = v[2],
		.sha256 = v[3],
		.size = strtoull(v[4], NULL, 10),
		.essential = v[5][0] == '1',
		.automatic = v[6][0] == '1',
	};
}

static void read_list(struct lock *l, char *text)
{
	char *save = NULL;
	size_t cap = 0;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		l->packages = grow(l->packages, l->n, &cap, sizeof *l->packages);
		l->packages[l->n++] = read_line(line);
	}
}

static int get(const char *cache, struct lock *l, int log_fd, struct error *e)
{
	_cleanup_(store_closep) struct store *s = NULL;
	_cleanup_(progress_freep) struct progress *p = progress_new(PROGRESS_PLAIN, 2, false);
	struct tree_request q = {
		.lock = l,
		.cache_dir = cache,
		.log_fd = log_fd,
		.progress = p,
	};
	_free_ char *root = NULL;
	_close_ int lock = -1;
	int r;

	r = chroot_possible(e);
	if (r == 0)
		r = store_open(&s, cache, e);
	if (r < 0)
		return r;
	q.store = s;
	r = tree_get(&q, &root, &lock, e);
	if (r < 0)
		progress_fail(p);
	else
		puts(root);
	return r;
}

int main(int argc, char **argv)
{
	struct error e = {};
	struct lock l = { .distribution = "debian", .release = "any", .architecture = "amd64" };
	_buf_ text = BUF_INIT;
	_close_ int log_fd = -1;
	int r;

	if (argc < 3 || file_read(AT_FDCWD, argv[2], MIB, &text) < 0)
		return 2;
	if (argc > 3)
		log_fd = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	interrupt_install();
	read_list(&l, text.data);
	r = get(argv[1], &l, log_fd, &e);
	if (r < 0)
		fprintf(stderr, "%s\n", e.msg);
	free(l.packages);
	return r < 0 ? e.code : 0;
}
