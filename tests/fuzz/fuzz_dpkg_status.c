/* Lines of dpkg and of maintainer scripts, which may print anything. */
#include "dpkg_status.h"

#include "alloc.h"
#include "error.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(dpkg_status_freep) struct dpkg_status *s = dpkg_status_new();
	_free_ char *text = xstrndup((const char *)data, size);
	struct error e = {};
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *stage = NULL, *package = NULL;

		if (dpkg_status_line(s, line, &stage, &package) == DPKG_BEGINS &&
			(!stage || !package || package <= stage))
			abort();
	}
	if (dpkg_status_error(s, 1, &e) != -ERR_FAILED || !e.msg[0])
		abort();
	return 0;
}
