/* The arena: zeroed, aligned, and everything stays where it was given. */
#include "arena.h"

#include "check.h"

static void memory_is_zeroed_and_aligned(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();

	for (size_t size = 0; size < 300; size++) {
		char *p = arena_alloc(a, size);

		check_int((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			check_int(p[i], 0);
		memset(p, 0xff, size);
	}
}

static void large_and_small_do_not_overlap(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	char *p[200];
	static const size_t sizes[] = { 1, 70000, 16, 65536, 17, 65535, 4096, 200000 };

	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = arena_alloc(a, sizes[i % ARRAY_SIZE(sizes)]);
		memset(p[i], (int)i, sizes[i % ARRAY_SIZE(sizes)]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(p); i++) {
		for (size_t k = 0; k < sizes[i % ARRAY_SIZE(sizes)]; k++)
			check_int((unsigned char)p[i][k], i);
	}
}

static void strings_are_copied(void)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	char text[] = "trixie";
	char *s = arena_strdup(a, text), *n = arena_strndup(a, text, 3);

	text[0] = 'T';
	check_str(s, "trixie");
	check_str(n, "tri");
	check_str(arena_printf(a, "%s/%d", s, 13), "trixie/13");
}

static void freeing_nothing_is_allowed(void)
{
	arena_free(NULL);
	arena_free(arena_new());
}

int main(void)
{
	run(memory_is_zeroed_and_aligned);
	run(large_and_small_do_not_overlap);
	run(strings_are_copied);
	run(freeing_nothing_is_allowed);
	return done();
}
