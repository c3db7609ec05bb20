/* What the files that read answers of the native API share. */
#pragma once

#include "base.h"

struct arena;
struct error;
struct native;
struct node;

/* GET below the project: "/region/GRA11"; NULL or "": itself. Outcomes as ovh_call(). */
int native_get(const struct native *n, const char *path, struct arena *a, struct node **ret,
	struct error *e);
/* The same where the answer must be a list; every other outcome is an error. */
int native_list(const struct native *n, const char *path, struct arena *a, struct node **ret,
	struct error *e);
/* "/cloud/project/ID" and path; in the arena. */
const char *native_path(const struct native *n, const char *path, struct arena *a);
/* path with text as a part of it, escaped; in the arena. */
const char *native_part(const char *path, const char *text, struct arena *a);
/* what must be a list: "the list of regions". */
int reply_list(const struct node *n, const char *what, struct error *e);
/* A list of texts, sorted, NULL-terminated, in the arena. */
int reply_names(const struct node *n, const char *what, struct arena *a, const char ***ret,
	struct error *e);
