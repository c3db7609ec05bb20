/* Templates of any content: rendered or refused, in bounds, and never for ever. */
#include "alloc.h"
#include "buf.h"
#include "error.h"
#include "jinja.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const two[] = { "a", "b", NULL }, *const none[] = { NULL };
	static const struct jinja_list lists[] = { { "pools", two }, { "servers", none }, { 0 } };
	_free_ char *text = xstrndup((const char *)data, size);
	struct error e = { 0 };
	_buf_ out = BUF_INIT;

	if (size <= 4096)
		(void)jinja_render(text, lists, &out, &e);
	return 0;
}
