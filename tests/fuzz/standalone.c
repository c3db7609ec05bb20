/*
 * The fuzzers without an engine: runs each file of the corpus once, so that what a fuzzer once
 * found is an ordinary test everywhere. Prints TAP; a crash is the failure.
 */
#include "alloc.h"
#include "buf.h"
#include "fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int visible(const struct dirent *ent)
{
	return ent->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	struct dirent **entries;
	int n = argc == 2 ? scandir(argv[1], &entries, visible, alphasort) : -1;

	if (n <= 0) {
		printf("Bail out! usage: %s DIRECTORY (one that is not empty)\n", argv[0]);
		return 1;
	}
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		_free_ char *path = xasprintf("%s/%s", argv[1], entries[i]->d_name);
		_buf_ b = BUF_INIT;
		int r = file_read(AT_FDCWD, path, 64 * MIB, &b);
		/* An allocation of exactly its size, so that a read past its end is seen. */
		_free_ uint8_t *exact = xmalloc(b.len);

		if (b.len)
			memcpy(exact, b.data, b.len);
		if (r == 0)
			LLVMFuzzerTestOneInput(exact, b.len);
		printf("%sok %d - %s\n", r < 0 ? "not " : "", i + 1, entries[i]->d_name);
		fflush(stdout);
		free(entries[i]);
	}
	free(entries);
	return 0;
}
