/*
 * Memory for one document: tree, definition and plan of one image live in one arena and die
 * together. Only for that; an arena for mixed lifetimes is a leak with a name.
 */
#pragma once

#include "base.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a);
DEFINE_CLEANUP(struct arena *, arena_free);

/* Zeroed, aligned for any type, lives as long as the arena; never NULL. */
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) _printf_(2, 3);
