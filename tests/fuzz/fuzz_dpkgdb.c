/* dpkg's database, whatever stands in it: a list has two words a line, and equals itself. */
#include "alloc.h"
#include "buf.h"
#include "dpkgdb.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note(void *arg, const char *name, const char *before, const char *now)
{
	if (!name || (!before && !now))
		abort();
	(*(size_t *)arg)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_free_ char *status = xmalloc(size + 1);
	_buf_ list = BUF_INIT;
	_free_ char *same = NULL;
	char none[] = "";
	size_t told = 0;

	memcpy(status, data, size);
	status[size] = '\0';
	/* As a file is read: a NUL ends what can be compared. */
	dpkgdb_list(status, strlen(status), &list);
	same = xstrdup(buf_str(&list));
	if (list.len) {
		_free_ char *again = xstrdup(buf_str(&list));
		_free_ char *other = xstrdup(buf_str(&list));

		if (dpkgdb_compare(again, same, note, &told) != 0)
			abort();
		if (dpkgdb_compare(none, other, note, &told) != told)
			abort();
	}
	return 0;
}
