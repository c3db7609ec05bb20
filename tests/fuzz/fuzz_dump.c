/*
 * A dump that streams by. The first byte chooses the format; however the rest is cut into pieces, the verdict and
 * the tables are the same.
 */
#include "error.h"
#include "scan.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int scan(struct scan *s, const uint8_t *data, size_t size, size_t step)
{
	struct error e = {};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < size; i += step)
		r = scan_add(s, data + i, MIN(step, size - i), &e);
	return r < 0 ? r : scan_end(s, &e);
}

static bool same(const struct scan *a, const struct scan *b)
{
	size_t n, m;
	const struct scan_table *x = scan_tables(a, &n), *y = scan_tables(b, &m);

	for (size_t i = 0; n == m && i < n; i++) {
		if (strcmp(x[i].name, y[i].name) != 0 || x[i].rows != y[i].rows)
			return false;
	}
	return n == m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(scan_freep) struct scan *whole = NULL;
	_cleanup_(scan_freep) struct scan *pieces = NULL;
	int first, second;

	if (size == 0)
		return 0;
	whole = scan_new(data[0] % 4);
	pieces = scan_new(data[0] % 4);
	first = scan(whole, data + 1, size - 1, size);
	second = scan(pieces, data + 1, size - 1, 1 + data[0] / 4);
	if ((first < 0) != (second < 0) || (first >= 0 && !same(whole, pieces)))
		abort();
	return 0;
}
