/*
 * From a release to a plan: Compose renders it in its jail, the policy judges what came out, and what
 * was judged is made independent of the release: binds become copies by content, images digests.
 */
#pragma once

#include "base.h"

struct arena;
struct broker;
struct buf;
struct content_extra;
struct error;
struct node;
struct policy;

/*
 * Judges text in a process of its own that can do nothing else. 0; ERR_INVALID with what is refused, and
 * also when the judge did not come to an end.
 */
int render_judge(const struct policy *p, const struct buf *text, struct error *e);

/* Puts copies in the place of every path in the release. */
int render_bind(const struct broker *b, struct arena *arena, struct node *doc, int release_fd,
	const struct content_extra *extra, struct error *e);
