/* What services say of errors, in JSON, HTML, or neither: it becomes one line that a terminal can bear. */
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "http.h"
#include "os_parts.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(http_response_free) struct http_response res = HTTP_RESPONSE_INIT;
	const struct os_own own = { .service = OS_COMPUTE };
	const struct api_call c = { .who = "compute", .method = "GET", .path = "/x", .own = &own };
	struct error e = { 0 };

	res.status = 400;
	if (size)
		buf_add(&res.body, data, size);
	(void)os_judge(&res, true);
	os_complain(&c, &res, false, &e);
	if (e.code != ERR_FAILED || strncmp(e.msg, "compute: GET /x: 400", 20) != 0)
		abort();
	for (const char *p = e.msg; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			abort();
	return 0;
}
