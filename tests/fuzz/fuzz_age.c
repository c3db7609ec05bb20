/*
 * age: no crash on any file, in one piece or in many, with the same verdict. The key is fixed, so that
 * the corpus holds files that open.
 */
#include "age.h"
#include "buf.h"
#include "error.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int in_pieces(
	const struct age_identity *id, const uint8_t *data, size_t size, struct buf *out)
{
	_cleanup_(age_decrypt_freep) struct age_decrypt *a = NULL;
	struct error e = {};
	int r = age_decrypt_new(&a, id, 1, age_out_buf, out, &e);

	for (size_t at = 0, n; r == 0 && at < size; at += n) {
		n = MIN(size - at, 1 + data[at] * 7u);
		r = age_decrypt_add(a, data + at, n, &e);
	}
	return r == 0 ? age_decrypt_end(a, &e) : r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct age_identity id = { .key = { 1, 2, 3 } }, keys[2];
	_buf_ whole = BUF_INIT, pieces = BUF_INIT, text = BUF_INIT;
	struct error e = {};
	size_t n;
	int r = age_open(&id, 1, data, size, &whole, &e);

	if ((r < 0) != (in_pieces(&id, data, size, &pieces) < 0))
		abort();
	if (r == 0 && (whole.len != pieces.len ||
			      memcmp(buf_str(&whole), buf_str(&pieces), whole.len) != 0))
		abort();
	buf_add(&text, data, size);
	(void)age_identities_parse("fuzz", buf_str(&text), keys, ARRAY_SIZE(keys), &n, &e);
	return 0;
}
