/* A backup's manifest, which comes back from a bucket too: no crash; what is read is written as an equal one. */
#include "arena.h"
#include "buf.h"
#include "error.h"
#include "manifest.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_buf_ first = BUF_INIT;
	_buf_ second = BUF_INIT;
	struct manifest m = { 0 }, again = { 0 };
	struct error e = {};

	if (manifest_parse(&m, a, (const char *)data, size, &e) < 0)
		return 0;
	if (!backup_id_valid(m.id))
		abort();
	for (size_t i = 0; i < m.n_files; i++) {
		if (strchr(m.files[i].name, '/') || m.files[i].name[0] == '.')
			abort();
	}
	manifest_write(&m, &first);
	if (manifest_parse(&again, a, buf_str(&first), first.len, &e) < 0)
		abort();
	manifest_write(&again, &second);
	if (strcmp(buf_str(&first), buf_str(&second)) != 0)
		abort();
	return 0;
}
