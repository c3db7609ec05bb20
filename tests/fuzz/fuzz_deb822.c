/* Package lists: stanzas, their fields, and the relations in these, as the resolver reads them. */
#include "deb822.h"

#include "arena.h"
#include "depend.h"
#include "fd.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_relations(const char *p, const char *version)
{
	struct relation r;

	while (p && relation_next(&p, &r)) {
		if (r.name_len > strlen(r.name))
			abort();
		if (version && relation_satisfied(&r, version) && r.op[0] == '=' &&
			version_compare(r.version, version) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const relations[] = { "Pre-Depends", "Depends", "Recommends",
		"Provides" };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(deb822_freep) struct deb822 *d = NULL;
	struct stanza s;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || fd_write(fd, data, size) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	d = deb822_new(fd);
	while (deb822_next(d, &s) > 0) {
		const char *version = stanza_dup(&s, "Version", a);

		if (s.len == 0)
			abort();
		for (size_t i = 0; i < ARRAY_SIZE(relations); i++)
			read_relations(stanza_dup(&s, relations[i], a), version);
	}
	return 0;
}
